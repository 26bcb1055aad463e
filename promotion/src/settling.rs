//! Waiting until a registry shows what it stored. Many answer a read from a copy that is seconds behind: ghcr.io and
//! Docker Hub show no tag, or the one before, for up to 30 seconds (junjo#19).

use std::fmt;
use std::time::Duration;

/// How often a registry is looked at once more within the time that it may take.
const LOOKS: u32 = 6;

/// The pauses between looks at a registry that may take so long: each twice the one before, and all of them together
/// that long.
pub(crate) fn pauses(lag: Duration) -> impl Iterator<Item = Duration> + Send {
    let parts = (1 << LOOKS) - 1;
    (0..LOOKS).map(move |nth| lag * (1 << nth) / parts)
}

/// Something that a target should have and does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loss {
    /// What, and where.
    pub(crate) what: String,
    /// Whether it was seen there before: then it was deleted. Otherwise it is not known whether it ever was there.
    pub(crate) was_seen: bool,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_look_is_soon_and_the_last_one_when_the_time_is_over() {
        let pauses: Vec<_> = pauses(Duration::from_secs(63)).map(|pause| pause.as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32]);
    }
}
