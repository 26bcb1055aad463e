//! What a promotion has done so far, in counters that can be read while it runs and after it was stopped.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use oci::{Descriptor, Digest, Repository};

use crate::position::{StepId, TargetId, Targets};
use crate::{Plan, Tally};

/// What was done so far. It outlives a promotion that is stopped, and can be read while one runs.
#[derive(Debug, Default)]
pub struct Progress {
    targets: Mutex<Targets<Tally>>,
    in_flight: Mutex<HashMap<StepId, (Repository, Descriptor)>>,
    moved: AtomicU64,
    stage: Mutex<(Phase, Tally)>,
    /// None for what a target needs not, and why for all else.
    left: Mutex<BTreeMap<(TargetId, Repository, Digest), Option<String>>>,
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
    pub planned: Tally,
    /// Bytes of blobs that were sent, those of blobs that had to be sent again included.
    pub bytes_moved: u64,
    /// What was done. What turned out to be there is among it, and what the plan knew to be.
    pub done: Tally,
}

impl Progress {
    pub(crate) fn new<T>(targets: &Targets<T>) -> Self {
        Self { targets: Mutex::new(targets.map(|_| Tally::default())), ..Self::default() }
    }

    /// Where the promotion stands now.
    #[must_use]
    pub fn now(&self) -> ProgressSnapshot {
        let (phase, planned) = *lock(&self.stage);
        let done = lock(&self.targets).as_slice().iter().copied().sum();
        ProgressSnapshot { phase, planned, bytes_moved: self.moved.load(Ordering::Relaxed), done }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        lock(&self.stage).0 = phase;
    }

    /// Notes what is to be done for each target, and what each has already.
    pub(crate) fn plan(&self, plan: &Plan) {
        lock(&self.stage).1 = plan.tally();
        for (at, target) in plan.targets.iter() {
            let Tally { blobs_present, bytes_present, .. } = target.tally;
            self.add(at, Tally { blobs_present, bytes_present, ..Tally::default() });
        }
    }

    /// What was done for a target.
    pub(crate) fn of(&self, target: TargetId) -> Tally {
        lock(&self.targets)[target]
    }

    /// Counts something that was done for a target.
    pub(crate) fn add(&self, target: TargetId, done: Tally) {
        lock(&self.targets)[target] += done;
    }

    /// Notes bytes that are on their way to a target, whether or not they will be committed.
    pub(crate) fn moving(&self, bytes: usize) {
        self.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Notes that a referrer is left behind, and why the target does not take it.
    pub(crate) fn leave(&self, target: TargetId, repository: &Repository, digest: Digest, why: String) {
        lock(&self.left).insert((target, repository.clone(), digest), Some(why));
    }

    /// Notes that a target turned out not to need something.
    pub(crate) fn pass_over(&self, target: TargetId, repository: &Repository, digest: Digest) {
        lock(&self.left).insert((target, repository.clone(), digest), None);
    }

    pub(crate) fn is_left(&self, target: TargetId, repository: &Repository, digest: Digest) -> bool {
        lock(&self.left).contains_key(&(target, repository.clone(), digest))
    }

    /// Why each manifest that was left behind was.
    pub(crate) fn reasons(&self) -> Vec<String> {
        lock(&self.left).values().flatten().map(|why| format!("left behind: {why}")).collect()
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
