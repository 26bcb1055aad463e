//! BatchGetImage: up to a hundred manifests in one request, with trouble of a single one reported under HTTP 200.

use aws_sdk_ecr::types::{Image, ImageFailure, ImageFailureCode, ImageIdentifier};
use bytes::Bytes;
use oci::text::sanitize_line;
use oci::{Digest, MediaType, Reference, Repository};
use promotion::{Error, Lookup, Name};

use super::Ecr;
use super::endpoint::Operation;
use super::sdk::failure;
use crate::Side;
use crate::checked_manifest::checked_manifest;
use crate::http::{Failure, Refusal};
use crate::operation::Endpoint as _;

const ACTION: &str = "ecr:BatchGetImage";

impl Ecr {
    /// Looks up manifests by tag or digest.
    ///
    /// By tag ECR converts a manifest to a type that is accepted (User Guide, "Container image manifest format
    /// support"); here all are, so nothing is converted, and the digest of the bytes has to be the one that ECR
    /// reports.
    pub(super) async fn batch_get_image(
        &self,
        repository: &Repository,
        references: &[Reference],
    ) -> Result<Vec<Lookup>, Error> {
        if references.is_empty() {
            return Ok(Vec::new());
        }
        let doing = match references {
            [one] => format!("looking up {one}"),
            many => format!("looking up {} images", many.len()),
        };
        let operation = self.endpoint().operation(ACTION, Some(repository), doing);
        let answer = self
            .api()
            .await?
            .batch_get_image()
            .registry_id(&self.registry_id().account)
            .repository_name(repository.as_str())
            .set_image_ids(Some(references.iter().map(id).collect()))
            .set_accepted_media_types(Some(MediaType::ALL.map(|kind| kind.as_str().to_owned()).into()))
            .send()
            .await
            .map_err(|error| operation.failed(failure(error)))?;
        let (images, failures) = (answer.images(), answer.failures());
        Ok(references
            .iter()
            .map(|reference| {
                let operation = self.endpoint().operation(ACTION, Some(repository), format!("looking up {reference}"));
                lookup(&operation, reference, images, failures)
            })
            .collect())
    }
}

fn id(reference: &Reference) -> ImageIdentifier {
    match reference {
        Reference::Tag(tag) => ImageIdentifier::builder().image_tag(tag.as_str()).build(),
        Reference::Digest(digest) => ImageIdentifier::builder().image_digest(digest.to_string()).build(),
    }
}

/// Finds the answer to one reference. ECR does not promise an order, and two references may lead to one image.
fn lookup(operation: &Operation<'_>, reference: &Reference, images: &[Image], failures: &[ImageFailure]) -> Lookup {
    if let Some(image) = images.iter().find(|image| image.image_id().is_some_and(|id| is_for(id, reference))) {
        return manifest(operation, reference, image).map(Some);
    }
    let is_replaced = operation.endpoint.side() == Side::Target && matches!(reference, Reference::Tag(_));
    match failures.iter().find(|failure| failure.image_id().is_some_and(|id| is_for(id, reference))) {
        Some(failure) if failure.failure_code() == Some(&ImageFailureCode::ImageNotFound) => Ok(None),
        // It is archived (User Guide, "Archiving images"). What has a tag of the release there is about to be replaced;
        // an image of the release itself is looked up by its digest, and has to be restored.
        Some(failure) if is_replaced && failure.failure_code() == Some(&ImageFailureCode::ImageInaccessible) => {
            Ok(None)
        }
        Some(failure) => Err(operation.refused(&refusal(failure))),
        None => Err(operation.error(Name::UnexpectedAnswer, "ECR's answer leaves it out").temporary()),
    }
}

fn is_for(id: &ImageIdentifier, reference: &Reference) -> bool {
    match reference {
        Reference::Tag(tag) => id.image_tag() == Some(tag.as_str()),
        Reference::Digest(digest) => id.image_digest() == Some(&digest.to_string()),
    }
}

fn manifest(operation: &Operation<'_>, reference: &Reference, image: &Image) -> Result<oci::Manifest, Error> {
    let failed = |error: Error| operation.failed(Failure::Failed(error));
    let Some(text) = image.image_manifest() else {
        return Err(operation.error(Name::UnexpectedAnswer, "ECR answered without the manifest").temporary());
    };
    let raw = Bytes::copy_from_slice(text.as_bytes());
    if let Some(reported) = image.image_id().and_then(ImageIdentifier::image_digest) {
        let found = Digest::of(&raw);
        if found.to_string() != reported {
            let why = format!("ECR gave bytes with the digest {found} and says it is {}", sanitize_line(reported));
            return Err(failed(Error::new(Name::CorruptContent, why)));
        }
    }
    checked_manifest(raw, image.image_manifest_media_type(), reference).map_err(failed)
}

/// A failure of one image comes with status 200; its code is kept apart from those of whole requests.
fn refusal(failure: &ImageFailure) -> Refusal {
    let code = failure.failure_code().map_or("", ImageFailureCode::as_str);
    Refusal {
        status: 200,
        code: format!("ImageFailure:{}", sanitize_line(code)),
        message: sanitize_line(failure.failure_reason().unwrap_or_default()),
        ..Refusal::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecr::endpoint::EcrEndpoint;
    use crate::ecr::identity::Identity;
    use crate::ecr::registry_id::RegistryId;

    const MANIFEST: &str =
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

    fn image(tag: Option<&str>, digest: &str, manifest: &str) -> Image {
        let id = ImageIdentifier::builder().set_image_tag(tag.map(Into::into)).image_digest(digest).build();
        Image::builder()
            .image_id(id)
            .image_manifest(manifest)
            .image_manifest_media_type(MediaType::OciIndex.as_str())
            .build()
    }

    fn ask(side: Side, reference: &str, images: &[Image], failures: &[ImageFailure]) -> Lookup {
        let caller = Identity::from_arn("arn:aws:iam::111122223333:root").unwrap();
        let endpoint = EcrEndpoint::new(RegistryId::new("111122223333", "eu-west-1"), side, caller);
        let repository = "myapp/api".parse().unwrap();
        let reference = match reference.parse() {
            Ok(digest) => Reference::Digest(digest),
            Err(_) => Reference::Tag(reference.parse().unwrap()),
        };
        lookup(&endpoint.operation(ACTION, Some(&repository), "looking up x"), &reference, images, failures)
    }

    #[test]
    fn answers_are_matched_by_id_and_checked() {
        let digest = Digest::of(MANIFEST.as_bytes()).to_string();
        let other = Digest::of(b"").to_string();
        let images = [image(Some("b"), &digest, MANIFEST), image(Some("a"), &digest, MANIFEST)];
        for reference in ["a", "b", &digest] {
            assert_eq!(ask(Side::Source, reference, &images, &[]).unwrap().unwrap().digest().to_string(), digest);
        }
        let left_out = ask(Side::Source, "c", &images, &[]).unwrap_err();
        assert_eq!((left_out.name(), left_out.is_temporary()), (Name::UnexpectedAnswer, true), "{left_out}");
        for (side, name) in [(Side::Source, Name::CorruptContent), (Side::Pull, Name::PullFailed)] {
            let lying = [image(Some("a"), &other, MANIFEST)];
            assert_eq!(ask(side, "a", &lying, &[]).unwrap_err().name(), name);
            assert_eq!(ask(side, &other, &lying, &[]).unwrap_err().name(), name);
        }
        let old = r#"{"schemaVersion":1,"fsLayers":[]}"#;
        let images = [image(Some("a"), &Digest::of(old.as_bytes()).to_string(), old)];
        assert_eq!(ask(Side::Source, "a", &images, &[]).unwrap_err().name(), Name::RegistryLimit);
    }

    #[test]
    fn an_archived_image_is_absent_where_its_tag_is_about_to_move() {
        let digest = Digest::of(b"").to_string();
        for (side, reference, expected) in [
            (Side::Target, "a", None),
            (Side::Target, digest.as_str(), Some(Name::PullFailed)),
            (Side::Source, "a", Some(Name::SourceImageNotFound)),
            (Side::Pull, "a", Some(Name::PullFailed)),
        ] {
            let id = ImageIdentifier::builder();
            let id = if reference == "a" { id.image_tag(reference) } else { id.image_digest(reference) };
            let failure =
                ImageFailure::builder().image_id(id.build()).failure_code(ImageFailureCode::ImageInaccessible);
            let found = ask(side, reference, &[], &[failure.build()]);
            assert_eq!(found.err().map(|error| error.name()), expected, "{side:?} {reference}");
        }
    }

    #[test]
    fn every_failure_code_has_a_name() {
        use ImageFailureCode as Code;
        use Name::{DigestMismatch, RegistryUnavailable, SourceAccessDenied, SourceImageNotFound, UnexpectedAnswer};
        for (code, expected) in [
            (Code::ImageNotFound, None),
            (Code::ImageInaccessible, Some((SourceImageNotFound, false))),
            (Code::ImageTagDoesNotMatchDigest, Some((DigestMismatch, false))),
            (Code::InvalidImageDigest, Some((UnexpectedAnswer, false))),
            (Code::InvalidImageTag, Some((UnexpectedAnswer, false))),
            (Code::MissingDigestAndTag, Some((UnexpectedAnswer, false))),
            (Code::ImageReferencedByManifestList, Some((UnexpectedAnswer, false))),
            (Code::KmsError, Some((SourceAccessDenied, false))),
            (Code::UpstreamAccessDenied, Some((UnexpectedAnswer, false))),
            (Code::UpstreamTooManyRequests, Some((RegistryUnavailable, true))),
            (Code::UpstreamUnavailable, Some((RegistryUnavailable, true))),
        ] {
            let id = ImageIdentifier::builder().image_tag("a").build();
            let failure = ImageFailure::builder().image_id(id).failure_code(code.clone()).build();
            match ask(Side::Source, "a", &[], &[failure]) {
                Ok(found) => assert!(found.is_none() && expected.is_none(), "{code}"),
                Err(error) => assert_eq!(Some((error.name(), error.is_temporary())), expected, "{code}: {error}"),
            }
        }
    }
}
