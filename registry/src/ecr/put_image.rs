//! PutImage: the bytes as they are, with digest and media type, so that ECR compares what it received.

use aws_sdk_ecr::operation::put_image::PutImageError;
use aws_sdk_ecr::types::error::KmsException;
use oci::text::sanitize_line;
use oci::{Digest, Manifest, Reference, Repository, Tag};
use promotion::{Error, Name, PutOutcome};

use super::Ecr;
use super::endpoint::Operation;
use super::sdk::failure;
use crate::error_kind::ErrorKind;
use crate::http::{Failure, Refusal, digests};
use crate::missing_blobs::missing_blobs;
use crate::operation::Endpoint as _;

impl Ecr {
    /// Writes a manifest, and a tag if one is given.
    ///
    /// The digest is always sent, so that ECR compares it with that of the bytes it received; and the media type,
    /// without which ECR refuses a manifest that names none itself (PutImage API reference, `imageManifestMediaType`).
    pub(super) async fn put_image(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        tag: Option<&Tag>,
    ) -> Result<PutOutcome, Error> {
        let doing = match tag {
            Some(tag) => format!("putting manifest {} with tag {tag}", manifest.digest()),
            None => format!("putting manifest {}", manifest.digest()),
        };
        let operation = self.endpoint().operation("ecr:PutImage", Some(repository), doing);
        let Ok(text) = std::str::from_utf8(manifest.raw()) else {
            return Err(
                operation.error(Name::RegistryLimit, "the manifest is not UTF-8, which the API of ECR requires")
            );
        };
        self.0.pace.put_image.turn().await;
        let answer = self
            .api()
            .await?
            .put_image()
            .registry_id(&self.registry_id().account)
            .repository_name(repository.as_str())
            .image_manifest(text)
            .image_manifest_media_type(manifest.media_type().as_str())
            .image_digest(manifest.digest().to_string())
            .set_image_tag(tag.map(|tag| tag.as_str().to_owned()))
            .send()
            .await;
        let Err(error) = answer else {
            return Ok(PutOutcome::Stored);
        };
        let key = error.as_service_error().and_then(kms).map(sanitize_line);
        match failure(error) {
            Failure::Refused(mut refusal) => {
                refusal.message.extend(key.map(|code| format!(" ({code})")));
                self.refused_image(&operation, repository, manifest, tag, &refusal).await
            }
            failure => Err(operation.failed(failure)),
        }
    }

    async fn refused_image(
        &self,
        operation: &Operation<'_>,
        repository: &Repository,
        manifest: &Manifest,
        tag: Option<&Tag>,
        refusal: &Refusal,
    ) -> Result<PutOutcome, Error> {
        match (refusal.code.as_str(), tag) {
            // "The specified image has already been pushed, and there were no changes to the manifest or image tag".
            ("ImageAlreadyExistsException", _) => Ok(PutOutcome::Stored),
            // Said of an immutable tag also when it holds this very image (aws/containers-roadmap#2179, #2380).
            ("ImageTagAlreadyExistsException", Some(tag)) => self.holds(operation, repository, manifest.digest(), tag).await,
            ("LayersNotFoundException", _) => Ok(PutOutcome::LacksBlobs(missing_blobs(&named_in(&refusal.message), manifest))),
            ("ReferencedImagesNotFoundException", _) => Ok(PutOutcome::LacksManifests),
            // ECR checks manifests against its own idea of them, which is narrower than the specification.
            _ if ErrorKind::of(refusal) == ErrorKind::InvalidRequest => Err(operation.error(
                Name::RegistryLimit,
                &format!(
                    "ECR does not take this manifest ({}): {}. Causes that are known: annotations on the descriptor of the config, \
                     attestations in a form that ECR does not know, descriptors with fields it does not expect",
                    manifest.media_type(),
                    refusal
                ),
            )),
            _ => Err(operation.refused(refusal)),
        }
    }

    /// Whether an immutable tag holds this digest, which is as good as having put it.
    async fn holds(
        &self,
        operation: &Operation<'_>,
        repository: &Repository,
        digest: Digest,
        tag: &Tag,
    ) -> Result<PutOutcome, Error> {
        let mut found = self.batch_get_image(repository, &[Reference::Tag(tag.clone())]).await?;
        match found.pop() {
            Some(Ok(Some(held))) if held.digest() == digest => Ok(PutOutcome::Stored),
            Some(Ok(Some(held))) => Err(operation.error(
                Name::TagConflict,
                &format!(
                    "tag {tag} is immutable and holds {}, so it cannot be put on {digest}. Release under a new tag, or exclude this one \
                     from the immutability of the repository",
                    held.digest()
                ),
            )),
            Some(Err(error)) => Err(error),
            Some(Ok(None)) | None => {
                let why = format!("tag {tag} is said to exist, and is not found");
                Err(operation.error(Name::UnexpectedAnswer, &why).temporary())
            }
        }
    }
}

fn kms(error: &PutImageError) -> Option<&str> {
    match error {
        PutImageError::KmsException(error) => KmsException::kms_error(error),
        _ => None,
    }
}

/// What ECR names in "Layers with digests '[sha256:..., sha256:...]' required for pushing image ... do not exist". A
/// list that was cut short for messages names only some of it, which is as good as nothing.
fn named_in(message: &str) -> Vec<Digest> {
    if message.ends_with("...") { vec![] } else { digests(message) }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use oci::MediaType;

    use super::*;

    fn manifest(blobs: &[Digest]) -> Manifest {
        let layers: Vec<_> = blobs
            .iter()
            .map(|blob| {
                format!(r#"{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{blob}","size":1}}"#)
            })
            .collect();
        let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        let text = format!(
            r#"{{"schemaVersion":2,"config":{},"layers":[{},{{"mediaType":"{foreign}","digest":"{}","size":1}}]}}"#,
            layers[0],
            layers.join(","),
            Digest::of(b"foreign")
        );
        Manifest::parse(Bytes::from(text), Some(MediaType::OciManifest.as_str())).unwrap()
    }

    #[test]
    fn reads_which_blobs_are_lacking() {
        let mut blobs = [Digest::of(b"1"), Digest::of(b"2"), Digest::of(b"3")];
        blobs.sort_unstable();
        let [a, b, c] = blobs;
        let manifest = manifest(&blobs);
        for (message, expected) in [
            (
                format!("Layers with digests '[{a}, {c}]' required for pushing image into repository do not exist"),
                vec![a, c],
            ),
            (format!("Layers with digests '[{b}]' do not exist in image {}", manifest.digest()), vec![b]),
            (format!("['{a}','{a}']"), vec![a]),
            ("Layers do not exist".into(), vec![a, b, c]),
            (format!("Layers with digests '[{}", &a.to_string()[..40]), vec![a, b, c]),
        ] {
            assert_eq!(missing_blobs(&named_in(&message), &manifest), expected, "{message}");
        }
    }
}
