use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What may have been saved up by waiting: timers are no finer than a millisecond.
const SLACK: Duration = Duration::from_millis(5);

/// The bandwidth of one direction of one connection, shared by all bodies that pass there.
#[derive(Debug)]
pub(crate) struct Pace {
    bytes_per_second: u64,
    free_at: Mutex<Instant>,
}

impl Pace {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second, free_at: Mutex::new(Instant::now()) }
    }

    /// Takes room for so many bytes, and tells when they have passed.
    pub(crate) fn take(&self, bytes: usize) -> Instant {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let from = now.checked_sub(SLACK).map_or(now, |earliest| earliest.max(*free_at));
        let nanos = (bytes as u128 * 1_000_000_000) / u128::from(self.bytes_per_second);
        *free_at = from + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        *free_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bytes_pass_at_the_rate_and_no_faster_after_a_rest() {
        let pace = Pace::new(1_000_000);
        let start = Instant::now();
        let mut last = start;
        for _ in 0..100 {
            last = pace.take(10_000);
        }
        let took = last - start;
        assert!((Duration::from_millis(995)..=Duration::from_secs(1)).contains(&took), "{took:?}");
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(pace.take(1_000_000) >= Instant::now() + Duration::from_millis(995));
    }
}
