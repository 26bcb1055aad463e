use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;

use crate::progress::Counters;
use crate::{PinnedImage, Registry, Summary};

/// What a promotion did.
#[derive(Debug, Clone)]
pub struct Report {
    /// The images, pinned.
    pub images: Vec<PinnedImage>,
    /// What was done for each target, in the order they were given.
    pub targets: Vec<TargetReport>,
    /// What the plan amounted to. After content had to be staged again, the first plan.
    pub planned: Summary,
    /// Requests to all registries, retries and authorisation included.
    pub requests: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// What was done for one target.
#[derive(Debug, Clone, Serialize)]
pub struct TargetReport {
    /// The target as it stands in front of an image's name.
    pub registry: Registry,
    /// Images whose tag pointed to the pinned digest before.
    pub images_present: u64,
    /// Blobs that were read from the source and sent.
    pub blobs_copied: u64,
    /// Their bytes.
    pub bytes_copied: u64,
    /// Blobs that were mounted from a sibling repository.
    pub blobs_mounted: u64,
    /// Manifests and indexes that were written.
    pub manifests_put: u64,
    /// Tags that were written.
    pub tags_put: u64,
}

impl TargetReport {
    pub(crate) fn new(registry: Registry, images_present: u64, counters: &Counters) -> Self {
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            registry,
            images_present,
            blobs_copied: read(&counters.blobs_copied),
            bytes_copied: read(&counters.bytes_copied),
            blobs_mounted: read(&counters.blobs_mounted),
            manifests_put: read(&counters.manifests_put),
            tags_put: read(&counters.tags_put),
        }
    }
}
