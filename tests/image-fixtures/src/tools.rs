//! Images as other tools build them, of random bytes.

use serde_json::json;

use crate::layers::{gzip, random, random_tar, zstd};
use crate::media_type::{OCI_CONFIG, OCI_GZIP, OCI_MANIFEST, OCI_TAR, OCI_ZSTD};
use crate::{Content, Fixture, Image, Index, descriptor, platform, sha256};

/// An image for one platform: a config and two layers.
pub fn image(repository: &str, tag: &str) -> Fixture {
    Fixture::new(repository, tag, built("amd64", &[OCI_GZIP, OCI_GZIP]))
}

/// An image whose layers are compressed by zstd, by gzip, and not at all.
pub fn layer_kinds(repository: &str, tag: &str) -> Fixture {
    Fixture::new(repository, tag, built("amd64", &[OCI_ZSTD, OCI_TAR, OCI_GZIP]))
}

/// What `docker buildx build --platform linux/amd64,linux/arm64` pushes: an index of two images, each a config and
/// three layers, and of their attestations, each a config and one statement. That is 5 manifests and 12 blobs.
pub fn buildx_index(repository: &str, tag: &str) -> Fixture {
    let images = ["amd64", "arm64"].map(|architecture| (architecture, built(architecture, &[OCI_GZIP; 3])));
    let index = images.iter().fold(Index::new(), |index, (name, image)| index.child(image, linux(name)));
    let index = images.iter().fold(index, |index, (_, image)| attested(index, image));
    Fixture::new(repository, tag, index.build().pretty())
}

/// An index that holds an index of two images, and an image.
pub fn nested_index(repository: &str, tag: &str) -> Fixture {
    let [amd64, arm64] = ["amd64", "arm64"].map(|architecture| built(architecture, &[OCI_GZIP]));
    let inner = Index::of([("linux/amd64", &amd64), ("linux/arm64", &arm64)]).build().pretty();
    let index = Index::of([("", &inner), ("linux/s390x", &built("s390x", &[OCI_GZIP]))]);
    Fixture::new(repository, tag, index.build().pretty())
}

/// An index of an index of one image, of an image that shares its layer, and of an attestation. That is 5 manifests and
/// 5 blobs.
pub fn shared_layers(repository: &str, tag: &str) -> Fixture {
    let shared = layer(OCI_GZIP);
    let [inner, other] = ["amd64", "arm64"].map(|architecture| {
        Image::new().config(config(architecture)).layer_as(OCI_GZIP, shared.clone()).build().pretty()
    });
    let inner = Index::of([("linux/amd64", &inner)]).build().pretty();
    let index = attested(Index::of([("", &inner), ("linux/arm64", &other)]), &other);
    Fixture::new(repository, tag, index.build().pretty())
}

/// An image whose manifest no writer of JSON would write again: its bytes have to travel as they are.
pub fn odd_whitespace(repository: &str, tag: &str) -> Fixture {
    let (config, layer) = (config("amd64").into_bytes(), layer(OCI_GZIP));
    let text = format!(
        " {{\t\"layers\" :[ {}\r\n] ,\n\n\"config\":{},  \"mediaType\":\"{OCI_MANIFEST}\",\"annotations\":{{\"a\\u0062\":\"\\/\"}},\
         \"schemaVersion\":2 }}\n\n \n",
        descriptor(OCI_GZIP, &layer),
        descriptor(OCI_CONFIG, &config),
    );
    Fixture::new(repository, tag, Content::new(OCI_MANIFEST, text.into_bytes(), [config, layer]))
}

/// A list of two images in the media types of Docker, as the `docker` of before OCI pushes them.
pub fn docker_list(repository: &str, tag: &str) -> Fixture {
    let [amd64, arm64] = ["amd64", "arm64"].map(|architecture| {
        let image = Image::docker().config(config(architecture));
        image.layer(layer(OCI_GZIP)).layer(layer(OCI_GZIP)).build().pretty()
    });
    let list = Index::of([("linux/amd64", &amd64), ("linux/arm64", &arm64)]).docker();
    Fixture::new(repository, tag, list.build().pretty())
}

fn built(architecture: &str, layers: &[&str]) -> Content {
    let image = Image::new().config(config(architecture));
    layers.iter().fold(image, |image, media_type| image.layer_as(media_type, layer(media_type))).build().pretty()
}

fn linux(architecture: &str) -> serde_json::Value {
    platform(&format!("linux/{architecture}"))
}

/// With what buildkit says of an image's build, as a manifest beside it (moby/buildkit,
/// `docs/attestations/attestation-storage.md`).
fn attested(index: Index, image: &Content) -> Index {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "subject": [{ "name": "pkg:docker/app", "digest": { "sha256": image.digest() } }],
        "predicate": { "builder": { "id": "" }, "metadata": { "buildInvocationID": random(12) } },
    });
    let statement = format!("{statement:#}");
    let config = json!({
        "architecture": "unknown",
        "os": "unknown",
        "config": {},
        "rootfs": { "type": "layers", "diff_ids": [sha256(&statement)] },
    });
    let attestation = Image::new()
        .config(config.to_string())
        .layer_as("application/vnd.in-toto+json", statement)
        .annotated(json!({ "in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2" }));
    let annotations = json!({
        "vnd.docker.reference.digest": image.digest(),
        "vnd.docker.reference.type": "attestation-manifest",
    });
    let platform = json!({ "architecture": "unknown", "os": "unknown" });
    index.child(&attestation.build().pretty(), json!({ "annotations": annotations, "platform": platform }))
}

fn config(architecture: &str) -> String {
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": { "Labels": { "build": random(12) } },
        "rootfs": { "type": "layers", "diff_ids": [] },
    });
    config.to_string()
}

fn layer(media_type: &str) -> Vec<u8> {
    let tar = random_tar();
    match media_type {
        OCI_GZIP => gzip(&tar),
        OCI_ZSTD => zstd(&tar),
        _ => tar,
    }
}
