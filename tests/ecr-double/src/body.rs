//! Bodies: answers streamed from disk in pieces, requests read in pieces.

use std::io::{self, SeekFrom};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use crate::log::{Entry, InFlight};
use crate::refusal::{Failure, Refusal};

/// The body of every answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

const PIECE: usize = 256 * 1024;

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// `length` bytes of a file from `start` on. The answer needs a Content-Length header of its own.
pub(crate) async fn file(path: &Path, start: u64, length: u64) -> io::Result<Body> {
    let mut file = tokio::fs::File::open(path).await?;
    file.seek(SeekFrom::Start(start)).await?;
    let pieces = stream::try_unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let size = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        let mut piece = vec![0; size];
        let read = file.read(&mut piece).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        piece.truncate(read);
        Ok(Some((Frame::data(Bytes::from(piece)), (file, left - read as u64))))
    });
    Ok(StreamBody::new(pieces).boxed_unsync())
}

/// Counts what is sent, and keeps the request in flight until the body is done with.
pub(crate) struct Counted {
    pub(crate) inner: Body,
    pub(crate) entry: Arc<Entry>,
    pub(crate) _in_flight: InFlight,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let sent = frame.data_ref().map_or(0, |data| data.len() as u64);
                self.entry.bytes_out.fetch_add(sent, Ordering::SeqCst);
            }
            Poll::Ready(None) => self.entry.finished.store(true, Ordering::SeqCst),
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let ended = self.inner.is_end_stream();
        if ended {
            self.entry.finished.store(true, Ordering::SeqCst);
        }
        ended
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A request's body, read piece by piece.
pub(crate) struct Upload {
    incoming: Incoming,
    entry: Arc<Entry>,
    /// A fault: the connection breaks after this many bytes.
    cut_after: Option<u64>,
}

impl Upload {
    pub(crate) fn new(incoming: Incoming, entry: &Arc<Entry>) -> Self {
        Self { incoming, entry: Arc::clone(entry), cut_after: None }
    }

    pub(crate) fn cut_after(&mut self, bytes: Option<u64>) {
        self.cut_after = bytes;
    }

    /// Reads what is left, so that a client that is still sending gets to see the answer.
    pub(crate) async fn drain(&mut self) {
        while let Ok(Some(_)) = self.next().await {}
    }

    /// The next piece; `Hangup` when the client goes away in the middle.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let Some(frame) = self.incoming.frame().await else {
                return Ok(None);
            };
            let Ok(frame) = frame else {
                return Err(Failure::Hangup);
            };
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let total = self.entry.bytes_in.fetch_add(data.len() as u64, Ordering::SeqCst) + data.len() as u64;
            if self.cut_after.is_some_and(|after| total >= after) {
                return Err(Failure::Hangup);
            }
            return Ok(Some(data));
        }
    }

    /// All of it, if it is no longer than `limit`.
    pub(crate) async fn collect(&mut self, limit: usize) -> Result<Vec<u8>, Failure> {
        let mut all = Vec::new();
        while let Some(piece) = self.next().await? {
            if all.len() + piece.len() > limit {
                return Err(Refusal::invalid("Request body too large").status(413).into());
            }
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }
}
