//! Requests per second, per account, region and operation.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use crate::lock::lock;
use crate::names::RegistryId;

#[derive(Debug, Default)]
pub(crate) struct Quotas(Mutex<Buckets>);

#[derive(Debug, Default)]
struct Buckets {
    rates: BTreeMap<String, f64>,
    levels: BTreeMap<(RegistryId, String), (f64, Instant)>,
}

impl Quotas {
    pub(crate) fn set(&self, rates: BTreeMap<String, f64>) {
        *lock(&self.0) = Buckets { rates, levels: BTreeMap::new() };
    }

    /// Takes one from the bucket, which holds a second's worth. False when there is none.
    pub(crate) fn take(&self, registry: &RegistryId, operation: &str) -> bool {
        let mut buckets = lock(&self.0);
        let Some(rate) = buckets.rates.get(operation).copied() else {
            return true;
        };
        let now = Instant::now();
        let full = rate.max(1.0);
        let level = buckets.levels.entry((registry.clone(), operation.to_owned())).or_insert((full, now));
        let refilled = (level.0 + now.duration_since(level.1).as_secs_f64() * rate).min(full);
        let allowed = refilled >= 1.0;
        *level = (if allowed { refilled - 1.0 } else { refilled }, now);
        allowed
    }
}
