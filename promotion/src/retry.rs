//! When a request is retried, and how long it waits: exponential back-off with jitter, shared by all requests to one
//! registry, that obeys `Retry-After`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::{Error, Name};

/// How often a request is retried, and with which back-off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many times one request is sent at most, the first one included; at least 1.
    pub attempts: u32,
    /// The back-off after the first failure; it doubles with each further one, and is jittered down to its half.
    pub initial_backoff: Duration,
    /// The longest back-off, that of a `Retry-After` included.
    pub max_backoff: Duration,
}

impl Default for RetryPolicy {
    /// Six attempts within about 15 seconds: longer than a throttling window of ECR (one second), short enough for a
    /// person who waits.
    fn default() -> Self {
        Self { attempts: 6, initial_backoff: Duration::from_millis(250), max_backoff: Duration::from_secs(20) }
    }
}

/// The back-off of one registry, shared by all requests to it: when one is throttled, all of them slow down, and a run
/// of successes makes them faster again only step by step.
#[derive(Debug)]
pub(crate) struct Backoff {
    retry_policy: RetryPolicy,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    not_before: Option<Instant>,
    /// How often the back-off may be doubled: one step up with each failure, and down with each [`SUCCESSES_PER_STEP`].
    level: u32,
    /// In a row, since the level changed last.
    successes: u32,
}

/// So many successes in a row make up for one failure.
const SUCCESSES_PER_STEP: u32 = 8;

impl Backoff {
    pub(crate) fn new(retry_policy: RetryPolicy) -> Self {
        Self { retry_policy, state: Mutex::new(State { not_before: None, level: 0, successes: 0 }) }
    }

    /// Waits until the back-off is over.
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
            if state.successes >= SUCCESSES_PER_STEP {
                state.successes = 0;
                state.level = state.level.saturating_sub(1);
            }
        });
    }

    /// Records a failure. True if the request should be retried, `attempt` having been its latest one, counted from 1.
    pub(crate) fn failed(&self, error: &Error, attempt: u32) -> bool {
        if !error.is_temporary() {
            return false;
        }
        self.with(|state| {
            state.successes = 0;
            state.level = (state.level + 1).min(16);
            // Several requests in flight fail together: one throttling must not be counted as often as there are
            // requests.
            let doublings = attempt.min(state.level).saturating_sub(1).min(16);
            let pause = self.retry_policy.initial_backoff.saturating_mul(1 << doublings);
            let pause = error.retry_after().unwrap_or_else(|| jittered(pause)).min(self.retry_policy.max_backoff);
            let until = Instant::now() + pause;
            state.not_before = Some(state.not_before.map_or(until, |known| known.max(until)));
        });
        attempt < self.retry_policy.attempts
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Between half of the back-off and all of it, so that requests that failed together are not retried together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// Calls `operation` until it succeeds, fails for good, or no attempt is left. The only place where a request is
/// repeated.
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
                tracing::debug!(attempt, error = %error, "retrying");
                attempt += 1;
            }
            Err(error) => {
                // What made no sense at any attempt will make none later, unlike a registry that is down.
                let error = if error.name() == Name::UnexpectedAnswer { error.permanent() } else { error };
                return Err(if attempt > 1 { error.context(format_args!("after {attempt} attempts")) } else { error });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

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
        let backoff = Backoff::new(RetryPolicy::default());
        let (result, sent) = fail_times(&backoff, 3, throttled).await;
        assert_eq!((result.unwrap(), sent), (4, 4));
        let (result, sent) = fail_times(&backoff, 99, throttled).await;
        assert_eq!((result.unwrap_err().to_string().as_str(), sent), ("after 6 attempts: Rate exceeded", 6));
        let (result, sent) = fail_times(&backoff, 99, || Error::new(Name::TagConflict, "no")).await;
        assert_eq!((result.unwrap_err().to_string().as_str(), sent), ("no", 1));
        let (result, sent) =
            fail_times(&backoff, 99, || Error::new(Name::UnexpectedAnswer, "no range").temporary()).await;
        let error = result.unwrap_err();
        assert_eq!((error.is_temporary(), sent), (false, 6));
        // The name that no machine retries leads, in whichever order the errors came.
        for errors in [[error.clone(), throttled()], [throttled(), error]] {
            assert_eq!(Error::all(errors.to_vec()).unwrap().name(), Name::UnexpectedAnswer);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_throttled_request_makes_the_others_wait_as_long_as_the_registry_asked() {
        let backoff = Backoff::new(RetryPolicy::default());
        let begin = Instant::now();
        assert!(backoff.failed(&throttled().with_retry_after(Some(Duration::from_secs(7))), 1));
        let (result, _) = fail_times(&backoff, 0, throttled).await;
        assert!(result.is_ok());
        assert_eq!(begin.elapsed().as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_and_are_capped() {
        let retry_policy = RetryPolicy { attempts: 9, ..RetryPolicy::default() };
        let backoff = Backoff::new(retry_policy);
        let begin = Instant::now();
        let (result, _) = fail_times(&backoff, 99, throttled).await;
        assert!(result.is_err());
        let whole: Duration = (0..8).map(|doublings| retry_policy.initial_backoff * (1 << doublings)).sum();
        assert!((whole / 2..=whole).contains(&begin.elapsed()), "{:?}", begin.elapsed());
        let (_, _) = fail_times(&backoff, 1, || throttled().with_retry_after(Some(Duration::from_secs(3600)))).await;
        assert!(begin.elapsed() < whole + retry_policy.max_backoff * 2);
    }
}
