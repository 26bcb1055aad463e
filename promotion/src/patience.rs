use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::Error;

/// How often, and with what pauses, a registry is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How many times one request is sent at most, at least 1.
    pub attempts: u32,
    /// The pause after the first failure; it doubles with each further one.
    pub first_pause: Duration,
    /// The longest pause, a `Retry-After` included.
    pub longest_pause: Duration,
}

impl Default for Patience {
    /// Six attempts within about 15 seconds: longer than a throttling window of ECR (one second), shorter than anyone's patience.
    fn default() -> Self {
        Self { attempts: 6, first_pause: Duration::from_millis(250), longest_pause: Duration::from_secs(20) }
    }
}

/// How a registry has been answering, shared by all requests to it: when one is throttled, all of them slow down, and a run
/// of successes makes them faster again only bit by bit.
#[derive(Debug)]
pub(crate) struct Backoff {
    patience: Patience,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    not_before: Option<Instant>,
    /// Failures that have not been made good by successes.
    strain: u32,
    successes: u32,
}

/// How many successes make good one failure.
const HEALING: u32 = 8;

impl Backoff {
    pub(crate) fn new(patience: Patience) -> Self {
        Self { patience, state: Mutex::new(State { not_before: None, strain: 0, successes: 0 }) }
    }

    /// Waits until the registry may be asked.
    pub(crate) async fn ready(&self) {
        loop {
            let not_before = self.with(|state| state.not_before);
            match not_before {
                Some(instant) if instant > Instant::now() => tokio::time::sleep_until(instant).await,
                _ => return,
            }
        }
    }

    pub(crate) fn succeeded(&self) {
        self.with(|state| {
            state.successes += 1;
            if state.successes >= HEALING {
                state.successes = 0;
                state.strain = state.strain.saturating_sub(1);
            }
        });
    }

    /// Takes note of a failure. True if the request should be sent again, `attempt` having been its latest, counted from 1.
    pub(crate) fn failed(&self, error: &Error, attempt: u32) -> bool {
        if !error.is_temporary() {
            return false;
        }
        self.with(|state| {
            state.successes = 0;
            state.strain = (state.strain + 1).min(16);
            // Several requests in flight fail together: what one of them learnt must not be multiplied by their number.
            let doublings = attempt.min(state.strain).saturating_sub(1).min(16);
            let pause = self.patience.first_pause.saturating_mul(1 << doublings);
            let pause = error.retry_after().unwrap_or_else(|| jittered(pause)).min(self.patience.longest_pause);
            let until = Instant::now() + pause;
            state.not_before = Some(state.not_before.map_or(until, |known| known.max(until)));
        });
        attempt < self.patience.attempts
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Somewhere between half of the pause and the whole, so that those who failed together do not come back together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// Calls `operation` until it succeeds, fails for good, or patience is at an end. The only place where a request is repeated.
pub(crate) async fn retry<T, F>(backoff: &Backoff, mut operation: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut attempt = 1;
    loop {
        backoff.ready().await;
        match operation().await {
            Ok(value) => {
                backoff.succeeded();
                return Ok(value);
            }
            Err(error) if backoff.failed(&error, attempt) => {
                tracing::debug!(attempt, error = %error, "asking again");
                attempt += 1;
            }
            Err(error) if attempt > 1 => return Err(error.context(format_args!("after {attempt} attempts"))),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::Name;

    fn throttled() -> Error {
        Error::new(Name::RegistryUnavailable, "Rate exceeded")
    }

    async fn fail_times(backoff: &Backoff, failures: u32, error: impl Fn() -> Error) -> (Result<u32, Error>, u32) {
        let sent = Cell::new(0);
        let result = retry(backoff, || {
            sent.set(sent.get() + 1);
            let result = if sent.get() > failures { Ok(sent.get()) } else { Err(error()) };
            async { result }
        })
        .await;
        (result, sent.get())
    }

    #[tokio::test(start_paused = true)]
    async fn asks_again_only_when_that_may_help_and_not_for_ever() {
        let backoff = Backoff::new(Patience::default());
        let (result, sent) = fail_times(&backoff, 3, throttled).await;
        assert_eq!((result.unwrap(), sent), (4, 4));
        let (result, sent) = fail_times(&backoff, 99, throttled).await;
        assert_eq!((result.unwrap_err().to_string().as_str(), sent), ("after 6 attempts: Rate exceeded", 6));
        let (result, sent) = fail_times(&backoff, 99, || Error::new(Name::TagConflict, "no")).await;
        assert_eq!((result.unwrap_err().to_string().as_str(), sent), ("no", 1));
    }

    #[tokio::test(start_paused = true)]
    async fn one_throttled_request_makes_the_others_wait_as_long_as_the_registry_asked() {
        let backoff = Backoff::new(Patience::default());
        let begin = Instant::now();
        assert!(backoff.failed(&throttled().with_retry_after(Some(Duration::from_secs(7))), 1));
        let (result, _) = fail_times(&backoff, 0, throttled).await;
        assert!(result.is_ok());
        assert_eq!(begin.elapsed().as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_and_are_capped() {
        let patience = Patience { attempts: 9, ..Patience::default() };
        let backoff = Backoff::new(patience);
        let begin = Instant::now();
        let (result, _) = fail_times(&backoff, 99, throttled).await;
        assert!(result.is_err());
        let whole: Duration = (0..8).map(|doublings| patience.first_pause * (1 << doublings)).sum();
        assert!((whole / 2..=whole).contains(&begin.elapsed()), "{:?}", begin.elapsed());
        let (_, _) = fail_times(&backoff, 1, || throttled().with_retry_after(Some(Duration::from_secs(3600)))).await;
        assert!(begin.elapsed() < whole + patience.longest_pause * 2);
    }
}
