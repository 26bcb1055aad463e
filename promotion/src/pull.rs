//! Pulling a release from its targets as those would who run it, to prove that they can.

mod consumer;
mod failure;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

pub use consumer::Consumer;
use failure::{LISTED, PullFailure, one_error};
use futures_util::{StreamExt, TryStreamExt, stream};
use oci::MAX_INDEX_DEPTH;
use oci::{Descriptor, Digest, Manifest, Reference, Repository};
use serde::Deserialize;
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::blob::BlobReader;
use crate::connections::Connections;
use crate::manifest_store::ReadBytes;
use crate::{Error, Name, PinnedImage, RetryPolicy, Retrying, Source as _};

/// How many images are opened at a time.
const IMAGES_AT_ONCE: usize = 16;

/// How many blobs are asked for at a time.
const BLOBS_AT_ONCE: usize = 32;

/// How many blobs are read at a time. Each needs a few hundred kibibytes, whatever its size.
const READ_AT_ONCE: usize = 8;

/// How thoroughly a pull looks. Events and answers spell it in lower case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Every blob can be downloaded and has its size.
    #[default]
    Reach,
    /// Every byte is downloaded and hashed.
    Full,
}

impl Mode {
    /// The word in events and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reach => "reach",
            Self::Full => "full",
        }
    }
}

/// By which name images are pulled. Events and answers spell it in lower case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// By digest: before the tags are written.
    #[default]
    Digest,
    /// By tag, which has to point to the pinned digest.
    Tag,
}

impl By {
    /// The word in events and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::Tag => "tag",
        }
    }
}

/// What was pulled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pulled {
    /// Images, counted once for each registry.
    pub images: u64,
    /// Blobs, counted once for each repository of each registry.
    pub blobs: u64,
    /// Bytes of blobs that were read and hashed.
    pub bytes_read: u64,
    /// Requests to all registries, retries and authorisation included.
    pub requests: u64,
}

/// Pulls images from every registry: their manifests, what those list, and each blob once per repository.
///
/// # Errors
/// `PullFailed`, with everything that cannot be pulled; `TargetAccessDenied` or `RegistryUnavailable` if that is all
/// that is wrong.
pub async fn pull<C: Consumer>(
    registries: Vec<C>,
    images: &[PinnedImage],
    by: By,
    mode: Mode,
    retry_policy: RetryPolicy,
) -> Result<Pulled, Error> {
    let connections = Connections::default();
    let sharing = |registry| Arc::new(Retrying::sharing(registry, retry_policy, &connections));
    let readers: Vec<_> = registries.into_iter().map(|registry| BlobReader::new(sharing(registry), 0)).collect();
    let mut failures = Vec::new();
    let mut blobs = Vec::new();
    let read = &ReadManifests::default();
    let opening = readers.iter().flat_map(|reader| images.iter().map(move |image| open(reader, image, by, read)));
    let mut opened = stream::iter(opening).buffered(IMAGES_AT_ONCE);
    let mut seen = HashSet::new();
    while let Some(image) = opened.next().await {
        if let Some(error) = read.overflow() {
            return Err(error);
        }
        failures.extend(image.failures);
        // A digest that two manifests list with different sizes is looked at twice, and once it will not do.
        let new = |blob: &ImageBlob<C>| {
            let registry = std::ptr::from_ref(blob.reader.source()).addr();
            seen.insert((registry, blob.repository.clone(), blob.descriptor.digest, blob.descriptor.size))
        };
        blobs.extend(image.blobs.into_iter().filter(new));
    }
    drop(opened);
    let count = blobs.len() as u64;
    let (bytes_read, is_all) = fetch(blobs, mode, &mut failures).await;
    if let Some(error) = one_error(&failures, is_all) {
        return Err(error);
    }
    let requests = readers.iter().map(|reader| reader.source().requests()).sum();
    Ok(Pulled { images: (images.len() * readers.len()) as u64, blobs: count, bytes_read, requests })
}

/// How much was read of the manifests of a release, which all registries should have alike.
#[derive(Default)]
struct ReadManifests(Mutex<(HashSet<Digest>, ReadBytes)>);

impl ReadManifests {
    fn count(&self, manifest: &Manifest) {
        let (seen, bytes) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.insert(manifest.digest()) {
            bytes.count(manifest.raw().len());
        }
    }

    fn overflow(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.overflow()
    }
}

/// An image whose manifests were pulled.
struct OpenImage<C> {
    blobs: Vec<ImageBlob<C>>,
    failures: Vec<PullFailure>,
}

/// A blob of an image.
struct ImageBlob<C> {
    reader: BlobReader<C>,
    repository: Repository,
    descriptor: Descriptor,
    image: Arc<str>,
}

/// Pulls the manifests of an image, from level to level. Of each, only what it lists is kept.
async fn open<C: Consumer>(reader: &BlobReader<C>, image: &PinnedImage, by: By, read: &ReadManifests) -> OpenImage<C> {
    let (registry, repository) = (reader.source(), &image.repository);
    let name: Arc<str> = format!("{image} in {}", registry.name()).into();
    let mut opened = OpenImage { blobs: vec![], failures: vec![] };
    let mut seen: HashSet<Digest> = HashSet::new();
    let mut level = vec![None];
    for _ in 0..=MAX_INDEX_DEPTH {
        let mut below = Vec::new();
        for child in level {
            if read.overflow().is_some() {
                return opened;
            }
            let pulled = match child {
                None => root(registry, image, by).await,
                Some(digest) => {
                    let reference = Reference::Digest(digest);
                    registry.ask(|registry| registry.pull_manifest(repository, &reference)).await
                }
            };
            match pulled {
                Err(error) => opened.failures.push(PullFailure { image: name.to_string(), error }),
                Ok(manifest) => {
                    read.count(&manifest);
                    let blobs = manifest.content().blobs().filter(|blob| !blob.is_non_distributable());
                    opened.blobs.extend(blobs.map(|blob| ImageBlob {
                        reader: reader.clone(),
                        repository: repository.clone(),
                        descriptor: blob.clone(),
                        image: name.clone(),
                    }));
                    opened.failures.extend(manifest.content().others().iter().take(1).map(|other| {
                        let why = format!("it lists {}, and only SHA-256 is known here", oci::text::excerpt(other));
                        PullFailure { image: name.to_string(), error: Error::new(Name::PullFailed, why) }
                    }));
                    let listed = manifest.content().children().iter().map(|child| child.digest);
                    below.extend(listed.filter(|digest| seen.insert(*digest)).map(Some));
                }
            }
        }
        if below.is_empty() {
            return opened;
        }
        level = below;
    }
    let error = Error::new(Name::RegistryLimit, format!("its indexes are nested more than {MAX_INDEX_DEPTH} deep"));
    opened.failures.push(PullFailure { image: name.to_string(), error });
    opened
}

async fn root<C: Consumer>(registry: &Retrying<C>, image: &PinnedImage, by: By) -> Result<Manifest, Error> {
    let reference = match by {
        By::Digest => Reference::Digest(image.digest),
        By::Tag => Reference::Tag(image.tag.clone()),
    };
    let manifest = registry.ask(|registry| registry.pull_manifest(&image.repository, &reference)).await?;
    if manifest.digest() == image.digest {
        return Ok(manifest);
    }
    Err(Error::new(
        Name::PullFailed,
        format!(
            "pulled by {reference}, it is {}, and {} was promoted: somebody else moves this tag too",
            manifest.digest(),
            image.digest
        ),
    ))
}

/// Reaches or reads all blobs. Gives how many bytes were read, and whether all were tried: where as many fail as a
/// message lists, the others are not worth their time.
async fn fetch<C: Consumer>(mut blobs: Vec<ImageBlob<C>>, mode: Mode, failures: &mut Vec<PullFailure>) -> (u64, bool) {
    let at_once = match mode {
        Mode::Reach => BLOBS_AT_ONCE,
        Mode::Full => READ_AT_ONCE,
    };
    // The largest first, which is the last of the list: it should not be what is waited for in the end.
    blobs.sort_by_key(|blob| blob.descriptor.size);
    let mut running = JoinSet::new();
    let mut bytes_read = 0;
    loop {
        while running.len() < at_once
            && let Some(blob) = blobs.pop()
        {
            running.spawn(fetch_one(blob, mode).in_current_span());
        }
        match running.join_next().await {
            None => return (bytes_read, true),
            Some(Ok(Ok(bytes))) => bytes_read += bytes,
            Some(Ok(Err(failure))) => failures.push(failure),
            // Nothing cancels a task but dropping the set, so one that did not end has panicked.
            Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
        }
        if failures.len() >= LISTED && !(blobs.is_empty() && running.is_empty()) {
            return (bytes_read, false);
        }
    }
}

async fn fetch_one<C: Consumer>(blob: ImageBlob<C>, mode: Mode) -> Result<u64, PullFailure> {
    let ImageBlob { reader, repository, descriptor: blob, image } = blob;
    let result = match mode {
        Mode::Reach => reader.source().ask(|registry| registry.probe_blob(&repository, &blob)).await.map(|()| 0),
        Mode::Full => match read(&reader, &repository, &blob).await {
            // The line may have done it.
            Err(error) if error.name() == Name::CorruptContent => read(&reader, &repository, &blob).await,
            result => result,
        },
    };
    result.map_err(|error| {
        let error = if error.name() == Name::CorruptContent { error.renamed(Name::PullFailed) } else { error };
        PullFailure {
            image: image.to_string(),
            error: error.context(format_args!("{repository}, blob {} of {} bytes", blob.digest, blob.size)),
        }
    })
}

async fn read<C: Consumer>(reader: &BlobReader<C>, repository: &Repository, blob: &Descriptor) -> Result<u64, Error> {
    let pieces = std::pin::pin!(reader.read(repository, blob));
    pieces.try_fold(0, |bytes, piece| async move { Ok(bytes + piece.len() as u64) }).await
}

#[cfg(test)]
mod tests;
