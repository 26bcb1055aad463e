use http::Method;
use http::header::ACCEPT;
use oci::{Digest, Reference, Repository, Tag};
use promotion::Error;

use super::pull_manifest::{accepted, claimed_digest};
use super::{Authenticate, Permission, V2};
use crate::http::{AuthorizedClient, Failure, FinalResponse, Party};

impl<A: Authenticate> V2<A> {
    /// What a tag points to, as the registry says it. Where it does not say, the manifest is read.
    pub(crate) async fn digest(&self, repository: &Repository, tag: &Tag) -> Result<Option<Digest>, Error> {
        let path = &self.path(repository);
        let permission = Permission::PullManifest(path);
        let operation = self.operation(permission, repository, format!("looking up {tag}"));
        let ask = |client: AuthorizedClient| async move { client.digest(path, tag).await };
        match self.authenticator.send(permission, ask).await? {
            Ok(Some(digest)) => return Ok(Some(digest)),
            // There is no body that says more than the status does.
            Err(Failure::Refused(refusal)) if refusal.is_absent() => return Ok(None),
            Err(Failure::Refused(refusal)) if refusal.status == 429 => return Err(operation.refused(&refusal)),
            Err(Failure::Failed(error)) if error.is_temporary() => return Err(operation.failed(error.into())),
            Ok(None) | Err(_) => {}
        }
        let manifest = self.look_up_manifest(repository, &Reference::Tag(tag.clone())).await?;
        Ok(manifest.map(|manifest| manifest.digest()))
    }
}

impl AuthorizedClient {
    /// Section "Checking if content exists in the registry" of the distribution specification: none where the answer
    /// has no digest.
    async fn digest(&self, path: &Repository, tag: &Tag) -> Result<Option<Digest>, Failure> {
        let url = self.at(&format!("/v2/{path}/manifests/{tag}"));
        let accept = accepted();
        let accepting = |request: reqwest::RequestBuilder| request.header(ACCEPT, &accept);
        let FinalResponse { response, .. } =
            self.get(Method::HEAD, url, "looking up", Party::Elsewhere, accepting).await?;
        Ok(claimed_digest(&response))
    }
}
