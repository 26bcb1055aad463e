use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use oci::{Digest, InvalidManifest, MAX_MANIFEST_BYTES, Manifest, MediaType, Reference, Repository};
use promotion::{Error, Lookup, Name};
use reqwest::Response;

use super::{Authenticate, Permission, V2};
use crate::checked_manifest::checked_manifest;
use crate::error_kind::ErrorKind;
use crate::http::{AuthorizedClient, Failure, FinalResponse, Party, Refusal};

/// What a registry says the digest of a manifest is.
const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

impl<A: Authenticate> V2<A> {
    /// Pulls a manifest as a container runtime would. Its bytes are checked against the digest, if it is asked for by
    /// one.
    pub(crate) async fn pull_manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
    ) -> Result<Manifest, Error> {
        let path = &self.path(repository);
        let permission = Permission::PullManifest(path);
        let operation =
            self.operation(permission, repository, format!("pulling {reference}")).or_absent(ErrorKind::ImageNotFound);
        self.send(&operation, permission, |client| async move { client.pull_manifest(path, reference).await }).await
    }

    /// Looks up a manifest that may not exist. Where the first push makes a repository, a missing one holds nothing
    /// yet. That another host does not have it to which the registry sends on is the same answer.
    ///
    /// What is neither yes nor no leaves open whether there is one: Artifactory answers 403 for a tag that is not there
    /// yet (cosign#2973), and a registry 500 for good where a file of its storage is broken.
    pub(crate) async fn look_up_manifest(&self, repository: &Repository, reference: &Reference) -> Lookup {
        let path = &self.path(repository);
        let permission = Permission::PullManifest(path);
        let operation = self.operation(permission, repository, format!("looking up {reference}"));
        let pull = |client: AuthorizedClient| async move { client.pull_manifest(path, reference).await };
        match self.authenticator.send(permission, pull).await? {
            Ok(manifest) => Ok(Some(manifest)),
            Err(Failure::Refused(refusal)) if refusal.is_absent() => Ok(None),
            Err(Failure::Refused(refusal)) if self.leaves_open(permission, &refusal).await? => {
                Err(operation.refused(&refusal).inconclusive())
            }
            Err(failure) => Err(operation.failed(failure)),
        }
    }

    /// Whether this refusal to look something up leaves open whether it is there. A login that is refused for
    /// everything else as well does not, nor does what is refused because of when or how it was asked.
    pub(super) async fn leaves_open(&self, permission: Permission<'_>, refusal: &Refusal) -> Result<bool, Error> {
        let kind = ErrorKind::of(refusal);
        Ok(match refusal.status {
            500 | 501 => true,
            _ if kind.is_outage() || matches!(kind, ErrorKind::PullLimit | ErrorKind::NeedsTls) => false,
            401 if refusal.by == Party::Registry => {
                let asked = self.authenticator.send(permission, |client| async move { client.ping().await }).await?;
                !matches!(asked, Err(Failure::Refused(refusal)) if refusal.status == 401)
            }
            status => (400..500).contains(&status),
        })
    }
}

impl AuthorizedClient {
    /// Section "Pulling manifests" of the distribution specification.
    ///
    /// The digest is computed. What the registry says it is has to be the same, as nothing else distinguishes a
    /// manifest by tag from one that was changed on its way. ECR says nothing here (aws/containers-roadmap#1931).
    async fn pull_manifest(&self, path: &Repository, reference: &Reference) -> Result<Manifest, Failure> {
        let url = self.at(&format!("/v2/{path}/manifests/{reference}"));
        let accept = accepted();
        let FinalResponse { response, url, .. } =
            self.get(Method::GET, url, "pulling", Party::Elsewhere, |request| request.header(ACCEPT, &accept)).await?;
        let media_type = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let media_type = media_type.and_then(|kind| kind.split(';').next()).map(|kind| kind.trim().to_owned());
        let claimed = claimed_digest(&response);
        let raw = self.client().read_whole(response, "pulling", &url, MAX_MANIFEST_BYTES).await?;
        let raw =
            raw.map_err(|length| Error::new(Name::RegistryLimit, InvalidManifest::TooLarge(length).to_string()))?;
        let manifest = checked_manifest(raw.clone(), media_type.as_deref(), reference);
        let digest = manifest.as_ref().map_or_else(|_| Digest::of(&raw), Manifest::digest);
        match claimed {
            Some(claimed) if claimed != digest => {
                let why =
                    format!("{url} gives {} bytes that do not have the digest {claimed} which it says", raw.len());
                Err(Error::new(Name::CorruptContent, why).into())
            }
            _ => manifest.map_err(|error| error.context(url).into()),
        }
    }
}

/// The media types of manifests that are taken, for `Accept`.
pub(super) fn accepted() -> String {
    MediaType::ALL.map(MediaType::as_str).join(", ")
}

/// What a registry says the digest is, if it says so in an algorithm that is known.
pub(super) fn claimed_digest(response: &Response) -> Option<Digest> {
    response.headers().get(DIGEST)?.to_str().ok()?.parse().ok()
}
