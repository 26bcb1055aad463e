use oci::{Descriptor, Repository};
use promotion::{Error, Name};

use super::blob_request::{Extent, unfit};
use super::{Authenticate, Permission, V2};
use crate::error_kind::ErrorKind;
use crate::http::{AuthorizedClient, Failure, FinalResponse};

impl<A: Authenticate> V2<A> {
    /// Proves that a blob can be downloaded and has the size that its descriptor says, without downloading it.
    pub(crate) async fn probe_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<(), Error> {
        let path = &self.path(repository);
        let permission = Permission::PullBlob(path);
        let operation = self
            .operation(permission, repository, format!("reaching blob {}", blob.digest))
            .or_absent(ErrorKind::BlobNotFound);
        self.send(&operation, permission, |client| async move { client.probe_blob(path, blob).await }).await
    }
}

impl AuthorizedClient {
    /// Asks for the first byte and reads none.
    async fn probe_blob(&self, path: &Repository, blob: &Descriptor) -> Result<(), Failure> {
        let FinalResponse { response, url } = self.request_blob(path, blob, Some("bytes=0-0")).await?;
        let size = match Extent::of(&response) {
            Extent::Whole(size) => size,
            Extent::Range(range) => range.total,
            Extent::Unclear => None,
        };
        match size {
            Some(size) if size == blob.size => Ok(()),
            Some(size) => {
                let why = format!("{url} has {size} bytes, and its manifest says {}", blob.size);
                Err(Error::new(Name::CorruptContent, why).into())
            }
            None => Err(unfit(&format!("{url} does not say its size"))),
        }
    }
}
