use oci::{Manifest, Reference, Repository};
use promotion::{Error, Lookup};

use super::Distribution;
use super::authenticator::AuthorizedRequest;
use crate::error_kind::ErrorKind;
use crate::http::{self, Failure, Party};
use crate::operation::Endpoint as _;

impl Distribution {
    /// Looks up one manifest. Where a repository is made by the first push, one that is not there holds nothing yet.
    pub(super) async fn look_up(&self, repository: &Repository, reference: &Reference) -> Lookup {
        let operation = self.endpoint().operation("read", Some(repository), format!("looking up {reference}"));
        match self.get_manifest(repository, reference).await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(Failure::Refused(refusal)) if refusal.by == Party::Registry && refusal.status == 404 => Ok(None),
            Err(failure) => Err(operation.failed(failure)),
        }
    }

    /// Pulls a manifest as a container runtime would. Its bytes are checked against the digest, if it is asked for by one.
    ///
    /// # Errors
    /// On [`crate::Side::Pull`] `PullFailed` if it is not there or not what it should be, `TargetAccessDenied`; `RegistryUnavailable`.
    pub async fn pull_manifest(&self, repository: &Repository, reference: &Reference) -> Result<Manifest, Error> {
        let doing = format!("pulling {reference}");
        let operation = self.endpoint().operation("read", Some(repository), doing).or_absent(ErrorKind::ImageNotFound);
        self.get_manifest(repository, reference).await.map_err(|failure| operation.failed(failure))
    }

    async fn get_manifest(&self, repository: &Repository, reference: &Reference) -> Result<Manifest, Failure> {
        let path = &self.path(repository);
        let pull = |authorized: AuthorizedRequest| async move {
            http::pull(self.http(), &authorized.credential, path, reference).await
        };
        self.send(self.scope(path), pull).await
    }
}
