//! What a scenario calls an image: `image(base,app)`, or `index(image(base,one),image(base,two))`.

use image_fixtures::{referrers_tag, signature_tag};
use oci::{Digest, Manifest, Tag};

use crate::memory::images::{seed_image, seed_index};
use crate::memory::{Held, Memory};

/// Puts it there with everything below it, untagged.
pub(crate) fn seed(registry: &Memory, repository: &str, content: &str) -> Result<Manifest, String> {
    registry.state().repositories.entry(repository.parse().unwrap()).or_default();
    let parts = content.strip_suffix(')').and_then(|content| content.split_once('('));
    match parts {
        Some(("image", layers)) => Ok(seed_image(registry, repository, &layers.split(',').collect::<Vec<_>>())),
        Some(("index", children)) => {
            let children: Vec<_> =
                split(children).iter().map(|child| seed(registry, repository, child)).collect::<Result<_, _>>()?;
            if children.len() > 3 {
                return Err("an index of more than three, for which there are no platforms".into());
            }
            Ok(seed_index(registry, repository, &children.iter().collect::<Vec<_>>(), None))
        }
        _ => Err(format!("{content} is no image(...) and no index(...)")),
    }
}

pub(crate) fn digest_of(content: &str) -> Result<Digest, String> {
    manifest_of(content).map(|manifest| manifest.digest())
}

pub(crate) fn manifest_of(content: &str) -> Result<Manifest, String> {
    seed(&Memory::new("scratch", &[]), "scratch", content)
}

/// A tag, or `sig(image(app))`, the tag under which cosign signs that image, or `list(image(app))`, that of the list of
/// its referrers.
pub(crate) fn tag_of(text: &str) -> Result<Tag, String> {
    let parts = text.strip_suffix(')').and_then(|text| text.split_once('('));
    let tag = match parts {
        Some(("sig", subject)) => signature_tag(digest_of(subject)?),
        Some(("list", subject)) => referrers_tag(digest_of(subject)?),
        _ => text.to_owned(),
    };
    tag.parse().map_err(|error| format!("{error}"))
}

/// At the commas that stand in no parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0;
    let is_border = |letter: char| {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        letter == ',' && depth == 0
    };
    text.split(is_border).collect()
}

/// The manifest, everything below it and all their blobs are there, and each hashes to its digest.
pub(crate) fn is_whole(held: &Held, digest: Digest) -> Result<(), String> {
    let manifest = held.manifests.get(&digest).ok_or_else(|| format!("the manifest {digest} is missing"))?;
    if Digest::of(manifest.raw()) != digest {
        return Err(format!("the manifest {digest} is not what it was"));
    }
    for blob in manifest.content().blobs().filter(|blob| !blob.is_non_distributable()) {
        let bytes = held.blobs.get(&blob.digest).ok_or_else(|| format!("the blob {} is missing", blob.digest))?;
        if Digest::of(bytes) != blob.digest {
            return Err(format!("the blob {} is not what it was", blob.digest));
        }
    }
    manifest.content().children().iter().try_for_each(|child| is_whole(held, child.digest))
}

/// `deploy-manifest.json` of what a scenario promotes: `api:1 platforms=linux/arm64 web:1 digest=image(web)`.
pub(crate) fn manifest(words: &[&str]) -> Result<String, String> {
    let mut images: Vec<serde_json::Value> = Vec::new();
    for word in words {
        match (word.split_once('='), word.split_once(':'), images.last_mut()) {
            (Some(("digest", content)), _, Some(image)) => image["digest"] = digest_of(content)?.to_string().into(),
            (Some(("platforms", names)), _, Some(image)) => {
                image["platforms"] = names.split(',').collect::<Vec<_>>().into();
            }
            (None, Some((repository, tag)), _) => {
                images.push(serde_json::json!({ "repository": repository, "tag": tag }));
            }
            _ => return Err(format!("{word} is no image and says nothing of one")),
        }
    }
    Ok(serde_json::json!({ "images": images }).to_string())
}

/// Whether the text is the pattern, in which `…` stands for anything.
pub(crate) fn is_like(text: &str, pattern: &str) -> bool {
    match pattern.split_once('…') {
        None => text == pattern,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| is_like(&rest[at..], tail))
        }),
    }
}
