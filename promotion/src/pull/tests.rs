use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{Iter, iter};
use image_fixtures::media_type::DOCKER_FOREIGN;
use image_fixtures::{Content, Image, Index};
use oci::{Registry, Tag};

use super::*;
use crate::{Lookup, OpenBlob, Referrers, Source};

fn image(layers: &[&str]) -> Content {
    let image = layers.iter().fold(Image::new().config("{}"), |image, layer| image.layer(*layer));
    image.absent_layer(DOCKER_FOREIGN, Digest::of(b"elsewhere"), 9).build()
}

fn pinned(image: &Content) -> PinnedImage {
    PinnedImage {
        repository: "app".parse().unwrap(),
        tag: "1.0".parse().unwrap(),
        digest: image.digest().parse().unwrap(),
        parameter: None,
        platforms: vec![],
    }
}

/// A registry in memory with one repository.
#[derive(Default)]
struct MemoryRegistry {
    manifests: HashMap<String, Manifest>,
    blobs: HashMap<Digest, Bytes>,
    requests: Arc<AtomicU64>,
}

impl MemoryRegistry {
    fn put(&mut self, image: &Content) {
        for (_, bytes) in &image.blobs {
            self.blobs.insert(Digest::of(bytes), bytes.clone().into());
        }
        for manifest in &image.manifests {
            let parsed = Manifest::parse(manifest.bytes.clone().into(), Some(manifest.media_type)).unwrap();
            for reference in manifest.tags.iter().chain([&manifest.digest]) {
                self.manifests.insert(reference.clone(), parsed.clone());
            }
        }
    }

    /// Two platforms that share a layer, under a tag.
    fn release() -> (Self, PinnedImage) {
        let mut registry = Self::default();
        let index = Index::of([("", &image(&["shared", "arm"])), ("", &image(&["shared", "amd"]))]).build();
        registry.put(&index.clone().tagged("1.0"));
        (registry, pinned(&index))
    }

    fn missing(what: impl std::fmt::Display) -> Error {
        Error::new(Name::PullFailed, format!("{what} is not there"))
    }
}

impl Source for MemoryRegistry {
    type Blob = Iter<std::vec::IntoIter<Result<Bytes, Error>>>;

    fn name(&self) -> &str {
        "memory"
    }

    fn batch_size(&self) -> usize {
        1
    }

    async fn registry(&self) -> Result<Registry, Error> {
        Ok("registry.example".parse().unwrap())
    }

    async fn manifests(&self, _: &Repository, _: &[Reference]) -> Result<Vec<Lookup>, Error> {
        panic!("a consumer has no API but that of the distribution specification")
    }

    async fn open_blob(
        &self,
        _: &Repository,
        blob: &Descriptor,
        range: Range<u64>,
    ) -> Result<OpenBlob<Self::Blob>, Error> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let bytes = self.blobs.get(&blob.digest).ok_or_else(|| Self::missing(blob.digest))?;
        let pieces = bytes.slice(usize::try_from(range.start).unwrap()..);
        let pieces = pieces.chunks(2).map(|piece| Ok(Bytes::copy_from_slice(piece)));
        Ok(OpenBlob { bytes: iter(pieces.collect::<Vec<_>>()), end: blob.size })
    }

    async fn referrers(&self, _: &Repository, _: Digest) -> Result<Referrers, Error> {
        panic!("what refers to an image is not needed to run it")
    }

    async fn tags(&self, _: &Repository, _: &str) -> Result<Option<Vec<Tag>>, Error> {
        panic!("images are named, not searched for")
    }

    fn lists_tags_cheaply(&self) -> bool {
        true
    }

    fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Consumer for MemoryRegistry {
    async fn pull_manifest(&self, _: &Repository, reference: &Reference) -> Result<Manifest, Error> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.manifests.get(&reference.to_string()).cloned().ok_or_else(|| Self::missing(reference))
    }

    async fn probe_blob(&self, _: &Repository, blob: &Descriptor) -> Result<(), Error> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        match self.blobs.get(&blob.digest) {
            Some(bytes) if bytes.len() as u64 == blob.size => Ok(()),
            _ => Err(Self::missing(blob.digest)),
        }
    }
}

const PAUSE: Duration = Duration::from_millis(1);

const RETRY_POLICY: RetryPolicy =
    RetryPolicy { attempts: 2, initial_backoff: PAUSE, max_backoff: PAUSE, patience: PAUSE, lag: PAUSE };

async fn pull_one(registry: MemoryRegistry, image: &PinnedImage, by: By, mode: Mode) -> Result<Pulled, Error> {
    pull(vec![registry], std::slice::from_ref(image), by, mode, RETRY_POLICY).await
}

#[tokio::test]
async fn reads_every_blob_once_and_leaves_foreign_layers_alone() {
    for by in [By::Digest, By::Tag] {
        let (registry, image) = MemoryRegistry::release();
        let pulled = pull_one(registry, &image, by, Mode::Full).await.unwrap();
        // The config, the shared layer, and one for each platform; index, two images and four blobs.
        let bytes_read = ("{}".len() + "shared".len() + "arm".len() + "amd".len()) as u64;
        assert_eq!(pulled, Pulled { images: 1, blobs: 4, bytes_read, requests: 7 });
        let (registry, image) = MemoryRegistry::release();
        let pulled = pull_one(registry, &image, by, Mode::Reach).await.unwrap();
        assert_eq!(pulled, Pulled { images: 1, blobs: 4, bytes_read: 0, requests: 7 });
    }
}

#[tokio::test]
async fn a_lost_blob_is_found_in_both_modes_and_a_flipped_byte_by_reading() {
    let flipped = |registry: &mut MemoryRegistry| {
        registry.blobs.insert(Digest::of(b"shared"), Bytes::from_static(b"shaRed"));
    };
    for mode in [Mode::Reach, Mode::Full] {
        let (mut registry, image) = MemoryRegistry::release();
        registry.blobs.remove(&Digest::of(b"arm"));
        let error = pull_one(registry, &image, By::Digest, mode).await.unwrap_err();
        assert_eq!(error.name(), Name::PullFailed);
        let expected = format!(
            "1 part of the release cannot be pulled:\n1. app:1.0 in memory: app, blob {} of 3 bytes: ",
            Digest::of(b"arm")
        );
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
    let (mut registry, image) = MemoryRegistry::release();
    flipped(&mut registry);
    assert!(pull_one(registry, &image, By::Digest, Mode::Reach).await.is_ok());
    let (mut registry, image) = MemoryRegistry::release();
    flipped(&mut registry);
    let error = pull_one(registry, &image, By::Digest, Mode::Full).await.unwrap_err();
    assert_eq!(error.name(), Name::PullFailed);
    assert!(error.to_string().contains("its bytes have the digest"), "{error}");
}

#[tokio::test]
async fn a_moved_tag_and_a_lost_manifest_are_found() {
    let child = image(&["shared", "arm"]).digest().to_owned();
    let other = image(&["other"]).tagged("1.0");
    let (mut registry, image) = MemoryRegistry::release();
    registry.put(&other);
    let error = pull_one(registry, &image, By::Tag, Mode::Reach).await.unwrap_err();
    assert_eq!(error.name(), Name::PullFailed);
    assert!(error.to_string().contains(&format!("it is {}, and {} was promoted", other.digest(), image.digest)));
    let (mut registry, image) = MemoryRegistry::release();
    registry.manifests.remove(&child);
    let error = pull_one(registry, &image, By::Digest, Mode::Reach).await.unwrap_err();
    assert!(error.to_string().contains(&format!("{child} is not there")), "{error}");
}

#[tokio::test]
async fn many_faults_end_it_early() {
    let mut registry = MemoryRegistry::default();
    let layers: Vec<String> = (0..200).map(|number| format!("layer {number}")).collect();
    let image = image(&layers.iter().map(String::as_str).collect::<Vec<_>>());
    registry.put(&image);
    registry.blobs.clear();
    let requests = registry.requests.clone();
    let error = pull_one(registry, &pinned(&image), By::Digest, Mode::Reach).await.unwrap_err();
    assert!(error.to_string().starts_with("at least 20 parts"), "{error}");
    assert!(requests.load(Ordering::Relaxed) < 150);
}
