//! Which step of a plan may start next. No I/O, so that the order can be tested by itself.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::Limits;
use crate::plan::{Step, Work};
use crate::position::{StepId, Steps, TargetId};

/// From this size on, in bytes, a blob fills the buffers of its connections: 2 MiB at most.
const LARGE: u64 = 32 << 20;

/// Which steps may run now. It knows nothing of what a step does but whether it writes a manifest, and its size.
///
/// Blobs and manifests have limits of their own: a registry may let manifests in slowly (ECR takes ten per second), and
/// bytes should move meanwhile. Among blobs, mounts go first, as they set others free, then copies from the largest
/// down: the long ones should not be what everyone waits for at the end. Copies are let in by their bytes, so that many
/// small blobs share the line while a blob as large as the limit has it for itself. Among manifests, the target that
/// has the fewest on their way comes first, so that none waits for the pace of another.
pub(crate) struct Schedule<'p> {
    steps: &'p Steps<Step>,
    limits: Limits,
    /// How many steps have to be done before each.
    unmet: Steps<usize>,
    dependents: Steps<Vec<StepId>>,
    blobs: BTreeSet<(Reverse<u64>, StepId)>,
    blobs_running: usize,
    large_running: usize,
    bytes_running: u64,
    manifests: BTreeMap<TargetId, Manifests>,
    manifests_running: usize,
}

/// The manifests of one target, in the order of the plan.
#[derive(Default)]
struct Manifests {
    ready: BTreeSet<StepId>,
    running: usize,
}

impl<'p> Schedule<'p> {
    pub(crate) fn new(steps: &'p Steps<Step>, limits: Limits) -> Self {
        let mut dependents = steps.map(|_| Vec::new());
        for (at, step) in steps.iter() {
            for before in &step.after {
                dependents[*before].push(at);
            }
        }
        let mut schedule = Self {
            steps,
            limits,
            unmet: steps.map(|step| step.after.len()),
            dependents,
            blobs: BTreeSet::new(),
            blobs_running: 0,
            large_running: 0,
            bytes_running: 0,
            manifests: BTreeMap::new(),
            manifests_running: 0,
        };
        for (at, step) in steps.iter() {
            if step.after.is_empty() {
                schedule.make_ready(at);
            }
        }
        schedule
    }

    /// The steps to start now.
    pub(crate) fn start_all(&mut self) -> Vec<StepId> {
        std::iter::from_fn(|| self.start_next()).collect()
    }

    /// The next step to start, if one may start now.
    fn start_next(&mut self) -> Option<StepId> {
        self.start_manifest().or_else(|| self.start_blob())
    }

    /// A step is done: others may have waited for it.
    pub(crate) fn finish(&mut self, at: StepId) {
        match &self.steps[at] {
            Step { target, work: Work::Manifest(_), .. } => {
                self.manifests_running -= 1;
                self.manifests.entry(*target).or_default().running -= 1;
            }
            _ => {
                self.blobs_running -= 1;
                self.large_running -= usize::from(self.is_large(at));
                self.bytes_running -= self.bytes_of(at);
            }
        }
        for dependent in std::mem::take(&mut self.dependents[at]) {
            self.unmet[dependent] -= 1;
            if self.unmet[dependent] == 0 {
                self.make_ready(dependent);
            }
        }
    }

    fn make_ready(&mut self, at: StepId) {
        match &self.steps[at] {
            Step { target, work: Work::Manifest(_), .. } => {
                self.manifests.entry(*target).or_default().ready.insert(at);
            }
            step => {
                // A mount moves no bytes, unless it is declined.
                let rank = Reverse(step.sends().map_or(u64::MAX, |blob| blob.size));
                self.blobs.insert((rank, at));
            }
        }
    }

    fn start_manifest(&mut self) -> Option<StepId> {
        if self.manifests_running >= self.limits.steps_in_flight {
            return None;
        }
        let waiting = self.manifests.values_mut().filter(|manifests| !manifests.ready.is_empty());
        let next = waiting.min_by_key(|manifests| manifests.running)?;
        let at = next.ready.pop_first()?;
        next.running += 1;
        self.manifests_running += 1;
        Some(at)
    }

    fn start_blob(&mut self) -> Option<StepId> {
        let (rank, at) = self.blobs.first().copied()?;
        let bytes = self.bytes_of(at);
        // The first in line is never overtaken by one that would fit: a large blob would wait for ever.
        let fits = self.blobs_running == 0 || self.bytes_running + bytes <= self.limits.bytes_in_flight;
        let is_large = self.is_large(at);
        if !fits
            || self.blobs_running >= self.limits.steps_in_flight
            || (is_large && self.large_running >= self.limits.large_in_flight)
        {
            return None;
        }
        self.blobs.remove(&(rank, at));
        self.blobs_running += 1;
        self.large_running += usize::from(is_large);
        self.bytes_running += bytes;
        Some(at)
    }

    fn is_large(&self, at: StepId) -> bool {
        self.steps[at].sends().is_some_and(|blob| blob.size >= LARGE)
    }

    fn bytes_of(&self, at: StepId) -> u64 {
        self.steps[at].sends().map_or(0, |blob| blob.size.min(self.limits.bytes_in_flight))
    }
}

#[cfg(test)]
mod tests {
    use oci::{Descriptor, Digest};

    use super::*;

    fn copy(size: u64) -> Step {
        let blob = Descriptor { media_type: "x".into(), digest: Digest::of(&size.to_le_bytes()), size, platform: None };
        Step {
            target: TargetId::at(0),
            repository: "a".parse().unwrap(),
            work: Work::Copy(blob),
            after: vec![],
            is_for_referrer: false,
        }
    }

    fn manifest(after: &[usize]) -> Step {
        Step {
            target: TargetId::at(0),
            repository: "a".parse().unwrap(),
            work: Work::Manifest(Digest::of(b"")),
            after: after.iter().copied().map(StepId::at).collect(),
            is_for_referrer: false,
        }
    }

    fn limits(steps_in_flight: usize) -> Limits {
        Limits { bytes_in_flight: 100, steps_in_flight, ..Limits::default() }
    }

    #[test]
    fn starts_the_largest_first_within_the_bytes_and_manifests_when_their_blobs_are_there() {
        let steps = Steps::from_iter([copy(10), copy(60), manifest(&[0, 1]), copy(50), manifest(&[3])]);
        let mut schedule = Schedule::new(&steps, limits(9));
        assert_eq!(schedule.start_all(), [1].map(StepId::at));
        schedule.finish(StepId::at(1));
        assert_eq!(schedule.start_all(), [3, 0].map(StepId::at));
        schedule.finish(StepId::at(3));
        assert_eq!(schedule.start_all(), [4].map(StepId::at));
        schedule.finish(StepId::at(0));
        assert_eq!(schedule.start_all(), [2].map(StepId::at));
    }

    #[test]
    fn manifests_that_have_to_wait_keep_neither_blobs_nor_other_targets_waiting() {
        let of = |target, step| Step { target: TargetId::at(target), ..step };
        let steps =
            Steps::from_iter([manifest(&[]), manifest(&[]), manifest(&[]), copy(1), copy(2), of(1, manifest(&[]))]);
        let mut schedule = Schedule::new(&steps, limits(2));
        assert_eq!(schedule.start_all(), [0, 5, 4, 3].map(StepId::at));
        schedule.finish(StepId::at(5));
        assert_eq!(schedule.start_all(), [1].map(StepId::at));
        schedule.finish(StepId::at(4));
        assert!(schedule.start_all().is_empty());
        schedule.finish(StepId::at(1));
        assert_eq!(schedule.start_all(), [2].map(StepId::at));
    }

    #[test]
    fn a_blob_beyond_the_limit_goes_alone() {
        let steps = Steps::from_iter([copy(1), copy(1000)]);
        let mut schedule = Schedule::new(&steps, limits(9));
        assert_eq!(schedule.start_all(), [1].map(StepId::at));
        schedule.finish(StepId::at(1));
        assert_eq!(schedule.start_all(), [0].map(StepId::at));
    }

    #[test]
    fn no_more_large_blobs_than_allowed() {
        let steps: Steps<Step> = (0..4).map(|more| copy(LARGE - 1 + more)).collect();
        let limits = Limits { bytes_in_flight: 4 * LARGE, large_in_flight: 2, ..Limits::default() };
        let mut schedule = Schedule::new(&steps, limits);
        assert_eq!(schedule.start_all(), [3, 2].map(StepId::at));
        schedule.finish(StepId::at(2));
        assert_eq!(schedule.start_all(), [1, 0].map(StepId::at), "the last one is not large");
    }

    #[test]
    fn no_more_steps_than_allowed() {
        let steps: Steps<Step> = (1..=5).map(copy).collect();
        let mut schedule = Schedule::new(&steps, limits(2));
        assert_eq!(schedule.start_all(), [4, 3].map(StepId::at));
        schedule.finish(StepId::at(3));
        assert_eq!(schedule.start_all(), [2].map(StepId::at));
    }
}
