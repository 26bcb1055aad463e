//! Reading blobs, whole or not at all: large ones over several connections, on from where the connection was cut, and
//! with size and digest checked before the last byte is handed on.

mod cuts;
mod ranges;
mod whole;
mod worth;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use oci::{Descriptor, Repository};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::flow::Flow;
use crate::{Error, Retrying, Source};
use whole::Whole;
use worth::Verdict;

/// Reads the blobs of one source.
#[derive(Debug)]
pub(crate) struct BlobReader<S> {
    source: Arc<Retrying<S>>,
    /// For how many parts there is room, over all large blobs on their way.
    range_permits: Arc<Semaphore>,
    /// Whether several connections bring them sooner than one.
    several: Arc<Verdict>,
    /// How fast it brings them.
    flow: Arc<Flow>,
}

impl<S> Clone for BlobReader<S> {
    fn clone(&self) -> Self {
        Self {
            source: self.source.clone(),
            range_permits: self.range_permits.clone(),
            several: self.several.clone(),
            flow: self.flow.clone(),
        }
    }
}

impl<S: Source> BlobReader<S> {
    /// A reader of a source, of whose large blobs at most so many parts are read at a time.
    pub(crate) fn new(source: Arc<Retrying<S>>, ranges_in_flight: usize) -> Self {
        Self {
            source,
            range_permits: Arc::new(Semaphore::new(ranges_in_flight)),
            several: Arc::default(),
            flow: Arc::default(),
        }
    }

    pub(crate) fn source(&self) -> &Retrying<S> {
        &self.source
    }

    /// Room for one more part, if there is any.
    fn permit(&self) -> Option<OwnedSemaphorePermit> {
        self.range_permits.clone().try_acquire_owned().ok()
    }

    /// Whether there is room for so many more.
    fn has_room_for(&self, parts: usize) -> bool {
        self.range_permits.available_permits() >= parts
    }

    /// The bytes of a blob: a stream that ends without an error has had the size and the digest it should have.
    pub(crate) fn read(
        &self,
        repository: &Repository,
        blob: &Descriptor,
    ) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
        Whole::new(self.clone(), repository.clone(), blob.clone()).into_stream()
    }
}

/// The bytes of a blob, to read and not to send: a stream that ends without an error has had the size and the digest it
/// should have.
///
/// A blob that is cut is opened again where it was cut.
pub fn read_whole<S: Source>(
    source: Arc<Retrying<S>>,
    repository: Repository,
    blob: Descriptor,
) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    Whole::new(BlobReader::new(source, 0), repository, blob).into_stream()
}
