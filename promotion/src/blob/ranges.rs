//! Reading one blob over several connections: parts are asked for ahead and handed on in order.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::Fuse;
use futures_util::{FutureExt, Stream, StreamExt, TryStreamExt};
use oci::{Descriptor, Repository};
use tokio::sync::OwnedSemaphorePermit;

use super::BlobReader;
use crate::{Error, Name, OpenBlob, Source};

/// How many bytes a request asks for where several connections read one blob; so many are held for each of them.
const PART: u64 = 2 << 20;

/// How many bytes a request asks for in a large blob while others hold all permits: after so many it is looked again.
const STRETCH: u64 = 32 * PART;

/// A blob with fewer bytes to come is asked for in one request.
const LARGE: u64 = 16 * PART;

/// The bytes of a blob in their order, from some byte on; of a large one over several connections.
///
/// One connection is often slower than the line: its rate is its window over the round trip, and S3 limits it as well.
/// So parts that come later are asked for ahead, where the permits that all large blobs share leave one
/// (docs/decisions/0020-large-blobs-over-several-connections.md).
pub(super) struct Ranges<S: Source> {
    reader: BlobReader<S>,
    repository: Repository,
    blob: Descriptor,
    /// That of the current part: none for a small blob, or where others have all. Without one nothing is read ahead.
    permit: Option<OwnedSemaphorePermit>,
    current: Part,
    ahead: VecDeque<Part>,
    /// Before which byte everything has been asked for.
    asked: u64,
}

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

/// A part of a blob that is on its way.
struct Part {
    pieces: Fuse<Pieces>,
    arrived: VecDeque<Result<Bytes, Error>>,
    /// Bytes that were not handed on yet.
    left: u64,
    /// Whether parts behind this one may be read ahead.
    is_short: bool,
    /// Held while it is read ahead.
    _permit: Option<OwnedSemaphorePermit>,
}

impl<S: Source> Ranges<S> {
    /// Opens a blob at a byte.
    pub(super) async fn open(
        reader: &BlobReader<S>,
        repository: &Repository,
        blob: &Descriptor,
        offset: u64,
    ) -> Result<Self, Error> {
        let (end, permit) = match blob.size.saturating_sub(offset) {
            ..LARGE => (blob.size, None),
            left => {
                let permit = reader.permit();
                (offset + left.min(step(permit.as_ref())), permit)
            }
        };
        let OpenBlob { bytes, end } = reader.source.open_blob(repository, blob, offset..end).await?;
        let current = Part::new(bytes, offset..end, None);
        Ok(Self {
            reader: reader.clone(),
            repository: repository.clone(),
            blob: blob.clone(),
            permit,
            current,
            ahead: VecDeque::new(),
            asked: end,
        })
    }

    /// The next piece; none at the end of the blob, or earlier if the source ends early.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        loop {
            self.read_ahead();
            let piece = poll_fn(|cx| self.poll_piece(cx)).await;
            if piece.is_some() || self.current.left > 0 || !self.go_on() {
                return piece;
            }
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        self.ahead.iter_mut().for_each(|part| part.take_in(cx));
        self.current.poll_next(cx)
    }

    fn read_ahead(&mut self) {
        while self.permit.is_some() && self.current.is_short && self.asked < self.blob.size {
            let Some(permit) = self.reader.permit() else { return };
            let part = self.ask(PART, Some(permit));
            self.ahead.push_back(part);
        }
    }

    /// Turns to what comes behind the part that has ended. False at the end of the blob.
    fn go_on(&mut self) -> bool {
        self.current = match self.ahead.pop_front() {
            // It goes on with the permit of the blob itself.
            Some(part) => Part { _permit: None, ..part },
            None if self.asked == self.blob.size => return false,
            None => {
                self.permit = self.permit.take().or_else(|| self.reader.permit());
                self.ask(step(self.permit.as_ref()), None)
            }
        };
        true
    }

    fn ask(&mut self, bytes: u64, permit: Option<OwnedSemaphorePermit>) -> Part {
        let range = self.asked..self.blob.size.min(self.asked + bytes);
        self.asked = range.end;
        let (source, repository, blob) = (self.reader.source.clone(), self.repository.clone(), self.blob.clone());
        let asked = range.clone();
        let opening = async move {
            let opened = source.open_blob(&repository, &blob, asked.clone()).await?;
            if opened.end == asked.end {
                return Ok(opened.bytes);
            }
            let why = format!("{} heeds ranges of a blob at one time and not at another", source.name());
            Err(Error::new(Name::RegistryUnavailable, why))
        };
        Part::new(opening.into_stream().try_flatten(), range, permit)
    }
}

/// How many bytes to ask for where nothing is read ahead: few if something may be from now on.
fn step(permit: Option<&OwnedSemaphorePermit>) -> u64 {
    if permit.is_some() { PART } else { STRETCH }
}

impl Part {
    fn new(
        pieces: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
        range: Range<u64>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let pieces: Pieces = Box::pin(pieces);
        let left = range.end - range.start;
        Self { pieces: pieces.fuse(), arrived: VecDeque::new(), left, is_short: left <= PART, _permit: permit }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let piece = match self.arrived.pop_front() {
            Some(piece) => Poll::Ready(Some(piece)),
            None => self.pieces.poll_next_unpin(cx),
        };
        if let Poll::Ready(Some(Ok(piece))) = &piece {
            self.left = self.left.saturating_sub(piece.len() as u64);
        }
        piece
    }

    /// Takes in what has arrived.
    fn take_in(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(piece)) = self.pieces.poll_next_unpin(cx) {
            self.arrived.push_back(piece);
        }
    }
}

#[cfg(test)]
mod tests;
