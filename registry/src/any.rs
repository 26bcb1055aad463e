use bytes::Bytes;
use futures_util::Stream;
use promotion::pull::Consumer;
use promotion::{
    Descriptor, Digest, Error, Lookup, Manifest, Mount, Name, Put, Reference, Referrers, Registry, Repository,
    Settings, Source, Tag, Target,
};

use crate::{Blob, Distribution, DistributionUpload, Ecr, Upload};

/// A registry of either kind, so that one promotion can have both.
#[derive(Debug, Clone)]
pub enum AnyRegistry {
    /// Amazon ECR, through its API.
    Ecr(Ecr),
    /// Any other.
    Distribution(Distribution),
}

/// An upload into a registry of either kind.
#[derive(Debug)]
pub enum AnyUpload {
    /// Into ECR.
    Ecr(Upload),
    /// Into any other.
    Distribution(DistributionUpload),
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

    async fn blob(&self, repository: &Repository, blob: &Descriptor, offset: u64) -> Result<Blob, Error> {
        either!(self, registry => registry.blob(repository, blob, offset).await)
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
    type Upload = AnyUpload;

    async fn settings(&self, repositories: &[Repository]) -> Result<Vec<Option<Settings>>, Error> {
        either!(self, registry => registry.settings(repositories).await)
    }

    async fn mounting(&self) -> Result<bool, Error> {
        either!(self, registry => registry.mounting().await)
    }

    async fn present(&self, repository: &Repository, blobs: &[Digest]) -> Result<Vec<bool>, Error> {
        either!(self, registry => registry.present(repository, blobs).await)
    }

    async fn open_upload(&self, repository: &Repository) -> Result<AnyUpload, Error> {
        match self {
            Self::Ecr(ecr) => ecr.open_upload(repository).await.map(AnyUpload::Ecr),
            Self::Distribution(other) => other.open_upload(repository).await.map(AnyUpload::Distribution),
        }
    }

    async fn mount(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        from: &Repository,
    ) -> Result<Mount<AnyUpload>, Error> {
        match self {
            Self::Ecr(ecr) => Ok(ecr.mount(repository, blob, from).await?.map(AnyUpload::Ecr)),
            Self::Distribution(other) => Ok(other.mount(repository, blob, from).await?.map(AnyUpload::Distribution)),
        }
    }

    async fn upload<B>(&self, upload: AnyUpload, blob: &Descriptor, body: B) -> Result<(), Error>
    where
        B: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        match (self, upload) {
            (Self::Ecr(ecr), AnyUpload::Ecr(upload)) => ecr.upload(upload, blob, body).await,
            (Self::Distribution(other), AnyUpload::Distribution(upload)) => other.upload(upload, blob, body).await,
            _ => Err(Error::new(Name::InvalidInput, "an upload of another kind of registry")),
        }
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
