//! What refers to images, as cosign and others attach it.

use serde_json::{Value, json};

use crate::layers::random;
use crate::{Content, Fixture, Image, Index, descriptor, referrers_tag, sha256, signature_tag};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SPDX: &str = "application/spdx+json";

/// An image with a signature of cosign 2: an image of its own under the tag `sha256-<hex>.sig`.
pub fn signed(image: Fixture) -> Fixture {
    let payload = json!({
        "critical": {
            "identity": { "docker-reference": "registry.example/app" },
            "image": { "docker-manifest-digest": image.digest },
            "type": "cosign container image signature",
        },
        "optional": null,
    });
    let payload = payload.to_string();
    let config = json!({
        "architecture": "",
        "created": "0001-01-01T00:00:00Z",
        "os": "",
        "rootfs": { "type": "layers", "diff_ids": [sha256(&payload)] },
        "config": {},
    });
    let signature = Image::new()
        .config(config.to_string())
        .layer_as("application/vnd.dev.cosign.simplesigning.v1+json", payload)
        .annotated(json!({ "dev.cosignproject.cosign/signature": random(96) }));
    let signature = signature.build().compact().tagged(signature_tag(&image.digest));
    Fixture { content: image.content.and(&signature), ..image }
}

/// An image with an SBOM that refers to it, and a signature of cosign 3 that refers to the SBOM. Where a registry keeps
/// no list of referrers, clients do.
pub fn with_sbom(image: Fixture) -> Fixture {
    let root = image.manifests.iter().find(|manifest| manifest.digest == image.digest).expect("the image itself");
    let subject = descriptor(root.media_type, &root.bytes);
    let (content, sbom) = attached(image.content, subject, SPDX);
    let (content, _) = attached(content, sbom, BUNDLE);
    Fixture { content, ..image }
}

/// Adds an artifact that refers to `subject`, and the list that holds it alone. Answers the artifact's descriptor, too.
fn attached(content: Content, subject: Value, artifact_type: &str) -> (Content, Value) {
    let tag = referrers_tag(subject["digest"].as_str().expect("a descriptor"));
    let annotations = json!({ "org.opencontainers.image.created": "2026-11-01T00:00:00Z" });
    let referrer = Image::artifact(artifact_type)
        .layer_as(artifact_type, json!({ "content": random(400) }).to_string())
        .subject(subject)
        .with(json!({ "annotations": annotations }));
    let referrer = referrer.build().compact();
    let entry = json!({ "artifactType": artifact_type, "annotations": annotations });
    let list = Index::new().entry(referrer.descriptor(), entry).build().pretty().tagged(tag);
    (content.and(&referrer).and(&list), referrer.descriptor())
}
