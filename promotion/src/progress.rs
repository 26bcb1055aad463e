use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::position::{StepId, TargetId, Targets};
use crate::{Plan, Summary};
use oci::{Descriptor, Digest, Repository};

/// What was done so far. It outlives a promotion that is stopped, and can be read while one runs.
#[derive(Debug, Default)]
pub struct Progress {
    targets: Targets<Counters>,
    in_flight: Mutex<HashMap<StepId, (Repository, Descriptor)>>,
    moved: AtomicU64,
    stage: Mutex<(Phase, Summary)>,
    left: Mutex<BTreeMap<(TargetId, Repository, Digest), String>>,
}

/// What a promotion is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// Reading what is asked for and what is there.
    #[default]
    Surveying,
    /// Bringing blobs and manifests, untagged.
    Staging,
    /// Reading back what was brought.
    Verifying,
    /// Writing tags.
    Tagging,
}

/// Where a promotion stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProgressSnapshot {
    /// What it is doing.
    pub phase: Phase,
    /// What the plan amounts to: all zero as long as there is none.
    pub planned: Summary,
    /// Bytes of blobs that were sent, those of blobs that had to be sent again included.
    pub bytes_moved: u64,
    /// Bytes of blobs that turned out to be there, those of the plan included.
    pub bytes_present: u64,
    /// Blobs that are there now and were not when the plan was made, as far as was known then.
    pub blobs_done: u64,
    /// Manifests that were written.
    pub manifests_put: u64,
    /// Tags that were written.
    pub tags_put: u64,
}

/// What was done for one target.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) blobs_copied: AtomicU64,
    pub(crate) bytes_copied: AtomicU64,
    pub(crate) blobs_mounted: AtomicU64,
    pub(crate) blobs_present: AtomicU64,
    pub(crate) bytes_present: AtomicU64,
    pub(crate) manifests_put: AtomicU64,
    pub(crate) tags_put: AtomicU64,
}

impl Progress {
    pub(crate) fn new<T>(targets: &Targets<T>) -> Self {
        Self { targets: targets.map(|_| Counters::default()), ..Self::default() }
    }

    /// Where the promotion stands now.
    #[must_use]
    pub fn now(&self) -> ProgressSnapshot {
        let (phase, planned) = *lock(&self.stage);
        let sum = |counter: fn(&Counters) -> &AtomicU64| {
            self.targets.iter().map(|(_, target)| counter(target).load(Ordering::Relaxed)).sum::<u64>()
        };
        ProgressSnapshot {
            phase,
            planned,
            bytes_moved: self.moved.load(Ordering::Relaxed),
            bytes_present: sum(|target| &target.bytes_present),
            blobs_done: sum(|target| &target.blobs_copied)
                + sum(|target| &target.blobs_mounted)
                + sum(|target| &target.blobs_present),
            manifests_put: sum(|target| &target.manifests_put),
            tags_put: sum(|target| &target.tags_put),
        }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        lock(&self.stage).0 = phase;
    }

    /// Notes what is to be done for each target, and what each has already.
    pub(crate) fn plan(&self, plan: &Plan) {
        lock(&self.stage).1 = plan.summary();
        for (at, target) in plan.targets.iter() {
            self.count(at, |counters| &counters.blobs_present, target.summary.blobs_present);
            self.count(at, |counters| &counters.bytes_present, target.summary.bytes_present);
        }
    }

    pub(crate) fn target(&self, at: TargetId) -> &Counters {
        &self.targets[at]
    }

    /// Counts something that was done for a target.
    pub(crate) fn count(&self, target: TargetId, counter: fn(&Counters) -> &AtomicU64, amount: u64) {
        counter(&self.targets[target]).fetch_add(amount, Ordering::Relaxed);
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
        self.targets.as_slice().iter().map(of).sum()
    }

    /// Notes that a manifest is left behind, and why: it hangs on an image, and the target does not take it.
    pub(crate) fn leave(&self, target: TargetId, repository: &Repository, digest: Digest, why: String) {
        lock(&self.left).insert((target, repository.clone(), digest), why);
    }

    pub(crate) fn is_left(&self, target: TargetId, repository: &Repository, digest: Digest) -> bool {
        lock(&self.left).contains_key(&(target, repository.clone(), digest))
    }

    /// Why each manifest that was left behind was.
    pub(crate) fn reasons(&self) -> Vec<String> {
        lock(&self.left).values().map(|why| format!("left behind: {why}")).collect()
    }

    /// Notes that the blob of this step is on its way, for as long as the answer lives.
    pub(crate) fn on_its_way(&self, step: StepId, repository: &Repository, blob: &Descriptor) -> OnItsWay<'_> {
        lock(&self.in_flight).insert(step, (repository.clone(), blob.clone()));
        OnItsWay { progress: self, step }
    }

    /// The largest blob that is on its way.
    pub(crate) fn largest_in_flight(&self) -> Option<(Repository, Descriptor)> {
        lock(&self.in_flight).values().max_by_key(|(_, blob)| blob.size).cloned()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct OnItsWay<'a> {
    progress: &'a Progress,
    step: StepId,
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        lock(&self.progress.in_flight).remove(&self.step);
    }
}
