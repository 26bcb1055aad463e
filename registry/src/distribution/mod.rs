//! Any registry that speaks the OCI distribution specification, version 1.1.

mod address;
mod connect;
mod login;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use promotion::pull::Consumer;
use promotion::{
    Descriptor, Digest, Error, ImmutableTags, Lookup, Manifest, Mount, Name, Put, Reference, Referrers, Registry,
    Repository, Settings, Source, Tag, Target,
};

pub use self::address::Address;
pub use self::connect::{Distributions, Proxy};
pub use self::login::Login;
use crate::http::Client;
use crate::{Blob, Side};

/// A registry behind the OCI distribution specification. Clones are the same connection.
#[derive(Clone)]
pub struct Distribution(Arc<Connection>);

struct Connection {
    name: String,
    address: Address,
    login: Login,
    side: Side,
    http: Client,
}

/// An upload that was opened in a repository and not yet used.
#[derive(Debug)]
pub struct Upload {}

impl Distribution {
    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.0.address
    }

    fn unready<T>(&self) -> Result<T, Error> {
        Err(Error::new(Name::RegistryUnavailable, format!("{}: not built yet", self.0.name)).permanent())
    }

    /// Pulls a manifest as a container runtime would. Its bytes are checked against the digest, if it is asked for by one.
    ///
    /// # Errors
    /// On [`Side::Pull`] `PullFailed` if it is not there or not what it should be, `TargetAccessDenied`; `RegistryUnavailable`.
    pub async fn pull_manifest(&self, _repository: &Repository, _reference: &Reference) -> Result<Manifest, Error> {
        self.unready()
    }

    /// Proves that a blob can be downloaded and has the size that its descriptor says, without downloading it.
    ///
    /// # Errors
    /// On [`Side::Pull`] `PullFailed` if it is not there or not that size, `TargetAccessDenied`; `RegistryUnavailable`.
    pub async fn reach_blob(&self, _repository: &Repository, _blob: &Descriptor) -> Result<(), Error> {
        self.unready()
    }
}

impl fmt::Debug for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Distribution({}, {:?}, as {})", self.0.name, self.0.side, self.0.login)
    }
}

impl Source for Distribution {
    type Blob = Blob;

    fn name(&self) -> &str {
        &self.0.name
    }

    fn batch(&self) -> usize {
        1
    }

    async fn registry(&self) -> Result<Registry, Error> {
        Ok(self.0.address.registry().clone())
    }

    async fn manifests(&self, _repository: &Repository, _references: &[Reference]) -> Result<Vec<Lookup>, Error> {
        self.unready()
    }

    async fn blob(&self, _repository: &Repository, _blob: &Descriptor, _offset: u64) -> Result<Blob, Error> {
        self.unready()
    }

    async fn referrers(&self, _repository: &Repository, _subject: Digest) -> Result<Referrers, Error> {
        self.unready()
    }

    async fn tags(&self, _repository: &Repository, _prefix: &str) -> Result<Option<Vec<Tag>>, Error> {
        self.unready()
    }

    fn requests(&self) -> u64 {
        self.0.http.requests()
    }
}

impl Target for Distribution {
    type Upload = Upload;

    /// The specification knows no settings: a tag that may not move is found out when it is put.
    async fn settings(&self, repositories: &[Repository]) -> Result<Vec<Option<Settings>>, Error> {
        let unknown = Settings { immutable_tags: ImmutableTags::Only(vec![]), encryption: String::new() };
        Ok(vec![Some(unknown); repositories.len()])
    }

    async fn mounting(&self) -> Result<bool, Error> {
        Ok(true)
    }

    async fn present(&self, _repository: &Repository, _blobs: &[Digest]) -> Result<Vec<bool>, Error> {
        self.unready()
    }

    async fn open_upload(&self, _repository: &Repository) -> Result<Upload, Error> {
        self.unready()
    }

    async fn mount(
        &self,
        _repository: &Repository,
        _blob: &Descriptor,
        _from: &Repository,
    ) -> Result<Mount<Upload>, Error> {
        self.unready()
    }

    async fn upload<B>(&self, _upload: Upload, _blob: &Descriptor, _body: B) -> Result<(), Error>
    where
        B: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        self.unready()
    }

    async fn put_manifest(
        &self,
        _repository: &Repository,
        _manifest: &Manifest,
        _tag: Option<&Tag>,
    ) -> Result<Put, Error> {
        self.unready()
    }
}

impl Consumer for Distribution {
    async fn manifest(&self, repository: &Repository, reference: &Reference) -> Result<Manifest, Error> {
        self.pull_manifest(repository, reference).await
    }

    async fn reach(&self, repository: &Repository, blob: &Descriptor) -> Result<(), Error> {
        self.reach_blob(repository, blob).await
    }
}
