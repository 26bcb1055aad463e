use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::{Descriptor, Repository};

/// What was done so far. It outlives a promotion that is stopped, and can be read while one runs.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    targets: Vec<Counters>,
    in_flight: Mutex<HashMap<usize, (Repository, Descriptor)>>,
    moved: AtomicU64,
}

/// What was done for one target.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) blobs_copied: AtomicU64,
    pub(crate) bytes_copied: AtomicU64,
    pub(crate) blobs_mounted: AtomicU64,
    pub(crate) manifests_put: AtomicU64,
    pub(crate) tags_put: AtomicU64,
}

impl Progress {
    pub(crate) fn new(targets: usize) -> Self {
        Self {
            targets: (0..targets).map(|_| Counters::default()).collect(),
            in_flight: Mutex::default(),
            moved: AtomicU64::new(0),
        }
    }

    pub(crate) fn target(&self, at: usize) -> Option<&Counters> {
        self.targets.get(at)
    }

    /// Counts something that was done for a target.
    pub(crate) fn count(&self, target: usize, counter: fn(&Counters) -> &AtomicU64, amount: u64) {
        if let Some(counters) = self.target(target) {
            counter(counters).fetch_add(amount, Ordering::Relaxed);
        }
    }

    /// Notes bytes that are on their way to a target, whether or not they will be committed.
    pub(crate) fn moving(&self, bytes: usize) {
        self.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Whether any byte of any blob has moved.
    pub(crate) fn has_moved(&self) -> bool {
        self.moved.load(Ordering::Relaxed) > 0
    }

    /// Everything written, of whatever kind.
    pub(crate) fn written(&self) -> u64 {
        let of = |counters: &Counters| {
            [&counters.blobs_copied, &counters.blobs_mounted, &counters.manifests_put, &counters.tags_put]
                .map(|counter| counter.load(Ordering::Relaxed))
                .iter()
                .sum::<u64>()
        };
        self.targets.iter().map(of).sum()
    }

    /// Notes that the blob of this step is on its way, for as long as the answer lives.
    pub(crate) fn on_its_way(&self, step: usize, repository: &Repository, blob: &Descriptor) -> OnItsWay<'_> {
        self.with_in_flight(|blobs| blobs.insert(step, (repository.clone(), blob.clone())));
        OnItsWay { progress: self, step }
    }

    /// The largest blob that is on its way.
    pub(crate) fn largest_in_flight(&self) -> Option<(Repository, Descriptor)> {
        self.with_in_flight(|blobs| blobs.values().max_by_key(|(_, blob)| blob.size).cloned())
    }

    fn with_in_flight<T>(&self, act: impl FnOnce(&mut HashMap<usize, (Repository, Descriptor)>) -> T) -> T {
        act(&mut self.in_flight.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(crate) struct OnItsWay<'a> {
    progress: &'a Progress,
    step: usize,
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        self.progress.with_in_flight(|blobs| blobs.remove(&self.step));
    }
}
