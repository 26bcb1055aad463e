//! The manifests of a release, as many as fit into memory.

use oci::{Content, Digest, Manifest};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::{Error, Name};

/// How many bytes of manifests are kept for sending, in all. What does not fit is read again when it is needed.
const KEPT_BYTES: usize = 32 << 20;

/// How many bytes of manifests a release may have, in all. What they refer to is kept, and takes about as much memory.
///
/// A thousand images of eight platforms, each with an attestation, have half of it. The limit is there for an index
/// that lists manifests without end.
const READ_BYTES: usize = 128 << 20;

/// How many bytes of manifests were read of one release.
#[derive(Debug, Default)]
pub(crate) struct ReadBytes(usize);

impl ReadBytes {
    pub(crate) fn count(&mut self, bytes: usize) {
        self.0 = self.0.saturating_add(bytes);
    }

    /// The error if there were more than a release may have: nothing more is to be read then.
    pub(crate) fn overflow(&self) -> Option<Error> {
        (self.0 > READ_BYTES).then(|| {
            let why = format!(
                "the manifests of this release have more than {} MiB in all, and no more are read: split the release, or see what \
                 its indexes list and which referrers its images have",
                READ_BYTES >> 20
            );
            Error::new(Name::RegistryLimit, why)
        })
    }
}

/// The manifests of a release by digest: what each refers to, and the bytes of as many as fit.
#[derive(Debug, Default)]
pub(crate) struct ManifestStore {
    contents: HashMap<Digest, Arc<Content>>,
    manifests: HashMap<Digest, Manifest>,
    kept_bytes: usize,
    read: ReadBytes,
}

impl ManifestStore {
    pub(crate) fn insert(&mut self, manifest: Manifest) {
        let digest = manifest.digest();
        if self.contents.insert(digest, manifest.content().clone()).is_none() {
            self.count_bytes(manifest.raw().len());
        }
        if !self.manifests.contains_key(&digest) && self.kept_bytes + manifest.raw().len() <= KEPT_BYTES {
            self.kept_bytes += manifest.raw().len();
            self.manifests.insert(digest, manifest);
        }
    }

    /// Counts what is kept elsewhere of what the source says.
    pub(crate) fn count_bytes(&mut self, bytes: usize) {
        self.read.count(bytes);
    }

    /// See [`ReadBytes::overflow`].
    pub(crate) fn overflow(&self) -> Option<Error> {
        self.read.overflow()
    }

    /// Keeps what a manifest refers to, and not its bytes.
    pub(crate) fn insert_content(&mut self, digest: Digest, content: Arc<Content>) {
        self.contents.entry(digest).or_insert(content);
    }

    /// Keeps a manifest that can be had nowhere else, whatever its size.
    pub(crate) fn insert_unbounded(&mut self, manifest: Manifest) {
        self.contents.insert(manifest.digest(), manifest.content().clone());
        self.manifests.insert(manifest.digest(), manifest);
    }

    pub(crate) fn content(&self, digest: Digest) -> Option<&Content> {
        self.contents.get(&digest).map(|content| &**content)
    }

    pub(crate) fn manifest(&self, digest: Digest) -> Option<&Manifest> {
        self.manifests.get(&digest)
    }

    /// The digest and everything below it, each once, children before the index that lists them.
    pub(crate) fn bottom_up(&self, root: Digest) -> Vec<Digest> {
        let mut order = Vec::new();
        let mut placed = HashSet::new();
        let mut open = vec![(root, false)];
        while let Some((digest, children_done)) = open.pop() {
            if placed.contains(&digest) {
                continue;
            }
            if children_done {
                placed.insert(digest);
                order.push(digest);
                continue;
            }
            open.push((digest, true));
            let children = self.content(digest).map(Content::children).unwrap_or_default();
            open.extend(children.iter().rev().map(|child| (child.digest, false)));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use oci::MediaType;

    use super::*;

    fn index(children: &[Digest]) -> Manifest {
        let media_type = MediaType::OciIndex;
        let children: Vec<_> = children
            .iter()
            .map(|digest| format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":1}}"#))
            .collect();
        let raw = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, children.join(","));
        Manifest::parse(Bytes::from(raw), Some(media_type.as_str())).unwrap()
    }

    #[test]
    fn orders_children_first_and_each_once() {
        let leaf = index(&[]);
        let middle = index(&[leaf.digest()]);
        let root = index(&[middle.digest(), leaf.digest()]);
        let mut store = ManifestStore::default();
        for manifest in [&root, &middle, &leaf] {
            store.insert(manifest.clone());
        }
        assert_eq!(store.bottom_up(root.digest()), [leaf.digest(), middle.digest(), root.digest()]);
        assert_eq!(store.bottom_up(leaf.digest()), [leaf.digest()]);
    }

    fn padded(n: usize) -> Manifest {
        let raw = format!(r#"{{"schemaVersion":2,"manifests":[]{}}}"#, " ".repeat((4 << 20) - 100 - n));
        Manifest::parse(Bytes::from(raw), Some(MediaType::OciIndex.as_str())).unwrap()
    }

    #[test]
    fn is_full_in_the_end_and_counts_no_manifest_twice() {
        let mut store = ManifestStore::default();
        for n in 0..=READ_BYTES >> 22 {
            assert!(store.overflow().is_none());
            store.insert(padded(n));
            store.insert(padded(n));
        }
        assert_eq!(store.overflow().unwrap().name(), Name::RegistryLimit);
    }

    #[test]
    fn keeps_the_bytes_of_no_more_than_fit() {
        let mut store = ManifestStore::default();
        let digests: Vec<_> = (0..10)
            .map(|n| {
                let manifest = padded(n);
                let digest = manifest.digest();
                store.insert(manifest);
                digest
            })
            .collect();
        assert!(digests.iter().all(|digest| store.content(*digest).is_some()));
        assert_eq!(digests.iter().filter(|digest| store.manifest(**digest).is_some()).count(), 8);
    }
}
