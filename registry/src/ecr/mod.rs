//! Amazon ECR.

mod place;
mod role;

use aws_config::SdkConfig;
use bytes::Bytes;
use futures_util::Stream;
use promotion::{
    Descriptor, Digest, Error, Lookup, Manifest, Mount, Put, Reference, Registry, Repository, Settings, Source, Tag,
    Target,
};

pub use place::{Place, Side};
pub use role::Role;

/// Who this process is to AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    arn: String,
}

impl Identity {
    /// Asks STS (GetCallerIdentity).
    ///
    /// # Errors
    /// `InvalidInput` without usable credentials, `RegistryUnavailable` when STS does not answer.
    pub async fn read(_config: &SdkConfig) -> Result<Self, Error> {
        todo!()
    }
    /// The identity behind an ARN; none if it is no ARN.
    #[must_use]
    pub fn from_arn(arn: &str) -> Option<Self> {
        Some(Self { arn: arn.into() })
    }
    /// The ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }
    /// Its account.
    #[must_use]
    pub fn account(&self) -> &str {
        todo!()
    }
    /// Its partition.
    #[must_use]
    pub fn partition(&self) -> &str {
        todo!()
    }
}

/// Connects to ECR registries.
#[derive(Debug, Clone)]
pub struct Connector;

impl Connector {
    /// A connector that acts as `identity`, or as a role that it assumes.
    ///
    /// # Errors
    /// `RegistryUnavailable` if no TLS client can be made on this machine.
    pub fn new(_config: &SdkConfig, _identity: Identity) -> Result<Self, Error> {
        todo!()
    }
    /// Puts at most this many manifests per second into one registry; ECR's default quota is 10.
    #[must_use]
    pub fn with_put_image_rate(self, _per_second: u32) -> Self {
        todo!()
    }
    /// Who this process is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        todo!()
    }
    /// Connects to a registry, with the role if one is given.
    ///
    /// # Errors
    /// `AssumeRoleDenied`; `RegistryUnavailable` when STS does not answer. Without a role nothing is sent yet.
    pub async fn connect(&self, _place: Place, _side: Side, _role: Option<&Role>) -> Result<Ecr, Error> {
        todo!()
    }
}

/// An ECR registry.
#[derive(Debug, Clone)]
pub struct Ecr;

/// An upload that was opened.
#[derive(Debug)]
pub struct Upload;

/// A rule of a lifecycle policy that may remove what was staged and not yet tagged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntaggedExpiry {
    /// The priority of the rule: what identifies it within its policy.
    pub priority: u64,
    /// Days after the push, where the rule counts days.
    pub after_days: Option<u64>,
    /// How many are kept, where the rule counts images.
    pub keeps: Option<u64>,
}

impl Ecr {
    /// The account and region.
    #[must_use]
    pub fn place(&self) -> &Place {
        todo!()
    }
    /// Pulls a manifest as a consumer does, over `/v2`.
    ///
    /// # Errors
    /// `PullFailed`.
    pub async fn pull_manifest(&self, _repository: &Repository, _reference: &Reference) -> Result<Manifest, Error> {
        todo!()
    }
    /// Proves that a blob can be downloaded and has its size, without downloading it.
    ///
    /// # Errors
    /// `PullFailed`.
    pub async fn reach_blob(&self, _repository: &Repository, _blob: &Descriptor) -> Result<(), Error> {
        todo!()
    }
    /// The rules by which the repository may lose images that have no tag.
    ///
    /// # Errors
    /// As for the trait methods.
    pub async fn untagged_expiry(&self, _repository: &Repository) -> Result<Vec<UntaggedExpiry>, Error> {
        todo!()
    }
}

impl Source for Ecr {
    type Blob = crate::Blob;
    const BATCH: usize = 100;
    fn name(&self) -> &str {
        todo!()
    }
    async fn registry(&self) -> Result<Registry, Error> {
        todo!()
    }
    async fn manifests(&self, _repository: &Repository, _references: &[Reference]) -> Result<Vec<Lookup>, Error> {
        todo!()
    }
    async fn blob(&self, _repository: &Repository, _blob: &Descriptor, _offset: u64) -> Result<crate::Blob, Error> {
        todo!()
    }
    fn requests(&self) -> u64 {
        todo!()
    }
}

impl Target for Ecr {
    type Upload = Upload;
    async fn settings(&self, _repositories: &[Repository]) -> Result<Vec<Option<Settings>>, Error> {
        todo!()
    }
    async fn mounting(&self) -> Result<bool, Error> {
        todo!()
    }
    async fn present(&self, _repository: &Repository, _blobs: &[Digest]) -> Result<Vec<bool>, Error> {
        todo!()
    }
    async fn open_upload(&self, _repository: &Repository) -> Result<Upload, Error> {
        todo!()
    }
    async fn mount(&self, _repository: &Repository, _blob: Digest, _from: &Repository) -> Result<Mount<Upload>, Error> {
        todo!()
    }
    async fn upload<B>(&self, _upload: Upload, _blob: &Descriptor, _body: B) -> Result<(), Error>
    where
        B: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        todo!()
    }
    async fn put_manifest(
        &self,
        _repository: &Repository,
        _manifest: &Manifest,
        _tag: Option<&Tag>,
    ) -> Result<Put, Error> {
        todo!()
    }
}
