use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::plan::Step;
use crate::{Descriptor, Limits};

/// Which steps may run now. It knows nothing of what a step does but its size.
///
/// What is cheap and sets others free (manifests, mounts) goes first, then copies from the largest down: the long ones should not be what
/// everyone waits for at the end. Copies are let in by their bytes, so that many small blobs share the line while a blob as large as the
/// limit has it for itself.
pub(crate) struct Schedule<'p> {
    steps: &'p [Step],
    limits: Limits,
    unmet: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    ready: BTreeSet<(Reverse<u64>, usize)>,
    running: usize,
    bytes: u64,
}

impl<'p> Schedule<'p> {
    pub(crate) fn new(steps: &'p [Step], limits: Limits) -> Self {
        let mut dependents = vec![Vec::new(); steps.len()];
        for (at, step) in steps.iter().enumerate() {
            for before in &step.after {
                if let Some(list) = dependents.get_mut(*before) {
                    list.push(at);
                }
            }
        }
        let unmet: Vec<usize> = steps.iter().map(|step| step.after.len()).collect();
        let mut schedule = Self { steps, limits, unmet, dependents, ready: BTreeSet::new(), running: 0, bytes: 0 };
        for (at, step) in steps.iter().enumerate() {
            if step.after.is_empty() {
                schedule.ready.insert(schedule.rank(at));
            }
        }
        schedule
    }

    /// The next step to start, if one may start now.
    pub(crate) fn start_next(&mut self) -> Option<usize> {
        let (rank, at) = self.ready.first().copied()?;
        let bytes = self.bytes_of(at);
        // The first in line is never overtaken by one that would fit: a large blob would wait for ever.
        let fits = self.running == 0 || self.bytes + bytes <= self.limits.bytes_in_flight;
        if !fits || self.running >= self.limits.steps_in_flight {
            return None;
        }
        self.ready.remove(&(rank, at));
        self.running += 1;
        self.bytes += bytes;
        Some(at)
    }

    /// A step is done: others may have waited for it.
    pub(crate) fn finish(&mut self, at: usize) {
        self.running -= 1;
        self.bytes -= self.bytes_of(at);
        for dependent in self.dependents.get_mut(at).map(std::mem::take).unwrap_or_default() {
            if let Some(unmet) = self.unmet.get_mut(dependent) {
                *unmet -= 1;
                if *unmet == 0 {
                    self.ready.insert(self.rank(dependent));
                }
            }
        }
    }

    fn rank(&self, at: usize) -> (Reverse<u64>, usize) {
        (Reverse(self.blob(at).map_or(u64::MAX, |blob| blob.size)), at)
    }

    fn bytes_of(&self, at: usize) -> u64 {
        self.blob(at).map_or(0, |blob| blob.size.min(self.limits.bytes_in_flight))
    }

    /// A mount moves no bytes, unless it is declined.
    fn blob(&self, at: usize) -> Option<&Descriptor> {
        self.steps.get(at)?.sends()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;
    use crate::plan::Work;

    fn copy(size: u64) -> Step {
        let blob = Descriptor { media_type: "x".into(), digest: Digest::of(&size.to_le_bytes()), size, platform: None };
        Step {
            target: 0,
            repository: "a".parse().unwrap(),
            work: Work::Blob { blob, mount_from: None },
            after: vec![],
            is_for_referrer: false,
        }
    }

    fn manifest(after: &[usize]) -> Step {
        Step {
            target: 0,
            repository: "a".parse().unwrap(),
            work: Work::Manifest(Digest::of(b"")),
            after: after.to_vec(),
            is_for_referrer: false,
        }
    }

    fn start_all(schedule: &mut Schedule<'_>) -> Vec<usize> {
        std::iter::from_fn(|| schedule.start_next()).collect()
    }

    #[test]
    fn starts_the_largest_first_within_the_bytes_and_manifests_when_their_blobs_are_there() {
        let steps = [copy(10), copy(60), manifest(&[0, 1]), copy(50), manifest(&[3])];
        let mut schedule = Schedule::new(&steps, Limits { bytes_in_flight: 100, steps_in_flight: 9 });
        assert_eq!(start_all(&mut schedule), [1]);
        schedule.finish(1);
        assert_eq!(start_all(&mut schedule), [3, 0]);
        schedule.finish(3);
        assert_eq!(start_all(&mut schedule), [4]);
        schedule.finish(0);
        assert_eq!(start_all(&mut schedule), [2]);
    }

    #[test]
    fn a_blob_beyond_the_limit_goes_alone() {
        let steps = [copy(1), copy(1000)];
        let mut schedule = Schedule::new(&steps, Limits { bytes_in_flight: 100, steps_in_flight: 9 });
        assert_eq!(start_all(&mut schedule), [1]);
        schedule.finish(1);
        assert_eq!(start_all(&mut schedule), [0]);
    }

    #[test]
    fn no_more_steps_than_allowed() {
        let steps: Vec<_> = (1..=5).map(copy).collect();
        let mut schedule = Schedule::new(&steps, Limits { bytes_in_flight: 100, steps_in_flight: 2 });
        assert_eq!(start_all(&mut schedule), [4, 3]);
        schedule.finish(3);
        assert_eq!(start_all(&mut schedule), [2]);
    }
}
