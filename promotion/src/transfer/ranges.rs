use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::Fuse;
use futures_util::{FutureExt, Stream, StreamExt, TryStreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::{Descriptor, Error, Name, Opened, Patient, Repository, Source};

/// How many bytes a request asks for where several connections read one blob; so many are held for each that reads ahead.
const PART: u64 = 4 << 20;

/// After how many bytes it is looked again whether reading ahead is of use. As long as it is not, a request asks for so many.
const STRETCH: u64 = 16 * PART;

/// A blob with fewer bytes to come is asked for in one request.
const LARGE: u64 = 8 * PART;

/// The bytes of a blob in their order, from some byte on, read over several connections while that is what is waited for.
///
/// One connection is often slower than the line: its rate is its window over the round trip, and S3 limits it as well. Parts that come later are asked
/// for ahead over connections that are spare, as long as more time passes in waiting for the source than in sending on.
pub(super) struct Ranges<S: Source> {
    source: Arc<Patient<S>>,
    repository: Repository,
    blob: Descriptor,
    /// The connections that may read ahead, shared by all blobs on their way.
    spare: Arc<Semaphore>,
    current: Part,
    ahead: VecDeque<Part>,
    /// Before which byte everything has been asked for.
    asked: u64,
    is_source_slow: bool,
    watch: Watch,
}

/// How the time has been spent since it was looked at last.
struct Watch {
    begin: Instant,
    waited: Duration,
    bytes: u64,
}

impl Watch {
    fn start() -> Self {
        Self { begin: Instant::now(), waited: Duration::ZERO, bytes: 0 }
    }
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
    _connection: Option<OwnedSemaphorePermit>,
}

impl<S: Source> Ranges<S> {
    /// Opens a blob at a byte.
    pub(super) async fn open(
        source: &Arc<Patient<S>>,
        repository: &Repository,
        blob: &Descriptor,
        offset: u64,
        spare: &Arc<Semaphore>,
    ) -> Result<Self, Error> {
        let is_large = blob.size - offset >= LARGE && spare.available_permits() > 0;
        let end = if is_large { offset + PART } else { blob.size };
        let Opened { bytes, end } = source.blob(repository, blob, offset..end).await?;
        let current = Part::new(bytes, offset..end, None);
        Ok(Self {
            source: source.clone(),
            repository: repository.clone(),
            blob: blob.clone(),
            spare: spare.clone(),
            current,
            ahead: VecDeque::new(),
            asked: end,
            is_source_slow: true,
            watch: Watch::start(),
        })
    }

    /// The next piece; none at the end of the blob, or earlier if the source ends early.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        let begin = Instant::now();
        let piece = loop {
            self.read_ahead();
            let piece = poll_fn(|cx| self.poll_piece(cx)).await;
            if piece.is_some() || self.current.left > 0 || !self.go_on() {
                break piece;
            }
        };
        self.watch.waited += begin.elapsed();
        if let Some(Ok(piece)) = &piece {
            self.watch.bytes += piece.len() as u64;
        }
        piece
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let piece = self.current.poll_next(cx);
        if piece.is_pending() {
            self.ahead.iter_mut().for_each(|part| part.take_in(cx));
        }
        piece
    }

    fn read_ahead(&mut self) {
        while self.is_source_slow && self.current.is_short && self.asked < self.blob.size {
            let Ok(connection) = self.spare.clone().try_acquire_owned() else { return };
            let part = self.ask(PART, Some(connection));
            self.ahead.push_back(part);
        }
    }

    /// Turns to what comes behind the part that has ended. False at the end of the blob.
    fn go_on(&mut self) -> bool {
        if self.watch.bytes >= STRETCH {
            self.is_source_slow = self.watch.waited * 2 > self.watch.begin.elapsed();
            self.watch = Watch::start();
        }
        self.current = match self.ahead.pop_front() {
            Some(part) => Part { _connection: None, ..part },
            None if self.asked == self.blob.size => return false,
            None if self.is_source_slow && self.spare.available_permits() > 0 => self.ask(PART, None),
            None => self.ask(STRETCH, None),
        };
        true
    }

    fn ask(&mut self, bytes: u64, connection: Option<OwnedSemaphorePermit>) -> Part {
        let range = self.asked..self.blob.size.min(self.asked + bytes);
        self.asked = range.end;
        let (source, repository, blob) = (self.source.clone(), self.repository.clone(), self.blob.clone());
        let asked = range.clone();
        let opening = async move {
            let opened = source.blob(&repository, &blob, asked.clone()).await?;
            if opened.end == asked.end {
                return Ok(opened.bytes);
            }
            let why = format!("{} heeds ranges of a blob at one time and not at another", source.name());
            Err(Error::new(Name::RegistryUnavailable, why))
        };
        Part::new(opening.into_stream().try_flatten(), range, connection)
    }
}

impl Part {
    fn new(
        pieces: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
        range: Range<u64>,
        connection: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let pieces: Pieces = Box::pin(pieces);
        let left = range.end - range.start;
        Self { pieces: pieces.fuse(), arrived: VecDeque::new(), left, is_short: left <= PART, _connection: connection }
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
