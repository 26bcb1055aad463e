use std::ops::Range;

use bytes::Bytes;
use futures_util::Stream;
use oci::{Descriptor, Digest, Manifest, Reference, Registry, Repository, Tag};
use promotion::pull::Consumer;
use promotion::{
    Error, Lookup, MountOutcome, Mounting, OpenBlob, PutOutcome, Referrers, RepositorySettings, Source, Target,
};

use crate::distribution::Distribution;
use crate::ecr::Ecr;
use crate::v2::{Blob, Upload};

/// A registry of either kind, so that one promotion can have both.
#[derive(Debug, Clone)]
pub enum AnyRegistry {
    /// Amazon ECR, through its API.
    Ecr(Ecr),
    /// Any other.
    Distribution(Distribution),
}

macro_rules! either {
    ($self:ident, $registry:ident => $call:expr) => {
        match $self {
            Self::Ecr($registry) => $call,
            Self::Distribution($registry) => $call,
        }
    };
}

impl Source for AnyRegistry {
    type Blob = Blob;

    fn name(&self) -> &str {
        either!(self, registry => registry.name())
    }

    fn batch_size(&self) -> usize {
        either!(self, registry => registry.batch_size())
    }

    async fn registry(&self) -> Result<Registry, Error> {
        either!(self, registry => registry.registry().await)
    }

    async fn manifests(&self, repository: &Repository, references: &[Reference]) -> Result<Vec<Lookup>, Error> {
        either!(self, registry => registry.manifests(repository, references).await)
    }

    fn counts_pulls(&self) -> bool {
        either!(self, registry => registry.counts_pulls())
    }

    fn imports_by_tag(&self) -> bool {
        either!(self, registry => registry.imports_by_tag())
    }

    async fn digest(&self, repository: &Repository, tag: &Tag) -> Result<Option<Digest>, Error> {
        either!(self, registry => registry.digest(repository, tag).await)
    }

    async fn open_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        range: Range<u64>,
    ) -> Result<OpenBlob<Blob>, Error> {
        either!(self, registry => registry.open_blob(repository, blob, range).await)
    }

    async fn referrers(&self, repository: &Repository, subject: Digest) -> Result<Referrers, Error> {
        either!(self, registry => registry.referrers(repository, subject).await)
    }

    async fn tags(&self, repository: &Repository, prefix: &str) -> Result<Option<Vec<Tag>>, Error> {
        either!(self, registry => registry.tags(repository, prefix).await)
    }

    fn lists_tags_cheaply(&self) -> bool {
        either!(self, registry => registry.lists_tags_cheaply())
    }

    fn requests(&self) -> u64 {
        either!(self, registry => registry.requests())
    }
}

impl Target for AnyRegistry {
    type Upload = Upload;

    async fn repository_settings(&self, repositories: &[Repository]) -> Result<Vec<Option<RepositorySettings>>, Error> {
        either!(self, registry => registry.repository_settings(repositories).await)
    }

    async fn mounting(&self) -> Result<Mounting, Error> {
        either!(self, registry => registry.mounting().await)
    }

    async fn has_blobs(&self, repository: &Repository, blobs: &[Digest]) -> Result<Vec<bool>, Error> {
        either!(self, registry => registry.has_blobs(repository, blobs).await)
    }

    async fn start_upload(&self, repository: &Repository) -> Result<Upload, Error> {
        either!(self, registry => registry.start_upload(repository).await)
    }

    async fn mount_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        from: &Repository,
    ) -> Result<MountOutcome<Upload>, Error> {
        either!(self, registry => registry.mount_blob(repository, blob, from).await)
    }

    async fn put_blob<B>(&self, upload: Upload, blob: &Descriptor, body: B) -> Result<(), Error>
    where
        B: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        either!(self, registry => registry.put_blob(upload, blob, body).await)
    }

    async fn put_manifest(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        tag: Option<&Tag>,
    ) -> Result<PutOutcome, Error> {
        either!(self, registry => registry.put_manifest(repository, manifest, tag).await)
    }
}

impl Consumer for AnyRegistry {
    async fn pull_manifest(&self, repository: &Repository, reference: &Reference) -> Result<Manifest, Error> {
        either!(self, registry => registry.pull_manifest(repository, reference).await)
    }

    async fn probe_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<(), Error> {
        either!(self, registry => registry.probe_blob(repository, blob).await)
    }
}
