use std::time::Duration;

use oci::{Digest, Registry};
use serde::Serialize;

use crate::{Before, PinnedImage, Tally, Until};

/// What a promotion did.
#[derive(Debug, Clone)]
pub struct Report {
    /// The images, pinned.
    pub images: Vec<PinnedImage>,
    /// What was done for each target, in the order they were given.
    pub targets: Vec<TargetReport>,
    /// What the plan amounted to. After content had to be staged again, the first plan.
    pub planned: Tally,
    /// Layers that registries leave where they are, over all targets.
    pub non_distributable: u64,
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
    /// Referrers of the images (signatures, SBOMs, attestations) that are there now.
    pub referrers: u64,
    /// What was done.
    #[serde(flatten)]
    pub tally: Tally,
}

impl Report {
    /// What was done for all targets.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.targets.iter().map(|target| target.tally).sum()
    }
}

/// What became of an image in a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its tag pointed to the pinned digest before.
    Present,
    /// It is there now, by digest; its tag was not touched.
    Staged {
        /// The other digest that the tag points to.
        previous: Option<Digest>,
    },
    /// It is there now, under its tag.
    Promoted {
        /// The other digest that the tag pointed to.
        previous: Option<Digest>,
    },
}

impl Outcome {
    pub(crate) fn of(before: Before, until: Until) -> Self {
        let previous = match before {
            Before::Pinned => return Self::Present,
            Before::Other(digest) => Some(digest),
            Before::Nothing => None,
        };
        match until {
            Until::Staged => Self::Staged { previous },
            Until::Tagged => Self::Promoted { previous },
        }
    }

    /// The other digest that the tag points to, or did before it moved; none where it was new, or is as it was.
    #[must_use]
    pub fn previous(self) -> Option<Digest> {
        match self {
            Self::Present => None,
            Self::Staged { previous } | Self::Promoted { previous } => previous,
        }
    }
}

impl TargetReport {
    pub(crate) fn new(registry: Registry, outcomes: Vec<Outcome>, referrers: u64, tally: Tally) -> Self {
        let images_present = outcomes.iter().filter(|outcome| **outcome == Outcome::Present).count() as u64;
        Self { registry, outcomes, images_present, referrers, tally }
    }
}
