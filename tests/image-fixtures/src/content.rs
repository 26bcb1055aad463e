use std::ops::{Deref, DerefMut};

use serde_json::{Value, json};

use crate::media_type::{DOCKER_LIST, OCI_INDEX};
use crate::{descriptor, sha256};

/// A manifest.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// `sha256:...`
    pub digest: String,
    /// The Content-Type that it is put with.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The tags that point to it.
    pub tags: Vec<String>,
}

impl Manifest {
    /// Whether it lists manifests.
    pub fn is_index(&self) -> bool {
        self.media_type == OCI_INDEX || self.media_type == DOCKER_LIST
    }
}

/// A manifest and all that it refers to.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Content {
    /// Each once and after those that it refers to: the manifest itself comes last.
    pub manifests: Vec<Manifest>,
    /// Each once, with its digest. A config comes before the layers.
    pub blobs: Vec<(String, Vec<u8>)>,
}

impl Content {
    /// A manifest of these bytes over these blobs. What it lists is added to it.
    pub fn new(media_type: &'static str, bytes: Vec<u8>, blobs: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let manifest = Manifest { digest: sha256(&bytes), media_type, bytes, tags: Vec::new() };
        let blobs = blobs.into_iter().map(|bytes| (sha256(&bytes), bytes)).collect();
        Self::default().and(&Self { manifests: vec![manifest], blobs })
    }

    /// Both, of which the other one is the manifest itself.
    pub fn and(mut self, other: &Self) -> Self {
        for manifest in &other.manifests {
            if self.manifests.iter().all(|known| known.digest != manifest.digest) {
                self.manifests.push(manifest.clone());
            }
        }
        for blob in &other.blobs {
            if !self.blobs.contains(blob) {
                self.blobs.push(blob.clone());
            }
        }
        self
    }

    /// With a tag on the manifest itself.
    pub fn tagged(mut self, tag: impl Into<String>) -> Self {
        self.manifests.last_mut().expect("the manifest itself").tags.push(tag.into());
        self
    }

    /// The manifest itself written as buildx and most others do.
    pub fn pretty(self) -> Self {
        let text = format!("{:#}", self.json());
        self.written(text)
    }

    /// Written as cosign does.
    pub fn compact(self) -> Self {
        let text = self.json().to_string();
        self.written(text)
    }

    /// Its media type is only what it is put with.
    pub fn without_media_type(self) -> Self {
        let mut fields = self.json();
        fields.as_object_mut().expect("an object").remove("mediaType");
        self.written(odd(&fields))
    }

    fn written(mut self, text: String) -> Self {
        let root = self.manifests.last_mut().expect("the manifest itself");
        root.digest = sha256(text.as_bytes());
        root.bytes = text.into_bytes();
        self
    }

    /// The manifest itself as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(self.bytes()).expect("a manifest is JSON")
    }

    /// The manifest itself.
    pub fn root(&self) -> &Manifest {
        self.manifests.last().expect("the manifest itself")
    }

    /// The digest of the manifest itself.
    pub fn digest(&self) -> &str {
        &self.root().digest
    }

    /// The bytes of the manifest itself.
    pub fn bytes(&self) -> &[u8] {
        &self.root().bytes
    }

    /// How others refer to it.
    pub fn descriptor(&self) -> Value {
        descriptor(self.root().media_type, self.bytes())
    }
}

/// As no writer of JSON would write it again: the bytes have to travel as they are.
pub(crate) fn odd(fields: &Value) -> String {
    format!(" \n{fields:#}\t\n")
}

/// What a repository holds: an image, and what refers to it.
#[derive(Debug, Clone)]
#[must_use]
pub struct Fixture {
    /// Where it is put.
    pub repository: String,
    /// The tag of the image.
    pub tag: String,
    /// What the tag points to.
    pub digest: String,
    /// The image, and what was added to it.
    pub content: Content,
}

impl Fixture {
    /// An image under a tag.
    pub fn new(repository: &str, tag: &str, image: Content) -> Self {
        let digest = image.digest().to_owned();
        Self { repository: repository.to_owned(), tag: tag.to_owned(), digest, content: image.tagged(tag) }
    }

    /// The line of a release that asks for this image.
    pub fn entry(&self) -> Value {
        json!({ "repository": self.repository, "tag": self.tag })
    }

    /// The length of all blobs, in bytes.
    pub fn size(&self) -> usize {
        self.blobs.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}

impl Deref for Fixture {
    type Target = Content;

    fn deref(&self) -> &Content {
        &self.content
    }
}

impl DerefMut for Fixture {
    fn deref_mut(&mut self) -> &mut Content {
        &mut self.content
    }
}
