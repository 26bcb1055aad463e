//! A registry as a test handles it, past all protocols.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use image_fixtures::Content;
use serde_json::Value;

use crate::digest::sha256;
use crate::guard::callers::Caller;
use crate::images::{self, ImageId, Push};
use crate::names::RegistryId;
use crate::store::{Encryption, Mutability, Repository, Status};
use crate::world::World;

/// One registry of a running double. Its methods panic on what a test should not do, such as naming a repository that
/// does not exist.
#[derive(Debug, Clone)]
pub struct RegistryHandle {
    world: Arc<World>,
    id: RegistryId,
    host: String,
}

/// How to create a repository.
#[derive(Debug, Clone, Default)]
pub struct RepositoryOptions {
    /// Tag mutability, MUTABLE by default.
    pub mutability: Mutability,
    /// Encryption, AES256 by default.
    pub encryption: Encryption,
    /// Repository policy.
    pub policy: Option<String>,
    /// Lifecycle policy.
    pub lifecycle: Option<String>,
}

/// A manifest held by a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldManifest {
    /// Its digest.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// The tags that point to it.
    pub tags: Vec<String>,
    /// The bytes on disk.
    pub bytes: Vec<u8>,
}

#[allow(clippy::panic)] // A test that set its stage wrongly should stop.
impl RegistryHandle {
    pub(crate) fn new(world: Arc<World>, id: RegistryId, host: String) -> Self {
        Self { world, id, host }
    }

    /// The account and region.
    #[must_use]
    pub fn id(&self) -> &RegistryId {
        &self.id
    }

    /// `127.0.0.1:PORT`
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// A token for `/v2`, of the registry account's root: the value after `Basic `.
    #[must_use]
    pub fn token(&self) -> String {
        self.token_of(&Caller::root(&self.id.account))
    }

    /// A token of any caller for this registry's region.
    #[must_use]
    pub fn token_of(&self, caller: &Caller) -> String {
        let expires = self.world.clock.seconds() + self.world.switches().token_lifetime_seconds;
        self.world.tokens.issue(caller, &self.id.region, expires)
    }

    /// Creates a repository; one that exists is left as it is.
    pub fn create_repository(&self, name: &str) {
        self.create_repository_with(name, RepositoryOptions::default());
    }

    /// Creates a repository with options; one that exists is left as it is.
    pub fn create_repository_with(&self, name: &str, options: RepositoryOptions) {
        assert!(crate::names::is_repository(name), "`{name}` is not a repository name");
        let RepositoryOptions { mutability, encryption, policy, lifecycle } = options;
        self.world.store.with(&self.id, |state| {
            if !state.repositories.contains_key(name) {
                let created_at = self.world.clock.timestamp();
                let name = name.to_owned();
                let fresh =
                    Repository { name, created_at, mutability, encryption, policy, lifecycle, ..Repository::default() };
                state.add(fresh);
            }
        });
    }

    /// Deletes a repository and all it holds.
    pub fn delete_repository(&self, name: &str) {
        self.world.store.with(&self.id, |state| state.drop_repository(name));
    }

    /// Sets or removes the repository policy.
    pub fn set_policy(&self, repository: &str, policy: Option<&str>) {
        self.change(repository, |repository| repository.policy = policy.map(str::to_owned));
    }

    /// Fills repositories below `prefix/` from the repositories of another registry of this double, as a pull-through
    /// cache does: `hub/team/app` from `team/app` there.
    pub fn pull_through(&self, prefix: &str, upstream: &Self) {
        self.world.pull_through.set(&self.id, prefix, &upstream.id);
    }

    /// Switches blob mounting for the account in this region.
    pub fn blob_mounting(&self, enabled: bool) {
        let value = if enabled { "ENABLED" } else { "DISABLED" };
        self.world.store.with(&self.id, |state| state.set("BLOB_MOUNTING", value));
    }

    /// Puts a blob into a repository and answers its digest.
    pub fn put_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        let path = self.blob_path(&digest);
        write(&path, bytes);
        self.change(repository, |repository| repository.blobs.insert(digest.clone(), bytes.len() as u64));
        digest
    }

    /// Puts a manifest as PutImage would, and answers its digest. Panics where PutImage would refuse.
    pub fn put_manifest(&self, repository: &str, bytes: &[u8], media_type: &str, tag: Option<&str>) -> String {
        let push = Push { bytes, media_type: Some(media_type), tag, digest: None, blind: false, lag: None };
        match images::put(&self.world, &self.id, repository, &push) {
            Ok((image, _)) => image.digest,
            Err(refusal) if refusal.code == "ImageAlreadyExistsException" => sha256(bytes),
            Err(refusal) => panic!("{}: {}", refusal.code, refusal.message),
        }
    }

    /// Puts an image there with all that it refers to, and with its tags, whatever the mutability says.
    pub fn put(&self, repository: &str, image: &Content) {
        for (_, bytes) in &image.blobs {
            self.put_blob(repository, bytes);
        }
        for manifest in &image.manifests {
            self.put_manifest(repository, &manifest.bytes, manifest.media_type, None);
            manifest.tags.iter().for_each(|tag| self.set_tag(repository, tag, &manifest.digest));
        }
    }

    /// Points a tag to an image that is there, whatever the mutability says.
    pub fn set_tag(&self, repository: &str, tag: &str, digest: &str) {
        self.change(repository, |repository| repository.tags.insert(tag.to_owned(), digest.to_owned()));
    }

    /// The tags of a repository and the digests they point to.
    #[must_use]
    pub fn tags(&self, repository: &str) -> BTreeMap<String, String> {
        self.read(repository, |repository| repository.tags.clone())
    }

    /// The repositories.
    #[must_use]
    pub fn repositories(&self) -> Vec<String> {
        self.world.store.with(&self.id, |state| state.repositories.keys().cloned().collect())
    }

    /// The blobs of a repository and their sizes, without those whose file is gone.
    #[must_use]
    pub fn blobs(&self, repository: &str) -> BTreeMap<String, u64> {
        let mut blobs = self.read(repository, |repository| repository.blobs.clone());
        blobs.retain(|digest, _| self.blob_path(digest).exists());
        blobs
    }

    /// The manifests of a repository.
    #[must_use]
    pub fn manifests(&self, repository: &str) -> Vec<HeldManifest> {
        let files = self.world.store.files(&self.id);
        self.read(repository, |repository| {
            let held = repository.images.values().map(|image| HeldManifest {
                digest: image.digest.clone(),
                media_type: image.media_type.clone(),
                tags: repository.tags_of(&image.digest).map(str::to_owned).collect(),
                bytes: fs::read(files.manifest(&image.digest)).unwrap_or_default(),
            });
            held.collect()
        })
    }

    /// One manifest's bytes.
    #[must_use]
    pub fn manifest(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        let known = self.read(repository, |repository| repository.images.contains_key(digest));
        if known { fs::read(self.world.store.files(&self.id).manifest(digest)).ok() } else { None }
    }

    /// The file of a blob, whether it is there or not.
    #[must_use]
    pub fn blob_path(&self, digest: &str) -> PathBuf {
        self.world.store.files(&self.id).blob(digest)
    }

    /// The file of a manifest, whether it is there or not.
    #[must_use]
    pub fn manifest_path(&self, digest: &str) -> PathBuf {
        self.world.store.files(&self.id).manifest(digest)
    }

    /// Removes a blob from the registry, as if it had been lost.
    pub fn delete_blob(&self, digest: &str) {
        let _ = fs::remove_file(self.blob_path(digest));
    }

    /// Changes one byte in the middle of a blob; its size stays.
    pub fn corrupt_blob(&self, digest: &str) {
        corrupt(&self.blob_path(digest));
    }

    /// Changes one byte in the middle of a manifest; its size stays.
    pub fn corrupt_manifest(&self, digest: &str) {
        corrupt(&self.manifest_path(digest));
    }

    /// Removes an image and its tags, whatever refers to it.
    pub fn delete_manifest(&self, repository: &str, digest: &str) {
        self.change(repository, |repository| repository.remove(digest));
    }

    /// Removes a tag.
    pub fn delete_tag(&self, repository: &str, tag: &str) {
        self.change(repository, |repository| repository.tags.remove(tag));
    }

    /// Removes all untagged images that no index lists, as a lifecycle rule would, and answers their digests.
    /// Children go with their index, referrers with their subject, blobs with the last image that refers to them.
    pub fn expire_untagged(&self, repository: &str) -> Vec<String> {
        self.change(repository, |repository| {
            let mut gone = Vec::new();
            loop {
                let next = repository.images.values().find(|image| {
                    let subject = image.subject.as_ref();
                    repository.tags_of(&image.digest).next().is_none()
                        && repository.parent_of(&image.digest).is_none()
                        && subject.is_none_or(|subject| !repository.images.contains_key(subject))
                });
                let Some(digest) = next.map(|image| image.digest.clone()) else {
                    break;
                };
                repository.remove(&digest);
                gone.push(digest);
            }
            let references = std::mem::take(&mut repository.references);
            repository.blobs.retain(|blob, _| references.get(blob).is_some_and(|count| *count > 0));
            repository.references = references;
            gone
        })
    }

    /// Moves an image between ACTIVE, ARCHIVED and ACTIVATING.
    pub fn set_status(&self, repository: &str, digest: &str, status: Status) {
        self.change(repository, |repository| match repository.images.get_mut(digest) {
            Some(image) => image.status = status,
            None => panic!("no image {digest} in {}", repository.name),
        });
    }

    /// Sets an image's scan result: an object with `imageScanStatus` and `imageScanFindings`.
    pub fn set_scan(&self, repository: &str, digest: &str, scan: Value) {
        self.change(repository, |repository| repository.scans.insert(digest.to_owned(), scan));
    }

    /// An image of a repository by tag, if there is one.
    #[must_use]
    pub fn resolve(&self, repository: &str, tag: &str) -> Option<String> {
        let id = ImageId { image_digest: None, image_tag: Some(tag.to_owned()) };
        self.read(repository, |repository| images::find(repository, &id).ok().map(|image| image.digest.clone()))
    }

    fn read<T>(&self, repository: &str, read: impl FnOnce(&Repository) -> T) -> T {
        self.world.store.with(&self.id, |state| match state.repository(repository, &self.id) {
            Ok(repository) => read(repository),
            Err(refusal) => panic!("{}", refusal.message),
        })
    }

    fn change<T>(&self, repository: &str, change: impl FnOnce(&mut Repository) -> T) -> T {
        self.world.store.with(&self.id, |state| match state.change(repository, &self.id) {
            Ok(repository) => change(repository),
            Err(refusal) => panic!("{}", refusal.message),
        })
    }
}

#[allow(clippy::panic)]
fn write(path: &std::path::Path, bytes: &[u8]) {
    let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
    if let Err(error) = parent.and_then(|()| fs::write(path, bytes)) {
        panic!("cannot write {}: {error}", path.display());
    }
}

#[allow(clippy::panic)]
fn corrupt(path: &std::path::Path) {
    let mut bytes = fs::read(path).unwrap_or_default();
    let middle = bytes.len() / 2;
    match bytes.get_mut(middle) {
        Some(byte) => *byte ^= 1,
        None => panic!("nothing to corrupt at {}", path.display()),
    }
    write(path, &bytes);
}
