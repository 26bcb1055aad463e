use std::ops::Range;

use oci::{Descriptor, Digest, Repository};
use promotion::{Error, OpenBlob};

use super::Distribution;
use crate::Blob;
use crate::error_kind::ErrorKind;
use crate::http;
use crate::operation::Endpoint as _;

impl Distribution {
    /// Opens a blob at a byte. Where the registry sends us on to a storage, opening it again gives a new address.
    pub(super) async fn open_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        range: Range<u64>,
    ) -> Result<OpenBlob<Blob>, Error> {
        let doing = format!("opening blob {}", blob.digest);
        let operation = self.endpoint().operation("read", Some(repository), doing).or_absent(ErrorKind::BlobNotFound);
        let (path, range) = (&self.path(repository), &range);
        self.send(self.scope(path), |authorized| async move {
            http::open(self.http(), &authorized.credential, path, blob, range).await
        })
        .await
        .map_err(|failure| operation.failed(failure))
    }

    /// Proves that a blob can be downloaded and has the size that its descriptor says, without downloading it.
    ///
    /// # Errors
    /// On [`crate::Side::Pull`] `PullFailed` if it is not there or not that size, `TargetAccessDenied`; `RegistryUnavailable`.
    pub async fn probe_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<(), Error> {
        let doing = format!("reaching blob {}", blob.digest);
        let operation = self.endpoint().operation("read", Some(repository), doing).or_absent(ErrorKind::BlobNotFound);
        let path = &self.path(repository);
        self.send(self.scope(path), |authorized| async move {
            http::reach(self.http(), &authorized.credential, path, blob).await
        })
        .await
        .map_err(|failure| operation.failed(failure))
    }

    /// Whether the repository has a blob.
    pub(super) async fn has_blob(&self, repository: &Repository, blob: Digest) -> Result<bool, Error> {
        let operation = self.endpoint().operation("read", Some(repository), format!("looking for blob {blob}"));
        let path = &self.path(repository);
        self.send(self.scope(path), |authorized| async move {
            http::has(self.http(), &authorized.credential, path, blob).await
        })
        .await
        .map_err(|failure| operation.failed(failure))
    }
}
