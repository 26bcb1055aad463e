use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use promotion::Error;
use tokio::sync::Mutex;

use crate::http::Credential;

/// A token is replaced this long before its end, or after three quarters of a short life.
const AHEAD: Duration = Duration::from_secs(300);

/// What opens `/v2` of a registry for some hours.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) credential: Credential,
    fetched: SystemTime,
    expires: SystemTime,
}

impl Token {
    pub(super) fn new(credential: Credential, fetched: SystemTime, expires: SystemTime) -> Self {
        Self { credential, fetched, expires }
    }

    fn is_fresh(&self, now: SystemTime) -> bool {
        let life = self.expires.duration_since(self.fetched).unwrap_or_default();
        now + AHEAD.min(life / 4) < self.expires
    }
}

/// The token of one registry, fetched when it is first needed and again before it ends.
///
/// Whoever needs it while it is being fetched waits for the same one: a hundred blobs that start together cost one request.
#[derive(Debug, Default)]
pub(super) struct Authorization(Mutex<Option<Arc<Token>>>);

impl Authorization {
    /// A token that is good for now.
    pub(super) async fn token<F>(&self, now: SystemTime, fetch: impl FnOnce() -> F) -> Result<Arc<Token>, Error>
    where
        F: Future<Output = Result<Token, Error>>,
    {
        let mut cached = self.0.lock().await;
        if let Some(token) = cached.as_ref().filter(|token| token.is_fresh(now)) {
            return Ok(Arc::clone(token));
        }
        match fetch().await {
            Ok(token) => Ok(Arc::clone(cached.insert(Arc::new(token)))),
            // A token that nears its end is still good while a new one cannot be had.
            Err(error) => match cached.as_ref().filter(|token| error.is_temporary() && token.expires > now) {
                Some(token) => Ok(Arc::clone(token)),
                None => Err(error),
            },
        }
    }

    /// A token other than this one, which the registry refused.
    pub(super) async fn other<F>(
        &self,
        refused: &Arc<Token>,
        now: SystemTime,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<Token>, Error>
    where
        F: Future<Output = Result<Token, Error>>,
    {
        self.forget(refused).await;
        self.token(now, fetch).await
    }

    /// Never gives this token out again.
    pub(super) async fn forget(&self, refused: &Arc<Token>) {
        let mut cached = self.0.lock().await;
        if cached.as_ref().is_some_and(|token| Arc::ptr_eq(token, refused)) {
            *cached = None;
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

    #[tokio::test(start_paused = true)]
    async fn many_who_wait_cost_one_request() {
        let (authorization, fetches) = (Authorization::default(), AtomicU32::new(0));
        let fetch = || async {
            fetches.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(token(0, 43_200))
        };
        let first = futures_util::future::join_all((0..50).map(|_| authorization.token(at(0), fetch))).await;
        assert_eq!(fetches.load(Ordering::Relaxed), 1);
        let first = first.into_iter().next().unwrap().unwrap();
        futures_util::future::join_all((0..50).map(|_| authorization.other(&first, at(1), fetch))).await;
        assert_eq!(fetches.load(Ordering::Relaxed), 2);
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
