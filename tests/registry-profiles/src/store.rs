//! What a registry holds, in memory.

use std::collections::BTreeMap;

use bytes::Bytes;
use image_fixtures::sha256;
use serde_json::Value;

#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) repositories: BTreeMap<String, Repository>,
    pub(crate) uploads: BTreeMap<String, Upload>,
}

#[derive(Debug, Default)]
pub(crate) struct Repository {
    pub(crate) blobs: BTreeMap<String, Bytes>,
    pub(crate) manifests: BTreeMap<String, Manifest>,
    pub(crate) tags: BTreeMap<String, Tag>,
}

#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
    pub(crate) json: Value,
    /// So many questions more are answered as if it were not there.
    hidden: u32,
}

#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) digest: String,
    /// What it pointed to before.
    before: Option<String>,
    /// So many questions more are answered with that.
    stale: u32,
}

#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) repository: String,
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

impl Manifest {
    pub(crate) fn new(media_type: &str, bytes: Bytes, json: Value, hidden: u32) -> Self {
        Self { media_type: media_type.to_owned(), bytes, json, hidden }
    }

    pub(crate) fn subject(&self) -> Option<&str> {
        self.json["subject"]["digest"].as_str()
    }

    /// The digests in one of its lists of descriptors, but those of content that is kept elsewhere.
    pub(crate) fn digests<'m>(json: &'m Value, list: &str) -> impl Iterator<Item = &'m str> {
        let entries = json[list].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_here = |entry: &&Value| {
            let kind = entry["mediaType"].as_str().unwrap_or_default();
            !kind.contains("nondistributable") && !kind.contains("foreign")
        };
        entries.iter().filter(is_here).filter_map(|entry| entry["digest"].as_str())
    }
}

impl Repository {
    /// A manifest by digest, for somebody who asks for it.
    pub(crate) fn look_up(&mut self, digest: &str) -> Option<&Manifest> {
        let manifest = self.manifests.get_mut(digest)?;
        if manifest.hidden > 0 {
            manifest.hidden -= 1;
            return None;
        }
        Some(manifest)
    }

    /// What a tag points to, for somebody who asks for it.
    pub(crate) fn resolve(&mut self, tag: &str) -> Option<String> {
        let tag = self.tags.get_mut(tag)?;
        if tag.stale > 0 {
            tag.stale -= 1;
            return tag.before.clone();
        }
        Some(tag.digest.clone())
    }

    pub(crate) fn put(&mut self, manifest: Manifest) -> String {
        let digest = sha256(&manifest.bytes);
        self.manifests.entry(digest.clone()).or_insert(manifest);
        digest
    }

    pub(crate) fn tag(&mut self, name: &str, digest: &str, stale: u32) {
        let before = self.tags.get(name).map(|tag| tag.digest.clone());
        if before.as_deref() != Some(digest) {
            self.tags.insert(name.to_owned(), Tag { digest: digest.to_owned(), before, stale });
        }
    }

    /// The manifests with this subject.
    pub(crate) fn referrers(&self, subject: &str) -> impl Iterator<Item = (&String, &Manifest)> {
        self.manifests.iter().filter(move |(_, manifest)| manifest.subject() == Some(subject) && manifest.hidden == 0)
    }

    /// Everything that was written is seen from now on.
    pub(crate) fn settle(&mut self) {
        self.manifests.values_mut().for_each(|manifest| manifest.hidden = 0);
        self.tags.values_mut().for_each(|tag| tag.stale = 0);
    }
}
