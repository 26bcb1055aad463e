//! Any registry that speaks the OCI distribution specification, version 1.1.

mod address;
mod auth_state;
mod authenticator;
mod challenge;
mod connect;
mod endpoint;
mod login;
mod logins;
mod scope;
#[cfg(test)]
mod tests;
mod token;

use std::fmt;
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

pub use self::address::Address;
use self::authenticator::Authenticator;
pub use self::connect::Distributions;
use self::endpoint::DistributionEndpoint;
pub use self::login::Login;
pub use self::logins::Logins;
use crate::v2::{Authenticate as _, Blob, Upload, V2};

/// A registry behind the OCI distribution specification. Clones are the same connection.
#[derive(Clone)]
pub struct Distribution(Arc<V2<Authenticator>>);

impl Distribution {
    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.endpoint().address
    }

    fn endpoint(&self) -> &DistributionEndpoint {
        self.0.authenticator().endpoint()
    }
}

impl fmt::Debug for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DistributionEndpoint { name, side, logins, .. } = self.endpoint();
        write!(f, "Distribution({name}, {side:?}, as {logins})")
    }
}

impl Source for Distribution {
    type Blob = Blob;

    fn name(&self) -> &str {
        &self.endpoint().name
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
            found.push(match self.0.look_up_manifest(repository, reference).await {
                // All others are of the request, which may be made again.
                Err(error) if !matches!(error.name(), Name::CorruptContent | Name::RegistryLimit) => return Err(error),
                lookup => lookup,
            });
        }
        Ok(found)
    }

    /// Docker Hub counts each GET of a manifest as a pull, and no HEAD (its documentation, "Pull usage and limits").
    fn counts_pulls(&self) -> bool {
        self.address().counts_pulls()
    }

    async fn digest(&self, repository: &Repository, tag: &Tag) -> Result<Option<Digest>, Error> {
        self.0.digest(repository, tag).await
    }

    async fn open_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        range: Range<u64>,
    ) -> Result<OpenBlob<Blob>, Error> {
        self.0.open_blob(repository, blob, range).await
    }

    async fn referrers(&self, repository: &Repository, subject: Digest) -> Result<Referrers, Error> {
        self.0.referrers(repository, subject).await
    }

    async fn tags(&self, repository: &Repository, prefix: &str) -> Result<Option<Vec<Tag>>, Error> {
        self.0.tags(repository, prefix).await
    }

    fn lists_tags_cheaply(&self) -> bool {
        true
    }

    fn requests(&self) -> u64 {
        self.0.authenticator().http.requests()
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
            present.push(self.0.has_blob(repository, *blob).await?);
        }
        Ok(present)
    }

    async fn start_upload(&self, repository: &Repository) -> Result<Upload, Error> {
        self.0.start_upload(repository).await
    }

    async fn mount_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        from: &Repository,
    ) -> Result<MountOutcome<Upload>, Error> {
        self.0.mount_blob(repository, blob, from).await
    }

    async fn put_blob<B>(&self, upload: Upload, blob: &Descriptor, body: B) -> Result<(), Error>
    where
        B: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        self.0.put_blob(upload, blob, body).await
    }

    async fn put_manifest(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        tag: Option<&Tag>,
    ) -> Result<PutOutcome, Error> {
        self.0.put_manifest(repository, manifest, tag).await
    }
}

impl Consumer for Distribution {
    async fn pull_manifest(&self, repository: &Repository, reference: &Reference) -> Result<Manifest, Error> {
        self.0.pull_manifest(repository, reference).await
    }

    async fn probe_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<(), Error> {
        self.0.probe_blob(repository, blob).await
    }
}
