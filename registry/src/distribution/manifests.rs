use promotion::{Error, Lookup, Manifest, Reference, Repository};

use super::Distribution;
use super::access::Pass;
use crate::attempt::Scene as _;
use crate::http::{self, Failure, Party};
use crate::kind::Kind;

impl Distribution {
    /// Looks up one manifest. Where a repository is made by the first push, one that is not there holds nothing yet.
    pub(super) async fn look_up(&self, repository: &Repository, reference: &Reference) -> Lookup {
        let attempt = self.scene().attempt("read", Some(repository), format!("looking up {reference}"));
        match self.get_manifest(repository, reference).await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(Failure::Refused(refusal)) if refusal.by == Party::Registry && refusal.status == 404 => Ok(None),
            Err(failure) => Err(attempt.failed(failure)),
        }
    }

    /// Pulls a manifest as a container runtime would. Its bytes are checked against the digest, if it is asked for by one.
    ///
    /// # Errors
    /// On [`crate::Side::Pull`] `PullFailed` if it is not there or not what it should be, `TargetAccessDenied`; `RegistryUnavailable`.
    pub async fn pull_manifest(&self, repository: &Repository, reference: &Reference) -> Result<Manifest, Error> {
        let doing = format!("pulling {reference}");
        let attempt = self.scene().attempt("read", Some(repository), doing).or_absent(Kind::NoImage);
        self.get_manifest(repository, reference).await.map_err(|failure| attempt.failed(failure))
    }

    async fn get_manifest(&self, repository: &Repository, reference: &Reference) -> Result<Manifest, Failure> {
        let path = &self.path(repository);
        let pull = |pass: Pass| async move { http::pull(self.http(), &pass.credential, path, reference).await };
        self.enter(self.scope(path), pull).await
    }
}
