//! Any registry that speaks the OCI distribution specification, version 1.1.

mod address;
mod authenticator;
mod blobs;
mod challenge;
mod connect;
mod endpoint;
mod login;
mod manifests;
mod put_manifest;
mod referrers;
mod scope;
mod tags;
#[cfg(test)]
mod tests;
mod token;
mod unlisted;
mod upload;

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use oci::{Descriptor, Digest, Manifest, Reference, Registry, Repository, Tag};
use promotion::pull::Consumer;
use promotion::{
    Error, ImmutableTags, Lookup, MountOutcome, Mounting, Name, OpenBlob, PutOutcome, Referrers, RepositorySettings,
    Source, Target,
};
use url::Url;

pub use self::address::Address;
use self::authenticator::{AuthState, Authenticator, AuthorizedRequest};
pub use self::connect::{Distributions, Proxy};
use self::endpoint::DistributionEndpoint;
pub use self::login::Login;
use self::scope::Scope;
use self::unlisted::Unlisted;
use crate::http::{self, Client, Failure, Page};
use crate::{Blob, Side, Upload};

/// A registry behind the OCI distribution specification. Clones are the same connection.
#[derive(Clone)]
pub struct Distribution(Arc<Connection>);

struct Connection {
    endpoint: DistributionEndpoint,
    http: Client,
    auth: AuthState,
    unlisted: Unlisted,
}

impl Distribution {
    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.0.endpoint.address
    }

    fn endpoint(&self) -> &DistributionEndpoint {
        &self.0.endpoint
    }

    fn http(&self) -> &Client {
        &self.0.http
    }

    fn authenticator(&self) -> Authenticator<'_> {
        Authenticator { auth: &self.0.auth, endpoint: &self.0.endpoint, http: &self.0.http }
    }

    /// Sends something that needs this scope, once, and once more if the registry asks for what was not shown.
    async fn send<T, F>(&self, scope: Scope, send: impl Fn(AuthorizedRequest) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        self.authenticator().send(&scope, send).await
    }

    /// What a token has to be for: a target is read for the sake of writing it, and one token does for both.
    fn scope(&self, path: &Repository) -> Scope {
        if self.endpoint().side == Side::Target { Scope::push(path) } else { Scope::pull(path) }
    }

    async fn page(&self, path: &Repository, url: &Url) -> Result<Page, Failure> {
        self.send(self.scope(path), |authorized| async move {
            http::page(self.http(), &authorized.credential, url.clone(), "listing").await
        })
        .await
    }

    fn path(&self, repository: &Repository) -> Repository {
        self.address().path(repository)
    }

    fn at(&self, path: &str) -> Url {
        self.address().origin().at(path)
    }
}

impl fmt::Debug for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Distribution({}, {:?}, as {})", self.0.endpoint.name, self.0.endpoint.side, self.0.endpoint.login)
    }
}

impl Source for Distribution {
    type Blob = Blob;

    fn name(&self) -> &str {
        &self.0.endpoint.name
    }

    fn batch_size(&self) -> usize {
        1
    }

    async fn registry(&self) -> Result<Registry, Error> {
        Ok(self.address().registry().clone())
    }

    async fn manifests(&self, repository: &Repository, references: &[Reference]) -> Result<Vec<Lookup>, Error> {
        let mut found = Vec::with_capacity(references.len());
        for reference in references {
            found.push(match self.look_up(repository, reference).await {
                // All others are of the request, which may be made again.
                Err(error) if !matches!(error.name(), Name::CorruptContent | Name::RegistryLimit) => return Err(error),
                lookup => lookup,
            });
        }
        Ok(found)
    }

    async fn open_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        range: Range<u64>,
    ) -> Result<OpenBlob<Blob>, Error> {
        self.open_blob(repository, blob, range).await
    }

    async fn referrers(&self, repository: &Repository, subject: Digest) -> Result<Referrers, Error> {
        self.list_referrers(repository, subject).await
    }

    async fn tags(&self, repository: &Repository, prefix: &str) -> Result<Option<Vec<Tag>>, Error> {
        self.list_tags(repository, prefix).await
    }

    fn requests(&self) -> u64 {
        self.0.http.requests()
    }
}

impl Target for Distribution {
    type Upload = Upload;

    /// The specification knows no settings: a tag that may not move is found out when it is put.
    async fn repository_settings(&self, repositories: &[Repository]) -> Result<Vec<Option<RepositorySettings>>, Error> {
        let unknown = RepositorySettings {
            immutable_tags: ImmutableTags::Only(vec![]),
            encryption: String::new(),
            blob_bytes: 0..=u64::MAX,
        };
        Ok(vec![Some(unknown); repositories.len()])
    }

    async fn mounting(&self) -> Result<Mounting, Error> {
        Ok(Mounting::Any)
    }

    async fn has_blobs(&self, repository: &Repository, blobs: &[Digest]) -> Result<Vec<bool>, Error> {
        let mut present = Vec::with_capacity(blobs.len());
        for blob in blobs {
            present.push(self.has_blob(repository, *blob).await?);
        }
        Ok(present)
    }

    async fn start_upload(&self, repository: &Repository) -> Result<Upload, Error> {
        self.start_upload(repository).await
    }

    async fn mount_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        from: &Repository,
    ) -> Result<MountOutcome<Upload>, Error> {
        self.mount_blob(repository, blob, from).await
    }

    async fn put_blob<B>(&self, upload: Upload, blob: &Descriptor, body: B) -> Result<(), Error>
    where
        B: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        self.put_blob(upload, blob, body).await
    }

    async fn put_manifest(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        tag: Option<&Tag>,
    ) -> Result<PutOutcome, Error> {
        self.push_manifest(repository, manifest, tag).await
    }
}

impl Consumer for Distribution {
    async fn pull_manifest(&self, repository: &Repository, reference: &Reference) -> Result<Manifest, Error> {
        self.pull_manifest(repository, reference).await
    }

    async fn probe_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<(), Error> {
        self.probe_blob(repository, blob).await
    }
}
