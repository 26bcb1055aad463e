use oci::{Descriptor, Manifest, Reference, Repository};
use promotion::Error;
use promotion::pull::Consumer;

use super::Ecr;
use crate::error_kind::ErrorKind;
use crate::http;
use crate::operation::Endpoint as _;

impl Ecr {
    /// Pulls a manifest over `/v2`, as a container runtime would. Its bytes are checked against the digest, if it is asked for by one.
    ///
    /// # Errors
    /// On [`crate::Side::Pull`] `PullFailed` if it is not there or not what it should be, `TargetAccessDenied`; `RegistryUnavailable`.
    pub async fn pull_manifest(&self, repository: &Repository, reference: &Reference) -> Result<Manifest, Error> {
        let doing = format!("pulling {reference}");
        let operation =
            self.endpoint().operation("ecr:BatchGetImage", Some(repository), doing).or_absent(ErrorKind::ImageNotFound);
        self.with_token(&operation, |token| async move {
            http::pull(self.http(), &token.credential, repository, reference).await
        })
        .await
    }
}

impl Consumer for Ecr {
    async fn pull_manifest(&self, repository: &Repository, reference: &Reference) -> Result<Manifest, Error> {
        self.pull_manifest(repository, reference).await
    }

    async fn probe_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<(), Error> {
        self.probe_blob(repository, blob).await
    }
}
