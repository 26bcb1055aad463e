//! What a registry holds, read from where it keeps it and judged without a line of Transship.

use std::collections::{BTreeMap, BTreeSet};

use ecr_double::RegistryHandle;
use image_fixtures::{Fixture, sha256};
use serde_json::Value;

use crate::Disk;

/// A registry's own store.
pub trait Held {
    /// The tags of a repository, and the digests that they point to.
    fn tags(&self, repository: &str) -> BTreeMap<String, String>;
    /// A manifest that a repository holds.
    fn manifest(&self, repository: &str, digest: &str) -> Option<Vec<u8>>;
    /// A blob that a repository holds.
    fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>>;
}

/// Everything is there, byte for byte, under the tags that it has and no other.
///
/// # Errors
/// What is not so.
pub fn is_whole(held: &(impl Held + ?Sized), fixture: &Fixture) -> Result<(), String> {
    let repository = &fixture.repository;
    for manifest in &fixture.manifests {
        if held.manifest(repository, &manifest.digest).as_ref() != Some(&manifest.bytes) {
            return Err(format!("{repository} lacks the manifest {}", manifest.digest));
        }
    }
    for (digest, bytes) in &fixture.blobs {
        if held.blob(repository, digest).as_ref() != Some(bytes) {
            return Err(format!("{repository} lacks the blob {digest}"));
        }
    }
    let expected: BTreeMap<_, _> = fixture
        .manifests
        .iter()
        .flat_map(|held| held.tags.iter().map(|tag| (tag.clone(), held.digest.clone())))
        .collect();
    let tags = held.tags(repository);
    if tags == expected { Ok(()) } else { Err(format!("{repository} has the tags {tags:?}")) }
}

/// The image itself is there, and all below its tag.
///
/// # Errors
/// What is not so.
pub fn image_is_whole(held: &(impl Held + ?Sized), fixture: &Fixture) -> Result<(), String> {
    let tags = held.tags(&fixture.repository);
    if tags.get(&fixture.tag) != Some(&fixture.digest) {
        return Err(format!("{} has the tags {tags:?}", fixture.repository));
    }
    tags_are_whole(held, fixture)
}

/// Every tag that is there is one that was asked for, on what was asked for, and all below it is there.
///
/// # Errors
/// What is not so.
pub fn tags_are_whole(held: &(impl Held + ?Sized), fixture: &Fixture) -> Result<(), String> {
    let repository = &fixture.repository;
    for (tag, digest) in held.tags(repository) {
        let is_asked_for =
            fixture.manifests.iter().any(|manifest| manifest.digest == digest && manifest.tags.contains(&tag));
        if !is_asked_for {
            return Err(format!("{repository}:{tag} holds {digest}, which is not part of any release"));
        }
        let (mut left, mut seen) = (vec![digest], BTreeSet::new());
        while let Some(digest) = left.pop() {
            if !seen.insert(digest.clone()) {
                continue;
            }
            let bytes = held.manifest(repository, &digest).filter(|bytes| sha256(bytes) == digest);
            let bytes = bytes.ok_or_else(|| format!("{repository}:{tag} lacks the manifest {digest}"))?;
            let manifest: Value = serde_json::from_slice(&bytes).map_err(|error| format!("{digest}: {error}"))?;
            let listed = |name: &str| manifest[name].as_array().cloned().unwrap_or_default();
            let named = |entry: &Value| entry["digest"].as_str().unwrap_or_default().to_owned();
            left.extend(listed("manifests").iter().map(named));
            let config = manifest.get("config").cloned();
            for blob in listed("layers").iter().chain(config.as_ref()).map(named) {
                if held.blob(repository, &blob).is_none_or(|bytes| sha256(&bytes) != blob) {
                    return Err(format!("{repository}:{tag} lacks the blob {blob}"));
                }
            }
        }
    }
    Ok(())
}

impl Held for Disk {
    fn tags(&self, repository: &str) -> BTreeMap<String, String> {
        Self::tags(self, repository)
    }

    fn manifest(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        Self::manifest(self, repository, digest)
    }

    fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        Self::blob(self, repository, digest)
    }
}

impl Held for RegistryHandle {
    fn tags(&self, repository: &str) -> BTreeMap<String, String> {
        Self::tags(self, repository)
    }

    fn manifest(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        Self::manifest(self, repository, digest)
    }

    fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        self.blobs(repository).contains_key(digest).then(|| std::fs::read(self.blob_path(digest)).ok()).flatten()
    }
}
