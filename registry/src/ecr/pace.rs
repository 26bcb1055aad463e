//! Sending calls that write no faster than their quotas, by account and region: requests that are throttled are lost
//! time.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use promotion::Error;
use tokio::time::{Instant, sleep_until};

use super::registry_id::RegistryId;

/// How many calls per second one registry lets through, by its quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// PutImage: each manifest, and each tag.
    pub put_image: u32,
    /// InitiateLayerUpload: each upload that is opened.
    pub initiate_layer_upload: u32,
    /// CompleteLayerUpload: the end of each upload.
    pub complete_layer_upload: u32,
}

impl Rates {
    /// So many of each.
    #[must_use]
    pub const fn of_each(per_second: u32) -> Self {
        Self { put_image: per_second, initiate_layer_upload: per_second, complete_layer_upload: per_second }
    }
}

impl Default for Rates {
    /// ECR's default quotas per account and region (Amazon ECR User Guide, "Service quotas"). Everything else on the
    /// way is allowed several times as often.
    fn default() -> Self {
        Self { put_image: 10, initiate_layer_upload: 100, complete_layer_upload: 100 }
    }
}

/// Spreads calls over time: so many per second on the average, a few at once.
///
/// The calls are a little further apart than they need be, by a random amount, so that several processes which began
/// together do not stay in step.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    /// How far calls may run ahead of the even spread.
    burst: Duration,
    /// When the next call is due by the even spread.
    due: Mutex<Option<Instant>>,
}

impl Pace {
    pub(super) fn new(per_second: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Self { interval, burst: interval * (per_second.min(5) - per_second.min(1)), due: Mutex::new(None) }
    }

    /// Waits for one's turn.
    pub(super) async fn turn(&self) {
        sleep_until(self.reserve(Instant::now())).await;
    }

    /// The same bytes, of which the last ones wait for their turn: ECR completes an upload when it has them.
    pub(super) fn ending<B>(self: Arc<Self>, body: B, size: u64) -> impl Stream<Item = Result<Bytes, Error>> + Send
    where
        B: Stream<Item = Result<Bytes, Error>> + Send,
    {
        let mut left = size;
        body.then(move |piece| {
            left = left.saturating_sub(piece.as_ref().map_or(0, |piece| piece.len() as u64));
            let pace = (left == 0).then(|| Arc::clone(&self));
            async move {
                if let Some(pace) = pace {
                    pace.turn().await;
                }
                piece
            }
        })
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = due.map_or(now, |due| due.max(now));
        *due = Some(turn + self.interval + self.interval.mul_f64(0.05 * fraction()));
        turn.checked_sub(self.burst).map_or(now, |early| early.max(now))
    }
}

/// Something between 0 and 1. Good enough to be out of step.
fn fraction() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or_default();
    f64::from(bits) / f64::from(u32::MAX)
}

/// The pace of each kind of call to one registry.
#[derive(Debug)]
pub(super) struct RegistryPace {
    pub(super) put_image: Pace,
    pub(super) initiate_layer_upload: Pace,
    pub(super) complete_layer_upload: Arc<Pace>,
}

/// One [`RegistryPace`] per registry, whoever speaks to it.
#[derive(Debug, Clone)]
pub(super) struct Paces {
    rates: Rates,
    known: Arc<Mutex<HashMap<RegistryId, Arc<RegistryPace>>>>,
}

impl Paces {
    pub(super) fn new(rates: Rates) -> Self {
        Self { rates, known: Arc::default() }
    }

    pub(super) fn of(&self, registry_id: &RegistryId) -> Arc<RegistryPace> {
        let Rates { put_image, initiate_layer_upload, complete_layer_upload } = self.rates;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let pace = known.entry(registry_id.clone()).or_insert_with(|| {
            Arc::new(RegistryPace {
                put_image: Pace::new(put_image),
                initiate_layer_upload: Pace::new(initiate_layer_upload),
                complete_layer_upload: Arc::new(Pace::new(complete_layer_upload)),
            })
        });
        Arc::clone(pace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn keeps_below_its_rate_and_shares_it() {
        let paces = Paces::new(Rates::default());
        let registry_id = RegistryId::new("111122223333", "eu-west-1");
        let start = Instant::now();
        let turns = (0..100).map(|_| {
            let pace = paces.clone().of(&registry_id);
            async move { pace.put_image.turn().await }
        });
        futures_util::future::join_all(turns).await;
        let took = start.elapsed().as_secs_f64();
        assert!((9.5..10.0).contains(&took), "100 calls took {took} s");
        paces.of(&RegistryId::new("111122223333", "us-east-1")).put_image.turn().await;
        assert!(start.elapsed().as_secs_f64() - took < 0.1, "another region waits");
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_go_at_once() {
        let pace = Pace::new(10);
        tokio::time::advance(Duration::from_secs(60)).await;
        let start = Instant::now();
        for _ in 0..5 {
            pace.turn().await;
        }
        assert!(start.elapsed() < Duration::from_millis(100));
        pace.turn().await;
        assert!(start.elapsed() >= Duration::from_millis(99));
    }

    /// Each of 300 uploads waits with its last bytes, and the errors of a body do not.
    #[tokio::test(start_paused = true)]
    async fn uploads_end_at_the_pace_of_their_quota() {
        let pace = Arc::new(Pace::new(100));
        let start = Instant::now();
        let upload = |pieces: Vec<Result<Bytes, Error>>| {
            let body = Arc::clone(&pace).ending(futures_util::stream::iter(pieces), 4);
            async move { body.collect::<Vec<_>>().await }
        };
        let piece = || Ok(Bytes::from_static(b"ab"));
        let broken = || Err(Error::new(promotion::Name::CorruptContent, "no"));
        for _ in 0..1000 {
            assert!(upload(vec![piece(), broken()]).await.last().unwrap().is_err());
        }
        assert!(start.elapsed() < Duration::from_millis(1), "what is never completed does not wait");
        futures_util::future::join_all((0..300).map(|_| upload(vec![piece(), piece()]))).await;
        let took = start.elapsed().as_secs_f64();
        assert!((2.9..3.2).contains(&took), "300 uploads took {took} s");
    }
}
