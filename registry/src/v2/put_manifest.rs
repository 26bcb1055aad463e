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
            _ if refusal.status == 413 => Err(operation.refused(refusal)),
            _ if refusal.status == 405
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
            // What is there already needs no putting, for instance where an answer was lost and nothing may be overwritten
            // (replicatedhq/kots#5940).
            _ if matches!(refusal.status, 403 | 409 | 412) && self.has_manifest(repository, manifest, tag).await => {
                Ok(PutOutcome::Stored)
            }
            // Somebody writes the same at once, or the registry has not settled: the next time may do.
            _ if refusal.status == 409 => {
                Err(operation.error(Name::UnexpectedAnswer, &refusal.to_string()).temporary())
            }
            // The digest was computed from what was sent. Debian's docker-registry says so while another client puts
            // the same manifest: it reads what it is still writing.
            _ if ErrorKind::of(refusal) == ErrorKind::Corrupt => Err(operation.refused(refusal).temporary()),
            _ => Err(operation.refused(refusal)),
        }
    }

    /// Whether a manifest is there already under its tag, or under its digest if it gets none.
    async fn has_manifest(&self, repository: &Repository, manifest: &Manifest, tag: Option<&Tag>) -> bool {
        let digest = manifest.digest();
        let reference = tag.map_or(Reference::Digest(digest), |tag| Reference::Tag(tag.clone()));
        let held = self.look_up_manifest(repository, &reference).await;
        matches!(held, Ok(Some(held)) if held.digest() == digest)
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
        let held = match self.look_up_manifest(repository, &Reference::Tag(tag.clone())).await {
            Ok(None) => None,
            Ok(Some(held)) if held.digest() == digest => return Ok(PutOutcome::Stored),
            Ok(Some(held)) => Some(held.digest().to_string()),
            Err(error) if error.is_temporary() => return Err(error),
            // What it holds cannot be read, and is in the way all the same.
            Err(_) => Some("what cannot be read".to_owned()),
        };
        match held {
            Some(held) => Err(operation.error(
                Name::TagConflict,
                &format!(
                    "tag {tag} holds {held} and may not move to {digest}: {}. {}",
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

/// Whether a tag was refused because it exists.
///
/// The specification has no code for it, so the registry's own words decide and never the status alone: 409 is also what
/// registries answer to two that push at once. Harbor answers 412 "configured as immutable", quay.io 409, Artifact
/// Registry 400 "tag immutability", distr 409 "already exists and cannot be overwritten" (distr#1274), Nexus 400 "does not
/// allow updating assets", ECR `TAG_INVALID`.
fn is_about_tag(refusal: &Refusal) -> bool {
    const WORDS: [&str; 5] =
        ["immutab", "cannot be overwritten", "not allow updating", "already exists", "not allowed to overwrite"];
    let message = refusal.message.to_ascii_lowercase();
    let code = refusal.code.to_ascii_uppercase();
    // Of those only a tag can be meant that has another digest: what is there already is no reason to refuse it.
    matches!(code.as_str(), "TAG_INVALID" | "TAG_ALREADY_EXISTS" | "TAG_CONFLICT")
        || code.contains("IMMUTAB")
        || ((400..500).contains(&refusal.status) && WORDS.iter().any(|words| message.contains(words)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_in_the_way_where_the_registry_says_so() {
        for (status, code, message, is_tag) in [
            (412, "PRECONDITION", "Failed to process request due to 'app:1' configured as immutable.", true),
            (409, "TAG_IMMUTABLE", "", true),
            (409, "CONFLICT", "tag 1 already exists under the repository app", true),
            (409, "", "an image for tag latest already exists and cannot be overwritten", true),
            (400, "MANIFEST_INVALID", "Repository does not allow updating assets: docker", true),
            (400, "", "tag immutability is enabled", true),
            (403, "DENIED", "tag is immutable", true),
            (400, "TAG_INVALID", "", true),
            (409, "", "", false),
            (409, "CONFLICT", "the resource is being modified, try again", false),
            (409, "UNKNOWN", "another upload of this manifest is in progress", false),
            (412, "", "precondition failed", false),
            (403, "DENIED", "requested access to the resource is denied", false),
            (500, "UNKNOWN", "file already exists", false),
        ] {
            let refusal = Refusal { status, code: code.into(), message: message.into(), ..Refusal::default() };
            assert_eq!(is_about_tag(&refusal), is_tag, "{refusal}");
        }
    }
}
