//! The least rate at which blobs move: whoever drips, by intent or not, is not waited for without end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::{Error, Name};

/// For how long a registry is waited for until [`LEAST`] bytes have moved.
const WINDOW: Duration = Duration::from_secs(10 * 60);

/// How many bytes of blobs move at least while a registry is waited for as long as [`WINDOW`]: 34 kB per second, a
/// fifth of what an old mobile network gives.
const LEAST: u64 = 20 << 20;

/// How fast one registry brings or takes blobs, over all that are on their way.
///
/// It is not asked of each blob: many share a slow line. Only the time counts in which at least one blob waits for this
/// registry, so that none is blamed for the other end.
#[derive(Debug, Default)]
pub(crate) struct Flow(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// How many wait now, and since when the time was last counted.
    waiting: usize,
    since: Option<Instant>,
    /// How long, and how much, since the last time that enough had moved.
    waited: Duration,
    moved: u64,
}

/// Which way blobs move, as messages say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From a registry.
    Brought,
    /// To a registry.
    Taken,
}

impl Flow {
    /// Counts the time until the answer is dropped as waiting for the registry.
    pub(crate) fn wait(self: &Arc<Self>) -> Waiting {
        self.with(|state| state.waiting += 1);
        Waiting(self.clone())
    }

    /// Counts bytes that have moved.
    pub(crate) fn moved(&self, bytes: usize) {
        self.with(|state| {
            state.moved += bytes as u64;
            if state.moved >= LEAST {
                (state.waited, state.moved) = (Duration::ZERO, 0);
            }
        });
    }

    /// The error, once the registry was waited for too long for too little.
    pub(crate) fn too_slow(&self, registry: &str, way: Way) -> Option<Error> {
        let moved = self.with(|state| (state.waited > WINDOW).then_some(state.moved))?;
        let did = match way {
            Way::Brought => "brought",
            Way::Taken => "took",
        };
        let why = format!(
            "{registry} {did} {moved} bytes of blobs in {} minutes of waiting for it, and at least {LEAST} are expected: see what slows it, \
             or the line to it, and run again",
            WINDOW.as_secs() / 60
        );
        Some(Error::new(Name::RegistryUnavailable, why))
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let since = state.since.replace(now);
        if state.waiting > 0 {
            state.waited += since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        }
        act(&mut state)
    }
}

/// Somebody waits for a registry, as long as this lives.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<Flow>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.with(|state| state.waiting -= 1);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    async fn minutes(minutes: u64) {
        advance(Duration::from_secs(60 * minutes)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_time_counts_in_which_somebody_waits_and_once() {
        let flow = Arc::new(Flow::default());
        let is_slow = || flow.too_slow("a.example", Way::Brought).is_some();
        minutes(60).await;
        assert!(!is_slow(), "nobody waited");
        let (one, two) = (flow.wait(), flow.wait());
        minutes(6).await;
        drop(one);
        minutes(3).await;
        assert!(!is_slow(), "two have waited for nine minutes together, not for fifteen");
        drop(two);
        minutes(60).await;
        let _three = flow.wait();
        assert!(!is_slow());
        flow.moved(1000);
        minutes(2).await;
        let error = flow.too_slow("a.example", Way::Taken).unwrap();
        assert!(error.to_string().starts_with("a.example took 1000 bytes of blobs in 10 minutes"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_brings_enough_is_waited_for_as_long_as_it_takes() {
        let flow = Arc::new(Flow::default());
        let _waiting = flow.wait();
        for _ in 0..1000 {
            minutes(1).await;
            flow.moved(3 << 20);
            assert!(flow.too_slow("a.example", Way::Brought).is_none());
        }
    }
}
