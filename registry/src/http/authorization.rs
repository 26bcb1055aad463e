//! Tokens: one request for all who wait, renewed before the end, and shared failures.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use promotion::Error;
use tokio::sync::Mutex;

use super::client::Credential;

/// A token is replaced this long before its end, or after three quarters of a short life.
const AHEAD: Duration = Duration::from_secs(300);

/// What opens `/v2` of a registry for some time.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) credential: Credential,
    fetched: SystemTime,
    expires: SystemTime,
}

impl Token {
    pub(crate) fn new(credential: Credential, fetched: SystemTime, expires: SystemTime) -> Self {
        Self { credential, fetched, expires }
    }

    fn is_fresh(&self, now: SystemTime) -> bool {
        let life = self.expires.duration_since(self.fetched).unwrap_or_default();
        now + AHEAD.min(life / 4) < self.expires
    }
}

/// One token, fetched when it is first needed and again before it ends.
///
/// Whoever needs it while it is being fetched waits for the same one, and hears of the same failure: a hundred blobs
/// that start together cost one request, also when it fails.
#[derive(Debug, Default)]
pub(crate) struct Authorization {
    state: Mutex<State>,
    /// How often a token was asked for.
    fetches: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Arc<Token>>,
    /// What came of the latest request, if it failed.
    failure: Option<Error>,
}

impl Authorization {
    /// A token that is good for now.
    pub(crate) async fn token<F>(&self, now: SystemTime, fetch: impl FnOnce() -> F) -> Result<Arc<Token>, Error>
    where
        F: Future<Output = Result<Token, Error>>,
    {
        let fetches = self.fetches.load(Ordering::Relaxed);
        self.token_since(fetches, now, fetch).await
    }

    /// A token other than this one, which the registry refused.
    pub(crate) async fn other<F>(
        &self,
        refused: &Arc<Token>,
        now: SystemTime,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<Token>, Error>
    where
        F: Future<Output = Result<Token, Error>>,
    {
        let fetches = self.fetches.load(Ordering::Relaxed);
        self.forget(refused).await;
        self.token_since(fetches, now, fetch).await
    }

    /// A token that is good for now, or the failure of a request that was made since so many had been.
    async fn token_since<F>(
        &self,
        fetches: u64,
        now: SystemTime,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<Token>, Error>
    where
        F: Future<Output = Result<Token, Error>>,
    {
        let mut state = self.state.lock().await;
        if let Some(token) = state.token.as_ref().filter(|token| token.is_fresh(now)) {
            return Ok(Arc::clone(token));
        }
        let fetched = if self.fetches.load(Ordering::Relaxed) > fetches { state.failure.clone() } else { None };
        let fetched = match fetched {
            Some(failure) => Err(failure),
            None => {
                let fetched = fetch().await;
                self.fetches.fetch_add(1, Ordering::Relaxed);
                state.failure = fetched.as_ref().err().cloned();
                fetched
            }
        };
        match fetched {
            Ok(token) => Ok(Arc::clone(state.token.insert(Arc::new(token)))),
            // A token that nears its end is still good while a new one cannot be had.
            Err(error) => match state.token.as_ref().filter(|token| error.is_temporary() && token.expires > now) {
                Some(token) => Ok(Arc::clone(token)),
                None => Err(error),
            },
        }
    }

    /// Never gives this token out again.
    pub(crate) async fn forget(&self, refused: &Arc<Token>) {
        let mut state = self.state.lock().await;
        if state.token.as_ref().is_some_and(|token| Arc::ptr_eq(token, refused)) {
            state.token = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use promotion::Name;

    use super::*;
    use crate::http::Origin;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn token(fetched: u64, expires: u64) -> Token {
        let origin = Origin::parse("https://a.example").unwrap();
        Token::new(Credential::new(origin, "Basic x").unwrap(), at(fetched), at(expires))
    }

    #[tokio::test]
    async fn many_who_wait_cost_one_request() {
        let (authorization, fetches) = (Authorization::default(), AtomicU32::new(0));
        let fetch = || async {
            fetches.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok(token(0, 43_200))
        };
        let first = futures_util::future::join_all((0..50).map(|_| authorization.token(at(0), fetch))).await;
        assert_eq!(fetches.load(Ordering::Relaxed), 1);
        let first = first.into_iter().next().unwrap().unwrap();
        futures_util::future::join_all((0..50).map(|_| authorization.other(&first, at(1), fetch))).await;
        assert_eq!(fetches.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn many_who_wait_hear_of_one_failure() {
        let (authorization, fetches) = (Authorization::default(), AtomicU32::new(0));
        let fetch = || async {
            fetches.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Err(Error::new(Name::RegistryUnavailable, "down"))
        };
        for round in 1..=2 {
            let all = futures_util::future::join_all((0..50).map(|_| authorization.token(at(0), fetch))).await;
            assert!(all.iter().all(|answer| answer.as_ref().is_err_and(|error| error.to_string() == "down")));
            assert_eq!(fetches.load(Ordering::Relaxed), round);
        }
        let refused = authorization.token(at(0), || async { Ok(token(0, 43_200)) }).await.unwrap();
        let all = futures_util::future::join_all((0..50).map(|_| authorization.other(&refused, at(1), fetch))).await;
        assert!(all.iter().all(Result::is_err));
        assert_eq!(fetches.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn is_fetched_again_before_its_end() {
        let authorization = Authorization::default();
        authorization.token(at(0), || async { Ok(token(0, 43_200)) }).await.unwrap();
        let none = || async { panic!("fetched too early") };
        authorization.token(at(43_200 - 301), none).await.unwrap();
        let next = authorization.token(at(43_200 - 300), || async { Ok(token(42_900, 42_910)) }).await.unwrap();
        assert_eq!(next.expires, at(42_910));
        authorization.token(at(42_907), none).await.unwrap();
        let down = || async { Err(Error::new(Name::RegistryUnavailable, "down")) };
        authorization.token(at(42_909), down).await.unwrap();
        assert!(authorization.token(at(42_911), down).await.is_err());
        let denied = || async { Err(Error::new(Name::SourceAccessDenied, "no")) };
        assert!(authorization.token(at(42_909), denied).await.is_err());
    }
}
