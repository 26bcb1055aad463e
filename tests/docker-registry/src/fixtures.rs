//! Images as other tools build them, made of random bytes, and pushed by nothing but HTTP.

mod artifacts;
mod images;
mod push;

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

pub use artifacts::{signed, with_sbom};
pub use images::{buildx_index, docker_list, image, layer_kinds, nested_index, odd_whitespace, shared_layers};

/// A manifest of an image.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// What belongs to an image: manifests after those that they refer to, and blobs.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// Where it is pushed to.
    pub repository: String,
    /// The tag of the image.
    pub tag: String,
    /// What the tag points to.
    pub digest: String,
    /// All manifests, in the order in which they can be put.
    pub manifests: Vec<Stored>,
    /// All blobs, each once, with their digests.
    pub blobs: Vec<(String, Vec<u8>)>,
}

/// A manifest.
#[derive(Debug, Clone)]
pub struct Stored {
    /// `sha256:...`
    pub digest: String,
    /// The Content-Type that it is put with.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The tags that point to it.
    pub tags: Vec<String>,
}

impl Stored {
    /// Whether it lists manifests.
    #[must_use]
    pub fn is_index(&self) -> bool {
        self.media_type == INDEX || self.media_type == DOCKER_LIST
    }
}

/// The digest of these bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in digest(&SHA256, bytes).as_ref() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl Fixture {
    fn new(repository: &str, tag: &str) -> Self {
        let (repository, tag, digest) = (repository.to_owned(), tag.to_owned(), String::new());
        Self { repository, tag, digest, manifests: Vec::new(), blobs: Vec::new() }
    }

    /// The line of a release that asks for this image.
    #[must_use]
    pub fn entry(&self) -> Value {
        json!({ "repository": self.repository, "tag": self.tag })
    }

    /// The length of all blobs, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.blobs.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Takes a blob in. Answers its descriptor.
    fn blob(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let descriptor = descriptor(media_type, &bytes);
        let digest = sha256(&bytes);
        if self.blobs.iter().all(|(known, _)| *known != digest) {
            self.blobs.push((digest, bytes));
        }
        descriptor
    }

    /// Takes a manifest in. Answers its descriptor.
    fn manifest(&mut self, media_type: &str, bytes: Vec<u8>, tags: &[&str]) -> Value {
        let descriptor = descriptor(media_type, &bytes);
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        self.manifests.push(Stored { digest: sha256(&bytes), media_type: media_type.to_owned(), bytes, tags });
        descriptor
    }

    /// Puts the image's own tag on the manifest that was taken in last.
    fn tagged(mut self) -> Self {
        let root = self.manifests.last_mut().expect("a manifest was taken in");
        root.tags.push(self.tag.clone());
        self.digest.clone_from(&root.digest);
        self
    }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": sha256(bytes), "size": bytes.len() })
}

/// Adds members to a descriptor.
fn with(mut descriptor: Value, members: Value) -> Value {
    let Value::Object(members) = members else { panic!("{members} is no object") };
    descriptor.as_object_mut().expect("a descriptor is an object").extend(members);
    descriptor
}

/// JSON as buildx and most others write it.
fn pretty(value: &Value) -> Vec<u8> {
    serde_json::to_vec_pretty(value).expect("a value can be written")
}
