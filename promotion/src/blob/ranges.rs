//! Reading one blob over several connections, where that pays: parts are asked for ahead and handed on in order.

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
use tokio::time::Instant;

use super::BlobReader;
use super::worth::{Measured, Pace, Rate};
use crate::{Error, Name, OpenBlob, Source};

/// How many bytes a request asks for where several connections read one blob; so many are held for each of them.
const PART: u64 = 2 << 20;

/// A blob with fewer bytes to come is asked for in one request.
const LARGE: u64 = 16 * PART;

/// With fewer parts than these read ahead, several connections are not tried: other large blobs are read meanwhile.
const AHEAD: usize = 2;

/// The bytes of a blob in their order, from some byte on.
///
/// One connection is often slower than the line: its rate is its window over the round trip, and S3 limits it as well.
/// So a large blob that comes slowly is tried over several, of which later parts are asked for ahead, where the permits
/// that all large blobs share leave one; and goes on over several if that is faster
/// (docs/decisions/0026-several-connections-where-they-pay.md).
pub(super) struct Ranges<S: Source> {
    reader: BlobReader<S>,
    repository: Repository,
    blob: Descriptor,
    /// That of the current part: none for a small blob, or where others have all.
    permit: Option<OwnedSemaphorePermit>,
    connections: Connections,
    current: Part,
    ahead: VecDeque<Part>,
    /// Before which byte everything has been asked for.
    asked: u64,
    pace: Pace,
}

/// Over how many connections a blob is read.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Connections {
    One,
    /// Over several, to compare them with the rate of one; and whether they had a window to gather speed.
    Trial {
        one: Rate,
        is_under_way: bool,
    },
    Several,
}

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

/// A part of a blob that is on its way.
struct Part {
    pieces: Fuse<Pieces>,
    arrived: VecDeque<Result<Bytes, Error>>,
    /// Bytes that were not handed on yet.
    left: u64,
    /// Whether more may come than is wanted: what is behind was asked for anew.
    is_cut: bool,
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
        let permit = if blob.size.saturating_sub(offset) < LARGE { None } else { reader.permit() };
        let (connections, end) = match &permit {
            Some(_) if reader.several.pays() && reader.has_room_for(AHEAD) => (Connections::Several, offset + PART),
            _ => (Connections::One, blob.size),
        };
        let OpenBlob { bytes, end } = reader.source.open_blob(repository, blob, offset..end).await?;
        let current = Part::new(bytes, offset..end, None);
        Ok(Self {
            reader: reader.clone(),
            repository: repository.clone(),
            blob: blob.clone(),
            permit,
            connections,
            current,
            ahead: VecDeque::new(),
            asked: end,
            pace: Pace::new(),
        })
    }

    /// The next piece; none at the end of the blob, or earlier if the source ends early.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        loop {
            self.read_ahead();
            let begin = Instant::now();
            let piece = poll_fn(|cx| self.poll_piece(cx)).await;
            if let Some(Ok(piece)) = &piece
                && let Some(measured) = self.pace.add(piece.len(), begin.elapsed())
            {
                self.judge(measured);
            }
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
        while self.connections != Connections::One && self.permit.is_some() && self.asked < self.blob.size {
            let Some(permit) = self.reader.permit() else { return };
            let part = self.ask(PART, Some(permit));
            self.ahead.push_back(part);
        }
    }

    /// Decides over how many connections to go on.
    fn judge(&mut self, Measured { rate, source_is_slow }: Measured) {
        match self.connections {
            Connections::One if source_is_slow && self.reader.several.is_open() => self.divide(rate),
            Connections::Trial { one, is_under_way: false } => {
                self.connections = Connections::Trial { one, is_under_way: true };
            }
            Connections::Trial { one, is_under_way: true } => {
                self.reader.several.compare(one, rate);
                let pays = self.reader.several.pays();
                self.connections = if pays { Connections::Several } else { Connections::One };
            }
            Connections::One | Connections::Several => {}
        }
    }

    /// Has what is behind the next bytes read over connections of their own.
    fn divide(&mut self, one: Rate) {
        self.permit = self.permit.take().or_else(|| self.reader.permit());
        if self.permit.is_none() || self.current.left < LARGE || !self.reader.has_room_for(AHEAD) {
            return;
        }
        self.connections = match self.reader.several.pays() {
            true => Connections::Several,
            false => Connections::Trial { one, is_under_way: false },
        };
        self.asked -= self.current.left - PART;
        (self.current.left, self.current.is_cut) = (PART, true);
    }

    /// Turns to what comes behind the part that has ended. False at the end of the blob.
    fn go_on(&mut self) -> bool {
        self.current = match self.ahead.pop_front() {
            // It goes on with the permit of the blob itself.
            Some(part) => Part { _permit: None, ..part },
            None if self.asked == self.blob.size => return false,
            // Others have all the room.
            None => {
                self.connections = Connections::One;
                self.ask(u64::MAX, None)
            }
        };
        true
    }

    fn ask(&mut self, bytes: u64, permit: Option<OwnedSemaphorePermit>) -> Part {
        let range = self.asked..self.blob.size.min(self.asked.saturating_add(bytes));
        self.asked = range.end;
        let (reader, repository, blob) = (self.reader.clone(), self.repository.clone(), self.blob.clone());
        let asked = range.clone();
        let opening = async move {
            let opened = reader.source.open_blob(&repository, &blob, asked.clone()).await?;
            if opened.end == asked.end {
                return Ok(opened.bytes);
            }
            reader.several.rule_out();
            let why = format!("{} does not heed ranges of a blob", reader.source.name());
            Err(Error::new(Name::RegistryUnavailable, why))
        };
        Part::new(opening.into_stream().try_flatten(), range, permit)
    }
}

impl Part {
    fn new(
        pieces: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
        range: Range<u64>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let pieces: Pieces = Box::pin(pieces);
        let left = range.end - range.start;
        Self { pieces: pieces.fuse(), arrived: VecDeque::new(), left, is_cut: false, _permit: permit }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if self.is_cut && self.left == 0 {
            return Poll::Ready(None);
        }
        let mut piece = match self.arrived.pop_front() {
            Some(piece) => Poll::Ready(Some(piece)),
            None => self.pieces.poll_next_unpin(cx),
        };
        if let Poll::Ready(Some(Ok(piece))) = &mut piece {
            if self.is_cut {
                piece.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            }
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
