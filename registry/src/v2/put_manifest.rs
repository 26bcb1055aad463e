use http::Method;
use http::header::CONTENT_TYPE;
use oci::{Content, Digest, Manifest, Reference, Repository, Tag};
use promotion::{Error, Name, PutOutcome};

use super::pull_manifest::claimed_digest;
use super::{Authenticate, Permission, V2};
use crate::error_kind::ErrorKind;
use crate::http::{AuthorizedClient, Failure, Party, Refusal};
use crate::missing_blobs::missing_blobs;
use crate::operation::Operation;

impl<A: Authenticate> V2<A> {
    /// Writes a manifest under its tag, or under its digest if it gets none.
    pub(crate) async fn put_manifest(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        tag: Option<&Tag>,
    ) -> Result<PutOutcome, Error> {
        let (doing, reference) = match tag {
            Some(tag) => {
                (format!("putting manifest {} with tag {tag}", manifest.digest()), Reference::Tag(tag.clone()))
            }
            None => (format!("putting manifest {}", manifest.digest()), Reference::Digest(manifest.digest())),
        };
        let (path, reference) = (&self.path(repository), &reference);
        let permission = Permission::PushManifest(path);
        let operation = self.operation(permission, repository, doing).or_absent(ErrorKind::RepositoryNotFound);
        let put = |client: AuthorizedClient| async move { client.put_manifest(path, reference, manifest).await };
        match self.authenticator.send(permission, put).await? {
            Ok(()) => Ok(PutOutcome::Stored),
            Err(Failure::Refused(refusal)) => {
                self.refused_manifest(&operation, repository, manifest, tag, &refusal).await
            }
            Err(failure) => Err(operation.failed(failure)),
        }
    }

    async fn refused_manifest(
        &self,
        operation: &Operation<'_, A::Endpoint>,
        repository: &Repository,
        manifest: &Manifest,
        tag: Option<&Tag>,
        refusal: &Refusal,
    ) -> Result<PutOutcome, Error> {
        match (refusal.code.as_str(), tag) {
            (_, Some(tag)) if is_about_tag(refusal) => {
                self.holds(operation, repository, manifest.digest(), tag, refusal).await
            }
            ("MANIFEST_BLOB_UNKNOWN" | "BLOB_UNKNOWN" | "MANIFEST_UNKNOWN" | "BLOB_UPLOAD_UNKNOWN", _) => {
                Ok(match **manifest.content() {
                    Content::Index { .. } => PutOutcome::LacksManifests,
                    Content::Image { .. } => PutOutcome::LacksBlobs(missing_blobs(&refusal.digests, manifest)),
                })
            }
            _ if matches!(refusal.status, 405 | 413)
                || matches!(ErrorKind::of(refusal), ErrorKind::InvalidRequest | ErrorKind::QuotaExceeded) =>
            {
                let why = format!(
                    "the registry does not take this manifest ({}, {} bytes): {}. It may not know this media type, or have a limit of its own",
                    manifest.media_type(),
                    manifest.raw().len(),
                    refusal
                );
                Err(operation.error(Name::RegistryLimit, &why))
            }
            // The digest was computed from what was sent. Debian's docker-registry says so while another client puts
            // the same manifest: it reads what it is still writing.
            _ if ErrorKind::of(refusal) == ErrorKind::Corrupt => Err(operation.refused(refusal).temporary()),
            _ => Err(operation.refused(refusal)),
        }
    }

    /// Whether a tag that may not move holds this digest, which is as good as having put it.
    async fn holds(
        &self,
        operation: &Operation<'_, A::Endpoint>,
        repository: &Repository,
        digest: Digest,
        tag: &Tag,
        refusal: &Refusal,
    ) -> Result<PutOutcome, Error> {
        match self.look_up_manifest(repository, &Reference::Tag(tag.clone())).await? {
            Some(held) if held.digest() == digest => Ok(PutOutcome::Stored),
            Some(held) => Err(operation.error(
                Name::TagConflict,
                &format!(
                    "tag {tag} holds {} and may not move to {digest}: {}. {}",
                    held.digest(),
                    refusal,
                    if tag.as_str().starts_with("sha256-") {
                        "Such a tag moves whenever the image is signed again: exclude `sha256-*` from the rule of the registry that keeps \
                         tags where they are, or leave referrers behind"
                    } else {
                        "Release under a new tag, or exclude this one from the rule of the registry that keeps tags where they are"
                    }
                ),
            )),
            // Two that write the same tag at once, say.
            None => {
                let why = format!("{refusal}, and the registry does not have tag {tag}");
                Err(operation.error(Name::UnexpectedAnswer, &why).temporary())
            }
        }
    }
}

/// Whether a tag was refused because it exists. The specification has no code for it: Harbor answers 412 "configured as
/// immutable", quay.io 409, Artifact Registry 400 "tag immutability", ECR `TAG_INVALID`.
fn is_about_tag(refusal: &Refusal) -> bool {
    let message = refusal.message.to_ascii_lowercase();
    matches!(refusal.status, 409 | 412)
        || matches!(refusal.code.as_str(), "TAG_INVALID" | "TAG_IMMUTABLE")
        || message.contains("immutab")
        || message.contains("cannot be overwritten")
}

impl AuthorizedClient {
    /// Section "Pushing manifests" of the distribution specification, byte for byte.
    ///
    /// Neither a `Location` nor a digest in the answer is required, as registries leave them out. A digest that is
    /// another one is an error.
    async fn put_manifest(&self, path: &Repository, reference: &Reference, manifest: &Manifest) -> Result<(), Failure> {
        let url = self.at(&format!("/v2/{path}/manifests/{reference}"));
        let request = self
            .request(Method::PUT, &url)
            .header(CONTENT_TYPE, manifest.media_type().as_str())
            .body(manifest.raw().clone());
        let response = self.send(request, "pushing to", &url).await?;
        if !response.status().is_success() {
            return Err(self.refusal(response, Party::Registry).await);
        }
        match claimed_digest(&response) {
            Some(claimed) if claimed != manifest.digest() => {
                let why = format!("{url} answers that it holds {claimed}, not {}", manifest.digest());
                Err(Error::new(Name::CorruptContent, why).into())
            }
            _ => Ok(()),
        }
    }
}
