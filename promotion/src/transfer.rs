mod copy;
mod schedule;
mod stage;
mod tag;
mod verify;

use std::sync::Arc;

use oci::{Digest, Manifest, Reference, Repository};

use crate::blob::BlobReader;
use crate::flow::Flow;
use crate::position::Targets;
use crate::progress::Progress;
use crate::settling::Loss;
use crate::{Error, Plan, Retrying, Source};

/// How much is on its way at a time, over all targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of blobs: a blob counts with its whole size. It bounds the work that is lost when a promotion is stopped,
    /// and keeps large blobs from starving each other.
    pub bytes_in_flight: u64,
    /// Blobs of 32 MiB or more. Each needs up to 2 MiB of memory while it is on its way, whatever its size.
    pub large_in_flight: usize,
    /// Blobs; and beside them as many manifests, which may have to wait for the pace of a registry.
    pub steps_in_flight: usize,
    /// Parts of large blobs that are read at a time, each over a connection of its own and with up to 2 MiB in memory.
    /// A blob that finds no room is read over one connection.
    pub ranges_in_flight: usize,
}

impl Limits {
    /// 1 GiB: where nothing stops a promotion before its end, large blobs need not wait for each other.
    #[must_use]
    pub fn without_deadline() -> Self {
        Self { bytes_in_flight: 1 << 30, ..Self::default() }
    }
}

impl Default for Limits {
    /// 256 MiB: at the slowest that Lambda has been seen to move bytes (0.4 MB per second with the least memory), what
    /// is on its way still arrives within 15 minutes, so that slow blobs never keep each other from ending. As many
    /// steps as hide a round trip without troubling the quotas of ECR (InitiateLayerUpload: 100 per second). Six large
    /// blobs, which at what S3 gives one connection (85 to 90 MB a second) are 4 Gbit a second. And four
    /// connections for a large blob: AWS saw three times the rate with four (README of
    /// awslabs/amazon-ecr-containerd-resolver).
    fn default() -> Self {
        Self { bytes_in_flight: 256 << 20, large_in_flight: 6, steps_in_flight: 32, ranges_in_flight: 4 }
    }
}

/// Carries out a plan.
pub(crate) struct Transfer<'a, S, T> {
    pub(crate) reader: &'a BlobReader<S>,
    pub(crate) targets: &'a Targets<Arc<Retrying<T>>>,
    /// How fast each takes blobs.
    pub(crate) flows: Targets<Arc<Flow>>,
    pub(crate) limits: Limits,
    pub(crate) progress: &'a Arc<Progress>,
}

/// What a phase found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Completeness {
    /// All that was planned is there.
    Complete,
    /// Something that was staged is not: an expiry rule for untagged images, someone who deletes, or a registry that
    /// takes long to show what it stored.
    Missing(Loss),
}

/// The bytes of a manifest: from the plan, or read again where they were too many to keep.
async fn whole_manifest<R: Source>(
    plan: &Plan,
    registry: &R,
    repository: &Repository,
    digest: Digest,
) -> Result<Option<Manifest>, Error> {
    if let Some(manifest) = plan.store.manifest(digest) {
        return Ok(Some(manifest.clone()));
    }
    let mut lookups = registry.manifests(repository, &[Reference::Digest(digest)]).await?;
    lookups.pop().unwrap_or(Ok(None))
}
