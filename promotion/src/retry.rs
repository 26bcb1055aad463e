//! When a request is retried, and how long it waits: exponential back-off with jitter, shared by all requests to one
//! registry, and never shorter than `Retry-After`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::connections::{Connected, Connections};
use crate::{Error, Name};

/// How often a request is retried, with which back-off, and how long a registry is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many times one request is sent at most, the first one included; at least 1. One that is throttled may be
    /// sent more often.
    pub attempts: u32,
    /// The back-off after the first failure; it doubles with each further one, and is jittered down to its half.
    pub initial_backoff: Duration,
    /// The longest back-off, where the registry does not ask for a longer one.
    pub max_backoff: Duration,
    /// For how long a request that is throttled is repeated, whatever number of attempts that takes. A registry that
    /// asks for a longer pause is not waited for.
    pub patience: Duration,
    /// How long a registry may take to show what it stored.
    pub lag: Duration,
}

impl Default for RetryPolicy {
    /// Six attempts within about 15 seconds: longer than a throttling window of ECR (one second), short enough for a
    /// person who waits. A minute where a registry throttles, as ghcr.io and Docker Hub count requests by the minute.
    /// Half a minute until a tag is seen: 30 seconds are reported of ghcr.io and Docker Hub (junjo#19).
    fn default() -> Self {
        Self {
            attempts: 6,
            initial_backoff: Duration::from_millis(250),
            max_backoff: Duration::from_secs(20),
            patience: Duration::from_secs(60),
            lag: Duration::from_secs(30),
        }
    }
}

/// The back-off of one registry, shared by all requests to it: when one is throttled, all of them slow down, and a run
/// of successes makes them faster again only step by step.
#[derive(Debug)]
pub(crate) struct Backoff {
    retry_policy: RetryPolicy,
    connections: Connections,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    not_before: Option<Instant>,
    /// How long after that the last may go, so that those who wait do not go together.
    spread: Duration,
    /// How often the back-off may be doubled: one step up with each failure, and down with each [`SUCCESSES_PER_STEP`].
    level: u32,
    /// In a row, since the level changed last.
    successes: u32,
}

/// So many successes in a row make up for one failure.
const SUCCESSES_PER_STEP: u32 = 8;

/// The attempts at one thing that failed so far.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    failed: u32,
    /// When the first one had failed.
    since: Option<Instant>,
}

impl Backoff {
    pub(crate) fn new(retry_policy: RetryPolicy, connections: Connections) -> Self {
        Self { retry_policy, connections, state: Mutex::default() }
    }

    pub(crate) fn policy(&self) -> &RetryPolicy {
        &self.retry_policy
    }

    /// Waits until the back-off is over and there is room for one more connection, which is there as long as the answer
    /// lives.
    async fn room(&self) -> Connected {
        self.ready().await;
        self.connections.room().await
    }

    /// Waits until the back-off is over, and a random while longer.
    ///
    /// Once: the back-off grows with each failure of another request, and whoever waited for that as well would wait for
    /// all the others, one after the other.
    pub(crate) async fn ready(&self) {
        let until = self.with(|state| {
            let not_before = state.not_before.filter(|instant| *instant > Instant::now())?;
            Some(not_before + state.spread.mul_f64(fastrand::f64()))
        });
        if let Some(instant) = until {
            tokio::time::sleep_until(instant).await;
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

    /// Records a failure. True if it should be tried once more.
    pub(crate) fn failed(&self, error: &Error, attempts: &mut Attempts) -> bool {
        if !error.is_temporary() {
            return false;
        }
        let now = Instant::now();
        let since = *attempts.since.get_or_insert(now);
        attempts.failed += 1;
        let RetryPolicy { initial_backoff, max_backoff, patience, .. } = self.retry_policy;
        if self.is_too_long(error).is_some() {
            return false;
        }
        let pause = self.with(|state| {
            state.successes = 0;
            state.level = (state.level + 1).min(16);
            // Several requests in flight fail together: one throttling must not be counted as often as there are
            // requests.
            let doublings = attempts.failed.min(state.level).saturating_sub(1).min(16);
            let backoff = initial_backoff.saturating_mul(1 << doublings).min(max_backoff);
            // What the registry asks for is the least: ghcr.io asks for microseconds, and others for 0.
            let pause = (backoff / 2).max(error.retry_after().unwrap_or_default());
            let until = now + pause;
            if state.not_before.is_none_or(|known| known < until) {
                (state.not_before, state.spread) = (Some(until), backoff / 2);
            }
            pause
        });
        let is_patient = error.is_throttled() && now - since + pause <= patience;
        is_patient || attempts.failed < self.retry_policy.attempts
    }

    /// The pause that the registry asks for, if it is longer than anyone waits.
    fn is_too_long(&self, error: &Error) -> Option<Duration> {
        error.retry_after().filter(|asked| *asked > self.retry_policy.patience)
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Calls `operation` until it succeeds, fails for good, or no attempt is left. The only place where a request is
/// repeated.
pub(crate) async fn retry<T, F>(backoff: &Backoff, operation: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    retry_connected(backoff, operation).await.map(|(value, _)| value)
}

/// The same for what goes on after it succeeded: it has its connection for as long as it needs it.
pub(crate) async fn retry_connected<T, F>(
    backoff: &Backoff,
    mut operation: impl FnMut() -> F,
) -> Result<(T, Connected), Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut attempts = Attempts::default();
    loop {
        let connected = backoff.room().await;
        let error = match operation().await {
            Ok(value) => {
                backoff.succeeded();
                return Ok((value, connected));
            }
            Err(error) => error,
        };
        drop(connected);
        if backoff.failed(&error, &mut attempts) {
            tracing::debug!(attempt = attempts.failed, error = %error, "retrying");
            continue;
        }
        // What made no sense at any attempt will make none later, unlike a registry that is down.
        let error = if error.name() == Name::UnexpectedAnswer { error.permanent() } else { error };
        if let Some(asked) = backoff.is_too_long(&error) {
            let (asked, most) = (asked.as_secs(), backoff.policy().patience.as_secs());
            return Err(error.context(format_args!("asked to wait {asked} seconds, where {most} are waited at most")));
        }
        let failed = attempts.failed;
        return Err(if failed > 1 { error.context(format_args!("after {failed} attempts")) } else { error });
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn backoff() -> Backoff {
        Backoff::new(RetryPolicy::default(), Connections::default())
    }

    fn unavailable() -> Error {
        Error::new(Name::RegistryUnavailable, "503")
    }

    fn throttled() -> Error {
        Error::new(Name::RegistryUnavailable, "Rate exceeded").throttled()
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
        let backoff = backoff();
        let (result, sent) = fail_times(&backoff, 3, unavailable).await;
        assert_eq!((result.unwrap(), sent), (4, 4));
        let (result, sent) = fail_times(&backoff, 99, unavailable).await;
        assert_eq!((result.unwrap_err().to_string().as_str(), sent), ("after 6 attempts: 503", 6));
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
        let backoff = backoff();
        let begin = Instant::now();
        let asked = unavailable().with_retry_after(Some(Duration::from_secs(7)));
        assert!(backoff.failed(&asked, &mut Attempts::default()));
        let (result, _) = fail_times(&backoff, 0, unavailable).await;
        assert!(result.is_ok());
        assert_eq!(begin.elapsed().as_secs(), 7);
    }

    /// Each failure makes the back-off longer, and no request waits for those of all the others.
    #[tokio::test(start_paused = true)]
    async fn many_requests_that_fail_together_end_about_as_soon_as_one() {
        let backoff = backoff();
        let begin = Instant::now();
        let all = futures_util::future::join_all((0..50).map(|_| fail_times(&backoff, 99, unavailable))).await;
        assert!(all.iter().all(|(result, sent)| result.is_err() && *sent == 6));
        assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_and_are_capped() {
        let retry_policy = RetryPolicy { attempts: 9, ..RetryPolicy::default() };
        let backoff = Backoff::new(retry_policy, Connections::default());
        let begin = Instant::now();
        let (result, _) = fail_times(&backoff, 99, unavailable).await;
        assert!(result.is_err());
        let whole: Duration = (0..8).map(|doublings| retry_policy.initial_backoff * (1 << doublings)).sum();
        assert!((whole / 2..=whole).contains(&begin.elapsed()), "{:?}", begin.elapsed());
    }

    /// What the registry asks for is the least, and not instead of the back-off: "retry-after: 880.951µs" is what ghcr.io
    /// says, and 0 is common.
    #[tokio::test(start_paused = true)]
    async fn a_short_retry_after_does_not_shorten_the_back_off_and_a_long_one_is_kept() {
        for asked in [None, Some(Duration::ZERO), Some(Duration::from_nanos(880_951))] {
            let backoff = backoff();
            let begin = Instant::now();
            let (result, sent) = fail_times(&backoff, 5, || unavailable().with_retry_after(asked)).await;
            assert!(result.is_ok() && sent == 6);
            assert!(begin.elapsed() > Duration::from_secs(3), "{asked:?}: {:?}", begin.elapsed());
        }
        let backoff = backoff();
        let begin = Instant::now();
        let (result, _) =
            fail_times(&backoff, 2, || unavailable().with_retry_after(Some(Duration::from_secs(25)))).await;
        assert!(result.is_ok() && (50..52).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
        let begin = Instant::now();
        let hour = || unavailable().with_retry_after(Some(Duration::from_secs(3600)));
        let (result, sent) = fail_times(&backoff, 1, hour).await;
        let text = result.unwrap_err().to_string();
        assert_eq!((text.as_str(), sent), ("asked to wait 3600 seconds, where 60 are waited at most: 503", 1));
        assert!(begin.elapsed() < Duration::from_secs(1), "it is not asked again, and nobody waits for it");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_throttled_is_patient_for_a_minute() {
        for asked in [None, Some(Duration::ZERO), Some(Duration::from_secs(7)), Some(Duration::from_secs(30))] {
            let backoff = backoff();
            let begin = Instant::now();
            let (result, sent) = fail_times(&backoff, 99, || throttled().with_retry_after(asked)).await;
            let took = begin.elapsed().as_secs();
            // A pause may be half again as long as it has to be, and six attempts are made in any case.
            assert!(result.is_err() && (40..=180).contains(&took), "{asked:?}: {took} seconds");
            assert!((6..=12).contains(&sent), "{asked:?}: {sent} requests");
        }
        // And a window of 50 seconds passes.
        let backoff = backoff();
        let begin = Instant::now();
        let result =
            retry(&backoff, || async { if begin.elapsed().as_secs() < 50 { Err(throttled()) } else { Ok(()) } });
        result.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_do_not_go_together() {
        let backoff = backoff();
        let mut attempts = Attempts::default();
        for _ in 0..4 {
            assert!(backoff.failed(&throttled(), &mut attempts));
        }
        let begin = Instant::now();
        let waiters = (0..32).map(|_| async {
            backoff.ready().await;
            begin.elapsed()
        });
        let waited = futures_util::future::join_all(waiters).await;
        let distinct: std::collections::BTreeSet<_> = waited.iter().map(Duration::as_millis).collect();
        assert!(distinct.len() > 16, "{distinct:?}");
        assert!(waited.iter().all(|waited| (1000..=2001).contains(&waited.as_millis())), "{waited:?}");
    }
}
