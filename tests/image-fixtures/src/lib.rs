//! Images to test with, as plain data: manifests, blobs and tags, made by hand. What takes or serves them is elsewhere.
//!
//! It shares no code with Transship, so that a double that uses it does not judge Transship by its own words.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::new_without_default, reason = "a builder begins in one way")]

mod artifacts;
mod content;
mod image;
mod index;
mod layers;
pub mod media_type;
mod tools;

use std::fmt::{Display, Write as _};

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

pub use artifacts::{signed, with_sbom};
pub use content::{Content, Fixture, Manifest};
pub use image::Image;
pub use index::{Index, platform};
pub use layers::{gzip, zstd};
pub use tools::{buildx_index, docker_list, image, layer_kinds, nested_index, odd_whitespace, shared_layers};

/// The digest of these bytes, `sha256:...`.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    let mut text = "sha256:".to_owned();
    for byte in digest(&SHA256, bytes.as_ref()).as_ref() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// How a manifest refers to these bytes.
pub fn descriptor(media_type: &str, bytes: impl AsRef<[u8]>) -> Value {
    let bytes = bytes.as_ref();
    json!({ "mediaType": media_type, "digest": sha256(bytes), "size": bytes.len() })
}

/// The tag under which clients list what refers to a manifest ("Referrers Tag Schema" in the distribution
/// specification).
pub fn referrers_tag(digest: impl Display) -> String {
    digest.to_string().replace(':', "-")
}

/// The tag under which cosign 2 signs a manifest (sigstore/cosign, `specs/SIGNATURE_SPEC.md`).
pub fn signature_tag(digest: impl Display) -> String {
    format!("{}.sig", referrers_tag(digest))
}

/// Adds members to an object.
fn with(mut object: Value, members: Value) -> Value {
    let Value::Object(members) = members else { panic!("{members} is no object") };
    object.as_object_mut().expect("an object").extend(members);
    object
}
