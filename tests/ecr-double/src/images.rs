//! Images: putting, finding and deleting them, the same for the API and for `/v2`.

use std::collections::BTreeSet;
use std::fs;

use serde::{Deserialize, Serialize};

use crate::config::{SameDigest, Switches};
use crate::digest::{is_digest, sha256};
use crate::manifest::{self, Descriptor, Parsed};
use crate::names::{RegistryId, is_tag};
use crate::refusal::Refusal;
use crate::store::{Files, Image, Lag, Repository, Status, Thing};
use crate::world::World;

/// `imageId` of the API.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ImageId {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_tag: Option<String>,
}

/// An image to put.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Push<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) media_type: Option<&'a str>,
    pub(crate) tag: Option<&'a str>,
    pub(crate) digest: Option<&'a str>,
    /// A fault: the layers are not seen.
    pub(crate) blind: bool,
    /// A fault: reads see it later.
    pub(crate) lag: Option<Lag>,
}

/// Puts an image as PutImage does, with its errors in its order.
pub(crate) fn put(world: &World, id: &RegistryId, name: &str, push: &Push<'_>) -> Result<(Image, Parsed), Refusal> {
    let parsed = manifest::parse(push.bytes, push.media_type)?;
    let digest = sha256(push.bytes);
    if let Some(given) = push.digest {
        check_digest(given, &digest, name, id)?;
    }
    if push.tag.is_some_and(|tag| !is_tag(tag)) {
        return Err(Refusal::parameter("imageTag", "must be a valid tag"));
    }
    let (switches, files) = (world.switches(), world.store.files(id));
    world.store.with(id, |state| {
        let repository = state.change(name, id)?;
        check_tag(repository, id, push.tag, &digest, &switches)?;
        check_content(repository, id, &parsed, &files, push.blind)?;
        check_limits(repository, &parsed, push.tag, &digest, &switches)?;
        let path = files.manifest(&digest);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, push.bytes)?;
        let image = describe(&parsed, digest, push.bytes.len() as u64, world.clock.timestamp());
        if !repository.images.contains_key(&image.digest) {
            repository.insert(image.clone());
            repository.late.hide(Thing::Manifest(image.digest.clone()), push.lag, None);
        }
        if let Some(tag) = push.tag {
            let previous = repository.tags.insert(tag.to_owned(), image.digest.clone());
            repository.late.hide(Thing::Tag(tag.to_owned()), push.lag, previous);
        }
        Ok((image, parsed))
    })
}

fn check_digest(given: &str, actual: &str, name: &str, id: &RegistryId) -> Result<(), Refusal> {
    if !is_digest(given) {
        return Err(Refusal::parameter("imageDigest", "must be a valid digest"));
    }
    if given != actual {
        // The wording is that of google/go-containerregistry#1568.
        let message = format!(
            "The image with digest '{given}' in repository '{name}' and registry ID '{}' does not match the image \
             digest that Amazon ECR has calculated.",
            id.account
        );
        return Err(Refusal::new("ImageDigestDoesNotMatchException", message));
    }
    Ok(())
}

fn check_tag(
    repository: &Repository,
    id: &RegistryId,
    tag: Option<&str>,
    digest: &str,
    switches: &Switches,
) -> Result<(), Refusal> {
    let (name, account) = (&repository.name, &id.account);
    let exists = || {
        Refusal::new(
            "ImageAlreadyExistsException",
            format!(
                "Image with digest '{digest}' and tag '{}' already exists in the repository with name '{name}' in \
                 registry with id '{account}'",
                tag.unwrap_or("null")
            ),
        )
    };
    let Some(tag) = tag else {
        return if repository.images.contains_key(digest) { Err(exists()) } else { Ok(()) };
    };
    let frozen = || {
        Refusal::new(
            "ImageTagAlreadyExistsException",
            format!(
                "The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because the \
                 tag is immutable."
            ),
        )
    };
    let freezes = repository.mutability.freezes(tag);
    match repository.tags.get(tag) {
        None => Ok(()),
        Some(tagged) if tagged == digest => {
            let as_tag = freezes && switches.immutable_same_digest == SameDigest::ImageTagAlreadyExists;
            Err(if as_tag { frozen() } else { exists() })
        }
        Some(_) if freezes => Err(frozen()),
        Some(_) => Ok(()),
    }
}

fn check_content(
    repository: &Repository,
    id: &RegistryId,
    parsed: &Parsed,
    files: &Files,
    blind: bool,
) -> Result<(), Refusal> {
    let wanted = parsed.config.iter().chain(&parsed.layers).filter(|blob| !blob.is_foreign());
    let held = |blob: &&Descriptor| {
        !blind && repository.blob(&blob.digest).is_some() && files.blob_size(&blob.digest).is_some()
    };
    let missing = digests(wanted.filter(|blob| !held(blob)));
    // The wording of both is that of int128/docker-manifest-create-action#63.
    let message = |what: &str, missing: &BTreeSet<&str>| {
        let missing = missing.iter().copied().collect::<Vec<_>>().join(", ");
        format!(
            "{what} with digests '[{missing}]' required for pushing image into repository with name '{}' in the \
             registry with id '{}' do not exist",
            repository.name, id.account
        )
    };
    if !missing.is_empty() {
        return Err(Refusal::new("LayersNotFoundException", message("Layers", &missing)));
    }
    let absent = digests(parsed.children.iter().filter(|child| repository.image(&child.digest).is_none()));
    if !absent.is_empty() {
        return Err(Refusal::new("ReferencedImagesNotFoundException", message("Images", &absent)));
    }
    Ok(())
}

fn digests<'a>(descriptors: impl Iterator<Item = &'a Descriptor>) -> BTreeSet<&'a str> {
    descriptors.map(|descriptor| descriptor.digest.as_str()).collect()
}

fn check_limits(
    repository: &Repository,
    parsed: &Parsed,
    tag: Option<&str>,
    digest: &str,
    switches: &Switches,
) -> Result<(), Refusal> {
    if switches.max_layers_per_image.is_some_and(|max| parsed.layers.len() > max) {
        // cirruslabs/tart#890; it reaches `/v2` as 405 UNSUPPORTED.
        return Err(Refusal::invalid("Limit on number of layers per image exceeded"));
    }
    let exceeded =
        |what: &str| Err(Refusal::new("LimitExceededException", format!("The limit on {what} was exceeded")));
    if !repository.images.contains_key(digest) && repository.images.len() >= switches.max_images_per_repository {
        return exceeded("images per repository");
    }
    if tag.is_some() && repository.tags_of(digest).count() >= switches.max_tags_per_image {
        return exceeded("tags per image");
    }
    Ok(())
}

fn describe(parsed: &Parsed, digest: String, size: u64, pushed_at: f64) -> Image {
    let blobs: Vec<&Descriptor> = parsed.config.iter().chain(&parsed.layers).collect();
    Image {
        digest,
        media_type: parsed.media_type.clone(),
        artifact_type: parsed.artifact_type.clone(),
        size,
        total_size: size + blobs.iter().map(|blob| blob.size).sum::<u64>(),
        pushed_at,
        status: Status::Active,
        blobs: blobs.into_iter().map(|blob| blob.digest.clone()).collect(),
        children: parsed.children.iter().map(|child| child.digest.clone()).collect(),
        subject: parsed.subject.as_ref().map(|subject| subject.digest.clone()),
        annotations: parsed.annotations.clone(),
    }
}

/// Why an image was not found, as `failures[]` puts it.
pub(crate) struct NotFound {
    pub(crate) code: &'static str,
    pub(crate) reason: String,
}

/// The image an id means.
pub(crate) fn find<'a>(repository: &'a Repository, id: &ImageId) -> Result<&'a Image, NotFound> {
    let fail = |code, reason: &str| Err(NotFound { code, reason: reason.to_owned() });
    let digest = match (&id.image_digest, &id.image_tag) {
        (None, None) => {
            return fail("MissingDigestAndTag", "Both imageDigest and imageTag are missing");
        }
        (Some(digest), _) if !is_digest(digest) => {
            return fail("InvalidImageDigest", "Invalid image digest: it must be of the form algorithm:hex");
        }
        (_, Some(tag)) if !is_tag(tag) => return fail("InvalidImageTag", "Invalid image tag"),
        (None, Some(tag)) => match repository.tagged(tag) {
            Some(digest) => digest,
            None => return fail("ImageNotFound", "Requested image not found"),
        },
        (Some(digest), Some(tag)) => match repository.tagged(tag) {
            Some(tagged) if tagged == *digest => tagged,
            Some(_) => {
                return fail("ImageTagDoesNotMatchDigest", "The image tag does not match the image digest");
            }
            None => return fail("ImageNotFound", "Requested image not found"),
        },
        (Some(digest), None) => digest.clone(),
    };
    match repository.image(&digest) {
        Some(image) => Ok(image),
        None => fail("ImageNotFound", "Requested image not found"),
    }
}

/// Deletes a tag, or an image with all its tags, as BatchDeleteImage does: by tag only the tag goes, and the image with
/// it when it was the last one.
pub(crate) fn delete(repository: &mut Repository, id: &ImageId) -> Result<Vec<ImageId>, NotFound> {
    let digest = find(repository, id)?.digest.clone();
    let gone = |tag: Option<&str>| ImageId { image_digest: Some(digest.clone()), image_tag: tag.map(str::to_owned) };
    if let Some(tag) = &id.image_tag
        && repository.tags_of(&digest).count() > 1
    {
        repository.tags.remove(tag);
        return Ok(vec![gone(Some(tag))]);
    }
    if let Some(parent) = repository.parent_of(&digest) {
        let reason = format!("Requested image referenced by manifest list: [{parent}]");
        return Err(NotFound { code: "ImageReferencedByManifestList", reason });
    }
    let tags: Vec<String> = repository.tags_of(&digest).map(str::to_owned).collect();
    repository.remove(&digest);
    let mut deleted: Vec<ImageId> = tags.iter().map(|tag| gone(Some(tag))).collect();
    if deleted.is_empty() {
        deleted.push(gone(None));
    }
    Ok(deleted)
}
