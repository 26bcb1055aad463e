use std::ops::Range;

use oci::{Descriptor, Repository};
use promotion::{Error, OpenBlob};

use super::Ecr;
use crate::Blob;
use crate::error_kind::ErrorKind;
use crate::http;
use crate::operation::Endpoint as _;

/// What ECR wants for GET of a blob on `/v2`.
const ACTION: &str = "ecr:GetDownloadUrlForLayer";

impl Ecr {
    /// Opens a blob at a byte. `/v2` redirects to an address in S3 that is good for a while; opening it again gives a new one, so
    /// an address that S3 refuses is a temporary failure.
    pub(super) async fn open_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        range: Range<u64>,
    ) -> Result<OpenBlob<Blob>, Error> {
        let range = &range;
        let doing = format!("opening blob {}", blob.digest);
        let operation = self.endpoint().operation(ACTION, Some(repository), doing).or_absent(ErrorKind::BlobNotFound);
        self.with_token(&operation, |token| async move {
            http::open(self.http(), &token.credential, repository, blob, range).await
        })
        .await
    }

    /// Proves that a blob can be downloaded and has the size that its descriptor says, without downloading it.
    ///
    /// # Errors
    /// On [`crate::Side::Pull`] `PullFailed` if it is not there or not that size, `TargetAccessDenied`; `RegistryUnavailable`.
    pub async fn probe_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<(), Error> {
        let doing = format!("reaching blob {}", blob.digest);
        let operation = self.endpoint().operation(ACTION, Some(repository), doing).or_absent(ErrorKind::BlobNotFound);
        self.with_token(&operation, |token| async move {
            http::reach(self.http(), &token.credential, repository, blob).await
        })
        .await
    }
}
