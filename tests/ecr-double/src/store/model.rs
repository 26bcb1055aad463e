//! What a registry holds, as it is written to disk.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::late::{Lag, Late, Sight, Thing};
use crate::names::wildcard;

/// A repository's description and content. Blobs and manifests are files beside it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Repository {
    pub(crate) name: String,
    pub(crate) created_at: f64,
    pub(crate) mutability: Mutability,
    pub(crate) encryption: Encryption,
    pub(crate) policy: Option<String>,
    pub(crate) lifecycle: Option<String>,
    /// Blobs this repository holds, with their sizes. ECR keeps blobs by repository: one that another repository
    /// holds has to be uploaded again, or mounted.
    pub(crate) blobs: BTreeMap<String, u64>,
    pub(crate) images: BTreeMap<String, Image>,
    pub(crate) tags: BTreeMap<String, String>,
    /// Scan results by image digest: `imageScanStatus` and `imageScanFindings`.
    pub(crate) scans: BTreeMap<String, Value>,
    /// How many images refer to a blob. Rebuilt on load.
    #[serde(skip)]
    pub(crate) references: BTreeMap<String, usize>,
    /// What reads do not see yet. Not kept on disk.
    #[serde(skip)]
    pub(crate) late: Late,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Image {
    pub(crate) digest: String,
    pub(crate) media_type: String,
    pub(crate) artifact_type: Option<String>,
    pub(crate) size: u64,
    /// Manifest, config and layers together: `imageSizeInBytes`.
    pub(crate) total_size: u64,
    pub(crate) pushed_at: f64,
    pub(crate) status: Status,
    /// Config and layers.
    pub(crate) blobs: BTreeSet<String>,
    /// Children of an index.
    pub(crate) children: BTreeSet<String>,
    pub(crate) subject: Option<String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// `imageStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Can be pulled.
    #[default]
    Active,
    /// In the archive storage class: cannot be pulled until restored.
    Archived,
    /// Being restored.
    Activating,
}

/// `imageTagMutability` and its exclusion filters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutability {
    /// MUTABLE, IMMUTABLE, IMMUTABLE_WITH_EXCLUSION or MUTABLE_WITH_EXCLUSION.
    pub mode: String,
    /// Wildcard filters of the two modes with exclusion.
    pub exclusions: Vec<String>,
}

impl Default for Mutability {
    fn default() -> Self {
        Self { mode: "MUTABLE".to_owned(), exclusions: Vec::new() }
    }
}

impl Mutability {
    /// Whether `tag` may not move.
    #[must_use]
    pub fn freezes(&self, tag: &str) -> bool {
        let excluded = || self.exclusions.iter().any(|filter| wildcard(filter, tag));
        match self.mode.as_str() {
            "IMMUTABLE" => true,
            "IMMUTABLE_WITH_EXCLUSION" => !excluded(),
            "MUTABLE_WITH_EXCLUSION" => excluded(),
            _ => false,
        }
    }
}

/// `encryptionConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Encryption {
    /// AES256, KMS or KMS_DSSE.
    pub encryption_type: String,
    /// The key of the KMS types.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

impl Default for Encryption {
    fn default() -> Self {
        Self { encryption_type: "AES256".to_owned(), kms_key: None }
    }
}

impl Repository {
    pub(crate) fn index(&mut self) {
        self.references.clear();
        for blob in self.images.values().flat_map(|image| &image.blobs) {
            *self.references.entry(blob.clone()).or_default() += 1;
        }
    }

    pub(crate) fn insert(&mut self, image: Image) {
        for blob in &image.blobs {
            *self.references.entry(blob.clone()).or_default() += 1;
        }
        self.images.insert(image.digest.clone(), image);
    }

    pub(crate) fn remove(&mut self, digest: &str) -> Option<Image> {
        let image = self.images.remove(digest)?;
        for blob in &image.blobs {
            if let Some(count) = self.references.get_mut(blob) {
                *count = count.saturating_sub(1);
            }
        }
        self.tags.retain(|_, tagged| tagged != digest);
        self.scans.remove(digest);
        Some(image)
    }

    /// Takes a blob, which reads may see later if it is a new one.
    pub(crate) fn keep(&mut self, digest: &str, size: u64, lag: Option<Lag>) {
        if self.blobs.insert(digest.to_owned(), size).is_none() {
            self.late.hide(Thing::Blob(digest.to_owned()), lag, None);
        }
    }

    /// The image of this digest, if reads see it.
    pub(crate) fn image(&self, digest: &str) -> Option<&Image> {
        self.images.get(digest).filter(|_| self.late.look(&Thing::Manifest(digest.to_owned())) == Sight::Current)
    }

    /// What reads see a tag point to.
    pub(crate) fn tagged(&self, tag: &str) -> Option<String> {
        match self.late.look(&Thing::Tag(tag.to_owned())) {
            Sight::Current => self.tags.get(tag).cloned(),
            Sight::Earlier(previous) => previous,
        }
    }

    /// The size of a blob, if reads see it.
    pub(crate) fn blob(&self, digest: &str) -> Option<u64> {
        let size = self.blobs.get(digest).copied();
        size.filter(|_| self.late.look(&Thing::Blob(digest.to_owned())) == Sight::Current)
    }

    /// The repository as lists show it.
    pub(crate) fn listed(&self) -> Cow<'_, Self> {
        let earlier = self.late.look_at_all();
        if earlier.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut seen = Self { late: Late::default(), ..self.clone() };
        for (thing, previous) in earlier {
            match (thing, previous) {
                (Thing::Manifest(digest), _) => _ = seen.images.remove(&digest),
                (Thing::Blob(digest), _) => _ = seen.blobs.remove(&digest),
                (Thing::Tag(tag), Some(previous)) => _ = seen.tags.insert(tag, previous),
                (Thing::Tag(tag), None) => _ = seen.tags.remove(&tag),
            }
        }
        Cow::Owned(seen)
    }

    /// Whether an image of this repository refers to the blob.
    pub(crate) fn refers_to(&self, blob: &str) -> bool {
        self.references.get(blob).is_some_and(|count| *count > 0)
    }

    /// Whether images refer to the blob, and all that do are in the archive: its bytes cannot be had.
    pub(crate) fn is_archived(&self, blob: &str) -> bool {
        let is_cold = |image: &Image| image.status != Status::Active;
        self.images.values().any(is_cold)
            && self.refers_to(blob)
            && self.images.values().filter(|image| image.blobs.contains(blob)).all(is_cold)
    }

    pub(crate) fn tags_of<'a>(&'a self, digest: &'a str) -> impl Iterator<Item = &'a str> {
        self.tags.iter().filter(move |(_, tagged)| *tagged == digest).map(|(tag, _)| tag.as_str())
    }

    /// The index that lists this image, if any does.
    pub(crate) fn parent_of(&self, digest: &str) -> Option<&str> {
        self.images.values().find(|image| image.children.contains(digest)).map(|image| image.digest.as_str())
    }
}
