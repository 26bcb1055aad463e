//! Whether several connections to a source bring a large blob sooner than one does: measured, not assumed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// After so many bytes the rate is looked at.
pub(super) const WINDOW: u64 = 16 << 20;

/// A connection that brings as many bytes in a second is fast enough: S3 gives one connection about 85 to 90 MB a second
/// (Amazon S3 User Guide, "Performance design patterns").
const FAST: f64 = 100e6;

/// By how much several connections have to be faster than one. They cost the registry requests, and less is chance.
const GAIN: f64 = 1.25;

/// Whether several connections to a source pay, over all that is read of it; none while that is not known.
#[derive(Debug, Default)]
pub(super) struct Verdict(Mutex<Option<bool>>);

impl Verdict {
    pub(super) fn pays(&self) -> bool {
        *self.known() == Some(true)
    }

    /// Whether they do, or may.
    pub(super) fn is_open(&self) -> bool {
        *self.known() != Some(false)
    }

    /// Gives the rates that one and several connections had.
    pub(super) fn compare(&self, one: Rate, several: Rate) {
        let pays = several.0 >= one.0 * GAIN;
        tracing::debug!(
            one = one.0,
            several = several.0,
            pays,
            "bytes per second over one connection and over several"
        );
        *self.known() = Some(pays);
    }

    /// The source cannot be read in parts.
    pub(super) fn rule_out(&self) {
        *self.known() = Some(false);
    }

    fn known(&self) -> MutexGuard<'_, Option<bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rate(f64);

/// How fast a blob comes, window by window.
#[derive(Debug)]
pub(super) struct Pace {
    since: Instant,
    bytes: u64,
    /// For how much of the time the source was waited for.
    waited: Duration,
}

/// What one window showed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) rate: Rate,
    /// Whether it was the source that took the time, and it could be faster.
    pub(super) source_is_slow: bool,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), bytes: 0, waited: Duration::ZERO }
    }

    /// Takes note of bytes that came, and of how long they were waited for. Gives what a window showed at its end.
    pub(super) fn add(&mut self, bytes: usize, waited: Duration) -> Option<Measured> {
        self.bytes += bytes as u64;
        self.waited += waited;
        if self.bytes < WINDOW {
            return None;
        }
        let elapsed = self.since.elapsed();
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than three digits")]
        let rate = self.bytes as f64 / elapsed.as_secs_f64().max(1e-9);
        let source_is_slow = rate < FAST && self.waited * 2 > elapsed;
        *self = Self::new();
        Some(Measured { rate: Rate(rate), source_is_slow })
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_source_is_slow_if_it_is_what_is_waited_for() {
        for (milliseconds, waited, expected) in [(1000, 900, true), (1000, 400, false), (100, 100, false)] {
            let mut pace = Pace::new();
            assert!(pace.add(1, Duration::ZERO).is_none());
            advance(Duration::from_millis(milliseconds)).await;
            let measured = pace.add(16 << 20, Duration::from_millis(waited)).unwrap();
            assert_eq!(measured.source_is_slow, expected, "{milliseconds} {waited}");
        }
    }

    #[test]
    fn several_connections_have_to_be_faster_by_a_quarter() {
        let verdict = Verdict::default();
        assert!(verdict.is_open() && !verdict.pays());
        verdict.compare(Rate(40.0), Rate(50.0));
        assert!(verdict.is_open() && verdict.pays());
        verdict.compare(Rate(40.0), Rate(49.0));
        assert!(!verdict.is_open() && !verdict.pays());
    }
}
