//! Noticing a registry that takes no more bytes of an upload, which no time-out for a whole request could.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use promotion::{Error, Name};
use tokio::time::{Instant, sleep_until};

use super::timeouts::Timeouts;

/// Wraps a body for sending: it keeps the error with which the body ended, it never gives more than it should, and its
/// [`Watch`] knows since when the registry has accepted nothing.
///
/// The HTTP library has no time-out that fits an upload: one for the whole request is wrong for large blobs, one for
/// reading runs while the body is still being written.
pub(crate) struct Outgoing<B> {
    body: Pin<Box<B>>,
    left: u64,
    broken: bool,
    timeouts: Timeouts,
    watch: Watch,
}

/// The other end of an [`Outgoing`].
#[derive(Clone)]
pub(crate) struct Watch(Arc<Mutex<State>>);

struct State {
    /// Until when the registry has to move; none while the body itself is waited for, which has time-outs of its own.
    deadline: Option<Instant>,
    error: Option<Error>,
    /// How often a stall is looked for: often enough to be late by little.
    look: Duration,
}

impl<B> Outgoing<B> {
    pub(crate) fn new(body: B, size: u64, timeouts: Timeouts) -> (Self, Watch) {
        let deadline = Some(Instant::now() + timeouts.accept);
        let watch = Watch(Arc::new(Mutex::new(State { deadline, error: None, look: timeouts.accept / 12 })));
        (Self { body: Box::pin(body), left: size, broken: false, timeouts, watch: watch.clone() }, watch)
    }
}

impl Watch {
    /// The error with which the body ended, which says more than that of the request it broke.
    pub(crate) fn error(&self) -> Option<Error> {
        self.with(|state| state.error.take())
    }

    /// Returns when the registry has stalled for too long.
    pub(crate) async fn stalled(&self) {
        loop {
            let now = Instant::now();
            let (deadline, look) = self.with(|state| (state.deadline, now + state.look));
            let deadline = deadline.unwrap_or(look);
            if deadline <= now {
                return;
            }
            sleep_until(deadline.min(look)).await;
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A body that is dropped before its end is not waited for any more: the registry has to answer.
impl<B> Drop for Outgoing<B> {
    fn drop(&mut self) {
        let commit = self.timeouts.commit;
        self.watch.with(|state| {
            state.deadline.get_or_insert_with(|| Instant::now() + commit);
        });
    }
}

/// What the HTTP library gets when a body breaks; the error itself is in the [`Watch`].
#[derive(Debug)]
pub(crate) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the body ended with an error")
    }
}

impl std::error::Error for Broken {}

impl<B: Stream<Item = Result<Bytes, Error>>> Stream for Outgoing<B> {
    type Item = Result<Bytes, Broken>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.broken {
            return Poll::Ready(None);
        }
        self.watch.with(|state| state.deadline = None);
        let piece = ready!(self.body.as_mut().poll_next(cx));
        let Timeouts { accept, commit, .. } = self.timeouts;
        let (deadline, piece) = match piece {
            Some(Ok(piece)) => (accept, Some(Ok(piece))),
            Some(Err(error)) => (commit, Some(Err(error))),
            None => (commit, None),
        };
        self.watch.with(|state| state.deadline = Some(Instant::now() + deadline));
        let broken = match piece {
            Some(Ok(piece)) => match self.left.checked_sub(piece.len() as u64) {
                Some(left) => {
                    self.left = left;
                    if left == 0 {
                        self.watch.with(|state| state.deadline = Some(Instant::now() + commit));
                    }
                    return Poll::Ready(Some(Ok(piece)));
                }
                None => Error::new(Name::CorruptContent, "the blob has more bytes than its manifest says"),
            },
            Some(Err(error)) => error,
            None if self.left == 0 => return Poll::Ready(None),
            None => {
                let why = format!("the blob ended {} bytes early", self.left);
                Error::new(Name::CorruptContent, why)
            }
        };
        self.broken = true;
        self.watch.with(|state| state.error = Some(broken));
        Poll::Ready(Some(Err(Broken)))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt, stream};

    use super::*;

    async fn send(pieces: Vec<Result<Bytes, Error>>, size: u64) -> Option<Error> {
        let (body, watch) = Outgoing::new(stream::iter(pieces), size, Timeouts::default());
        let broken = body.collect::<Vec<_>>().await.iter().any(Result::is_err);
        let error = watch.error();
        assert_eq!(broken, error.is_some());
        error
    }

    #[tokio::test]
    async fn keeps_the_error_of_the_body_and_its_length() {
        let ab = || Ok(Bytes::from_static(b"ab"));
        assert!(send(vec![ab(), ab()], 4).await.is_none());
        assert_eq!(send(vec![ab(), ab()], 3).await.unwrap().name(), Name::CorruptContent);
        assert_eq!(send(vec![ab()], 3).await.unwrap().name(), Name::CorruptContent);
        let own = Error::new(Name::DigestMismatch, "own");
        assert_eq!(send(vec![ab(), Err(own)], 4).await.unwrap().to_string(), "own");
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_registry_can_stall() {
        let pieces = stream::iter([Ok(Bytes::from_static(b"a"))]).chain(stream::pending());
        let (mut body, watch) = Outgoing::new(pieces, 2, Timeouts::default());
        assert!(body.next().await.unwrap().is_ok());
        let start = Instant::now();
        watch.stalled().await;
        assert_eq!(start.elapsed().as_secs(), 60);
        assert!(body.next().now_or_never().is_none());
        assert!(tokio::time::timeout(Duration::from_secs(3600), watch.stalled()).await.is_err());
    }
}
