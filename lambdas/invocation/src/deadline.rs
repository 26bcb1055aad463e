use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// What is kept back of an invocation's time, so that stopping and answering fit in.
const RESERVE: Duration = Duration::from_secs(5);

/// When an invocation has to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// When work stops.
    pub work: Instant,
    /// When an answer has to be given, whatever state things are in.
    pub answer: Instant,
}

impl Deadline {
    /// The deadline of an invocation that Lambda ends at `end`. None if that has passed already: emulators of Lambda
    /// are known to send a duration where a point in time belongs.
    #[must_use]
    pub fn of(end: SystemTime) -> Option<Self> {
        let left = end.duration_since(SystemTime::now()).ok().filter(|left| !left.is_zero())?;
        let now = Instant::now();
        // A function with little time still needs most of it to work.
        let reserve = RESERVE.min(left / 5);
        Some(Self { work: now.checked_add(left - reserve)?, answer: now.checked_add(left - reserve / 2)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn leaves_time_to_answer() {
        for (left, work) in [(900, 895), (20, 16), (1, 0)] {
            let deadline = Deadline::of(SystemTime::now() + Duration::from_secs(left)).unwrap();
            let works = deadline.work - Instant::now();
            assert!(works.as_secs().abs_diff(work) <= 1, "{left}: {works:?}");
            assert!(deadline.work < deadline.answer);
        }
    }

    #[tokio::test]
    async fn a_deadline_in_the_past_is_none() {
        assert_eq!(Deadline::of(SystemTime::UNIX_EPOCH + Duration::from_secs(600)), None);
    }
}
