//! Sending PutImage no faster than its quota, by account and region: requests that are throttled are lost time.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::registry_id::RegistryId;

/// ECR's default quota of PutImage per account and region, in calls per second; everything else on the way is allowed
/// ten times that and more (Amazon ECR User Guide, "Service quotas").
pub(super) const PUT_IMAGE: u32 = 10;

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

/// One [`Pace`] per registry, whoever speaks to it.
#[derive(Debug, Clone)]
pub(super) struct Paces {
    per_second: u32,
    known: Arc<Mutex<HashMap<RegistryId, Arc<Pace>>>>,
}

impl Paces {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second, known: Arc::default() }
    }

    pub(super) fn of(&self, registry_id: &RegistryId) -> Arc<Pace> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(registry_id.clone()).or_insert_with(|| Arc::new(Pace::new(self.per_second))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn keeps_below_its_rate_and_shares_it() {
        let paces = Paces::new(PUT_IMAGE);
        let registry_id = RegistryId::new("111122223333", "eu-west-1");
        let start = Instant::now();
        let turns = (0..100).map(|_| {
            let pace = paces.clone().of(&registry_id);
            async move { pace.turn().await }
        });
        futures_util::future::join_all(turns).await;
        let took = start.elapsed().as_secs_f64();
        assert!((9.5..10.0).contains(&took), "100 calls took {took} s");
        paces.of(&RegistryId::new("111122223333", "us-east-1")).turn().await;
        assert!(start.elapsed().as_secs_f64() - took < 0.1, "another region waits");
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_go_at_once() {
        let pace = Pace::new(PUT_IMAGE);
        tokio::time::advance(Duration::from_secs(60)).await;
        let start = Instant::now();
        for _ in 0..5 {
            pace.turn().await;
        }
        assert!(start.elapsed() < Duration::from_millis(100));
        pace.turn().await;
        assert!(start.elapsed() >= Duration::from_millis(99));
    }
}
