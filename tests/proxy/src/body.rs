use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Sleep, sleep_until};

use crate::pace::Pace;
use crate::state::Meter;

/// The body of every request and answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// No piece is longer when bandwidth is bounded: the other side is to see them come one by one.
const PIECE: usize = 16 << 10;

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// What happens to a body, at this many bytes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Cut(u64),
    Stall(u64),
    Flip(u64),
    /// What is announced is not what comes.
    Lie,
}

/// A body that is passed on piece by piece: counted, held back to the pace of its connection, and troubled if it is to
/// be.
pub(crate) struct Passing<B> {
    inner: B,
    meter: Arc<Meter>,
    pace: Option<Arc<Pace>>,
    trouble: Option<Trouble>,
    passed: u64,
    /// What came and is not yet passed on.
    rest: Bytes,
    /// A piece whose time has not come.
    held: Option<(Pin<Box<Sleep>>, Bytes)>,
    /// Whether what was passed before a cut had the time to be flushed.
    flushed: bool,
}

impl<B> Passing<B>
where
    B: HttpBody<Data = Bytes, Error = hyper::Error> + Unpin + Send + 'static,
{
    pub(crate) fn body(inner: B, meter: Arc<Meter>, pace: Option<Arc<Pace>>, trouble: Option<Trouble>) -> Body {
        let (passed, rest, held, flushed) = (0, Bytes::new(), None, false);
        Self { inner, meter, pace, trouble, passed, rest, held, flushed }.boxed_unsync()
    }

    /// The next piece; none at the end.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            if let Some((until, _)) = &mut self.held {
                ready!(until.as_mut().poll(cx));
            }
            if let Some((_, piece)) = self.held.take() {
                return Poll::Ready(Some(Ok(piece)));
            }
            if self.rest.is_empty() {
                match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                    Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
                    Some(Err(error)) => return Poll::Ready(Some(Err(io::Error::other(error)))),
                    None => return Poll::Ready(None),
                }
                continue;
            }
            let Some(pace) = &self.pace else {
                return Poll::Ready(Some(Ok(std::mem::take(&mut self.rest))));
            };
            let piece = self.rest.split_to(self.rest.len().min(PIECE));
            self.held = Some((Box::pin(sleep_until(pace.take(piece.len()))), piece));
        }
    }

    /// What of a piece is passed on, with what is to happen to it.
    fn troubled(&self, piece: Bytes) -> Bytes {
        let end = self.passed + piece.len() as u64;
        match self.trouble {
            Some(Trouble::Cut(at) | Trouble::Stall(at)) if end > at => {
                piece.slice(..usize::try_from(at - self.passed).unwrap_or(piece.len()))
            }
            Some(Trouble::Flip(at)) if (self.passed..end).contains(&at) => {
                let mut bytes = BytesMut::from(piece.as_ref());
                if let Some(byte) = usize::try_from(at - self.passed).ok().and_then(|at| bytes.get_mut(at)) {
                    *byte ^= 1;
                }
                bytes.freeze()
            }
            _ => piece,
        }
    }
}

impl<B> HttpBody for Passing<B>
where
    B: HttpBody<Data = Bytes, Error = hyper::Error> + Unpin + Send + 'static,
{
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.trouble {
            Some(Trouble::Cut(at)) if self.passed >= at => {
                if self.flushed {
                    return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
                }
                // While a body is pending, hyper writes out what it has of it.
                self.flushed = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // Nobody wakes this: it ends when a side goes away.
            Some(Trouble::Stall(at)) if self.passed >= at => return Poll::Pending,
            _ => {}
        }
        let piece = ready!(self.poll_piece(cx));
        if piece.is_none() && self.trouble == Some(Trouble::Lie) && !self.flushed {
            // The same: what is announced arrives before the connection breaks for it.
            self.flushed = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = match piece {
            Some(Ok(piece)) => self.troubled(piece),
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        };
        self.passed += piece.len() as u64;
        self.meter.add(piece.len());
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.trouble.is_none() && self.held.is_none() && self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.trouble {
            Some(Trouble::Cut(_) | Trouble::Stall(_) | Trouble::Lie) => SizeHint::default(),
            _ => {
                let (hint, more) = (self.inner.size_hint(), self.rest.len() + self.held_bytes());
                hint.exact().map_or_else(SizeHint::default, |left| SizeHint::with_exact(left + more as u64))
            }
        }
    }
}

impl<B> Passing<B> {
    fn held_bytes(&self) -> usize {
        self.held.as_ref().map_or(0, |(_, piece)| piece.len())
    }
}
