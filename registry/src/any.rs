use std::ops::Range;

use bytes::Bytes;
use futures_util::Stream;
use oci::{Descriptor, Digest, Manifest, Reference, Registry, Repository, Tag};
use promotion::pull::Consumer;
use promotion::{Error, Lookup, Mount, Mounting, Opened, Put, Referrers, Settings, Source, Target};

use crate::{Blob, Distribution, Ecr, Upload};

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

    fn batch(&self) -> usize {
        either!(self, registry => registry.batch())
    }

    async fn registry(&self) -> Result<Registry, Error> {
        either!(self, registry => registry.registry().await)
    }

    async fn manifests(&self, repository: &Repository, references: &[Reference]) -> Result<Vec<Lookup>, Error> {
        either!(self, registry => registry.manifests(repository, references).await)
    }

    async fn blob(&self, repository: &Repository, blob: &Descriptor, range: Range<u64>) -> Result<Opened<Blob>, Error> {
        either!(self, registry => registry.blob(repository, blob, range).await)
    }

    async fn referrers(&self, repository: &Repository, subject: Digest) -> Result<Referrers, Error> {
        either!(self, registry => registry.referrers(repository, subject).await)
    }

    async fn tags(&self, repository: &Repository, prefix: &str) -> Result<Option<Vec<Tag>>, Error> {
        either!(self, registry => registry.tags(repository, prefix).await)
    }

    fn requests(&self) -> u64 {
        either!(self, registry => registry.requests())
    }
}

impl Target for AnyRegistry {
    type Upload = Upload;

    async fn settings(&self, repositories: &[Repository]) -> Result<Vec<Option<Settings>>, Error> {
        either!(self, registry => registry.settings(repositories).await)
    }

    async fn mounting(&self) -> Result<Mounting, Error> {
        either!(self, registry => registry.mounting().await)
    }

    async fn present(&self, repository: &Repository, blobs: &[Digest]) -> Result<Vec<bool>, Error> {
        either!(self, registry => registry.present(repository, blobs).await)
    }

    async fn open_upload(&self, repository: &Repository) -> Result<Upload, Error> {
        either!(self, registry => registry.open_upload(repository).await)
    }

    async fn mount(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        from: &Repository,
    ) -> Result<Mount<Upload>, Error> {
        either!(self, registry => registry.mount(repository, blob, from).await)
    }

    async fn upload<B>(&self, upload: Upload, blob: &Descriptor, body: B) -> Result<(), Error>
    where
        B: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        either!(self, registry => registry.upload(upload, blob, body).await)
    }

    async fn put_manifest(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        tag: Option<&Tag>,
    ) -> Result<Put, Error> {
        either!(self, registry => registry.put_manifest(repository, manifest, tag).await)
    }
}

impl Consumer for AnyRegistry {
    async fn manifest(&self, repository: &Repository, reference: &Reference) -> Result<Manifest, Error> {
        either!(self, registry => registry.pull_manifest(repository, reference).await)
    }

    async fn reach(&self, repository: &Repository, blob: &Descriptor) -> Result<(), Error> {
        either!(self, registry => registry.reach_blob(repository, blob).await)
    }
}
