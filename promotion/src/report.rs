use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;

use crate::progress::Counters;
use crate::{PinnedImage, Summary};
use oci::Registry;

/// What a promotion did.
#[derive(Debug, Clone)]
pub struct Report {
    /// The images, pinned.
    pub images: Vec<PinnedImage>,
    /// What was done for each target, in the order they were given.
    pub targets: Vec<TargetReport>,
    /// What the plan amounted to. After content had to be staged again, the first plan.
    pub planned: Summary,
    /// What is worth telling beside: what was left behind, and why.
    pub notes: Vec<String>,
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
    /// What became of each image, in the order of [`Report::images`].
    #[serde(skip)]
    pub outcomes: Vec<Outcome>,
    /// Images whose tag pointed to the pinned digest before.
    pub images_present: u64,
    /// Signatures, SBOMs and the like that hang on the images, and are there now.
    pub referrers: u64,
    /// Blobs that were read from the source and sent.
    pub blobs_copied: u64,
    /// Their bytes.
    pub bytes_copied: u64,
    /// Blobs that were mounted from a sibling repository.
    pub blobs_mounted: u64,
    /// Blobs of images that were not complete, which were there nevertheless.
    pub blobs_present: u64,
    /// Their bytes.
    pub bytes_present: u64,
    /// Manifests and indexes that were written.
    pub manifests_put: u64,
    /// Tags that were written.
    pub tags_put: u64,
}

/// What became of an image in a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Its tag pointed to the pinned digest before.
    Present,
    /// It is there now, by digest; its tag was not touched.
    Staged,
    /// It is there now, under its tag.
    Promoted,
}

impl TargetReport {
    pub(crate) fn new(registry: Registry, outcomes: Vec<Outcome>, referrers: u64, counters: &Counters) -> Self {
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            registry,
            images_present: outcomes.iter().filter(|outcome| **outcome == Outcome::Present).count() as u64,
            outcomes,
            referrers,
            blobs_copied: read(&counters.blobs_copied),
            bytes_copied: read(&counters.bytes_copied),
            blobs_mounted: read(&counters.blobs_mounted),
            blobs_present: read(&counters.blobs_present),
            bytes_present: read(&counters.bytes_present),
            manifests_put: read(&counters.manifests_put),
            tags_put: read(&counters.tags_put),
        }
    }
}
