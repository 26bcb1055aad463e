//! Images to promote, seeded into a [`Memory`].

use image_fixtures::media_type::{OCI_NONDISTRIBUTABLE, OCI_ZSTD};
use image_fixtures::{Content, Image, Index, descriptor, platform, referrers_tag, sha256, signature_tag};
use oci::Manifest;
use promotion::Release;
use serde_json::{Value, json};

use super::Memory;

/// The manifest itself is put there, and its blobs.
fn seed(registry: &Memory, repository: &str, image: &Content) -> Manifest {
    for (_, bytes) in &image.blobs {
        registry.seed_blob(repository, bytes.clone());
    }
    let root = image.root();
    let manifest = Manifest::parse(root.bytes.clone().into(), Some(root.media_type)).unwrap();
    registry.seed_manifest(repository, &manifest, root.tags.first().map(String::as_str));
    manifest
}

fn described(manifest: &Manifest) -> Value {
    descriptor(manifest.media_type().as_str(), manifest.raw())
}

/// A manifest over these layers, with a config for linux/amd64, all seeded; the first layer listed twice. A layer
/// `foreign:...` is one that registries leave elsewhere.
pub(crate) fn seed_image(source: &Memory, repository: &str, layers: &[&str]) -> Manifest {
    let image = Image::new().config(format!(r#"{{"architecture":"amd64","os":"linux","layers":{layers:?}}}"#));
    let image = layers.iter().chain(layers.first()).fold(image, |image, layer| match layer.starts_with("foreign:") {
        true => image.absent_layer(OCI_NONDISTRIBUTABLE, sha256(layer), layer.len() as u64),
        false => image.layer_as(OCI_ZSTD, *layer),
    });
    seed(source, repository, &image.build().without_media_type())
}

/// An index over these manifests, each said to be for linux and another architecture, seeded.
pub(crate) fn seed_index(source: &Memory, repository: &str, children: &[&Manifest], tag: Option<&str>) -> Manifest {
    let platforms = ["linux/amd64", "linux/arm64", "linux/s390x"].map(platform);
    let entries = children.iter().zip(platforms);
    let index = entries.fold(Index::new(), |index, (child, platform)| index.entry(described(child), platform));
    let index = seed(source, repository, &index.build().without_media_type());
    source.seed_manifest(repository, &index, tag);
    index
}

/// An artifact that refers to `subject`, seeded; and listed, where the registry leaves that to clients.
pub(crate) fn attach(source: &Memory, repository: &str, subject: &Manifest, text: &str) -> Manifest {
    let artifact_type = format!("application/{text}");
    let artifact = Image::artifact(&artifact_type).layer_as(&artifact_type, text).subject(described(subject));
    let artifact = artifact.with(json!({ "annotations": { "a": "b" } })).build();
    let artifact = seed(source, repository, &artifact.without_media_type());
    if !source.state().lists_referrers {
        list(source, repository, subject, &[&artifact]);
    }
    artifact
}

/// A list of referrers as a client writes it, in bytes of its own.
pub(crate) fn list(registry: &Memory, repository: &str, subject: &Manifest, referrers: &[&Manifest]) -> Manifest {
    let list = referrers.iter().fold(Index::new(), |list, referrer| list.entry(described(referrer), json!({})));
    seed(registry, repository, &list.build().tagged(referrers_tag(subject.digest())))
}

/// What cosign writes: an image under a tag made of the digest.
pub(crate) fn sign(registry: &Memory, repository: &str, subject: &Manifest, signatures: &[&str]) -> Manifest {
    let signature = seed_image(registry, repository, signatures);
    registry.seed_manifest(repository, &signature, Some(&signature_tag(subject.digest())));
    signature
}

/// A release of these images, written `repository:tag`.
pub(crate) fn release(images: &[&str]) -> Release {
    let images: Vec<_> = images
        .iter()
        .map(|image| {
            let (repository, tag) = image.split_once(':').unwrap();
            format!(r#"{{"repository":"{repository}","tag":"{tag}"}}"#)
        })
        .collect();
    Release::parse(format!(r#"{{"images":[{}]}}"#, images.join(",")).as_bytes()).unwrap()
}
