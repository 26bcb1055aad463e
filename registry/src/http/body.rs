//! The body of a blob: held to its length, and to a least rate, so that a source that drips ends.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use promotion::{Error, Name};
use tokio::time::{Instant, Sleep, sleep};

use super::request_url::RequestUrl;
use super::transport::transport;

/// A connection that brings less than this while the next piece is waited for is of no use, perhaps by intent.
const LEAST: usize = 64 << 10;

type Pieces = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

/// A body that is as long as it should be, or ends with an error; and that does not stall for longer than it may.
pub(crate) struct Body {
    pieces: Pieces,
    /// Bytes to drop first, where the registry gave more than was asked for.
    skip: u64,
    /// Bytes that are still to come after those.
    left: u64,
    /// How long the next piece may take, and in all the pieces of the next [`LEAST`] bytes.
    timeout: Duration,
    idle: Option<(Instant, Pin<Box<Sleep>>)>,
    /// How long, and how much, since the last time that enough had come.
    waited: Duration,
    come: usize,
    ended: bool,
    url: RequestUrl,
}

impl Body {
    pub(crate) fn new(
        pieces: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static,
        skip: u64,
        left: u64,
        url: RequestUrl,
        timeout: Duration,
    ) -> Self {
        let (waited, come) = (Duration::ZERO, 0);
        Self { pieces: Box::pin(pieces), skip, left, timeout, idle: None, waited, come, ended: false, url }
    }

    /// Takes the next piece in, and gives what of it was asked for.
    fn take(&mut self, mut piece: Bytes) -> Result<Bytes, Error> {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(piece.len());
        self.skip -= skipped as u64;
        let piece = piece.split_off(skipped);
        match self.left.checked_sub(piece.len() as u64) {
            Some(left) => {
                self.left = left;
                Ok(piece)
            }
            None => {
                let why = format!("{} gives more bytes than its manifest says", self.url);
                Err(Error::new(Name::CorruptContent, why))
            }
        }
    }

    /// Takes note of how long something took to come. Longer than the timeout means that the body was not polled
    /// meanwhile.
    fn note(&mut self, piece: &Option<reqwest::Result<Bytes>>) {
        self.come += piece.as_ref().and_then(|piece| piece.as_ref().ok()).map_or(0, Bytes::len);
        self.waited += self.idle.take().map_or(Duration::ZERO, |(since, _)| since.elapsed());
        if self.come >= LEAST || self.waited > self.timeout {
            (self.waited, self.come) = (Duration::ZERO, 0);
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            let Poll::Ready(piece) = self.pieces.as_mut().poll_next(cx) else {
                let left = self.timeout.saturating_sub(self.waited);
                let (_, idle) = self.idle.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
                ready!(idle.as_mut().poll(cx));
                let (come, url) = (self.come, &self.url);
                let what = if come == 0 { "nothing".to_owned() } else { format!("no more than {come} bytes") };
                let why = format!("reading {url}: {what} came for {} seconds", self.timeout.as_secs());
                return Poll::Ready(Some(Err(Error::new(Name::RegistryUnavailable, why))));
            };
            self.note(&piece);
            return Poll::Ready(match piece {
                Some(Ok(piece)) => match self.take(piece) {
                    Ok(piece) if piece.is_empty() => continue,
                    taken => Some(taken),
                },
                Some(Err(error)) => Some(Err(transport(error, "reading", &self.url))),
                None if self.left == 0 => None,
                None => {
                    let why = format!("reading {}: it ended {} bytes early", self.url, self.left);
                    Some(Err(Error::new(Name::RegistryUnavailable, why)))
                }
            });
        }
    }
}

impl Stream for Body {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let piece = ready!(self.poll_piece(cx));
        self.ended = !matches!(piece, Some(Ok(_)));
        Poll::Ready(piece)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes to come from {})", self.left, self.url)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;

    async fn read(pieces: &[&'static str], skip: u64, left: u64) -> (String, Option<Error>) {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        let url = RequestUrl::parse("https://a.example/b?s=1").unwrap();
        let mut body = Body::new(stream::iter(pieces), skip, left, url, Duration::from_secs(30));
        let mut text = String::new();
        while let Some(piece) = body.next().await {
            match piece {
                Ok(piece) => text += std::str::from_utf8(&piece).unwrap(),
                Err(error) => {
                    assert!(body.next().await.is_none());
                    return (text, Some(error));
                }
            }
        }
        (text, None)
    }

    #[tokio::test]
    async fn gives_what_was_asked_for_and_no_more() {
        assert!(matches!(read(&["abc", "def"], 0, 6).await, (text, None) if text == "abcdef"));
        assert!(matches!(read(&["abc", "def"], 4, 2).await, (text, None) if text == "ef"));
        assert!(matches!(read(&["abc", "def"], 3, 3).await, (text, None) if text == "def"));
        let (text, error) = read(&["abc", "def"], 0, 5).await;
        assert_eq!((text.as_str(), error.unwrap().name()), ("abc", Name::CorruptContent));
        let (text, error) = read(&["abc"], 1, 5).await;
        let error = error.unwrap();
        assert_eq!((text.as_str(), error.name(), error.is_temporary()), ("bc", Name::RegistryUnavailable, true));
        assert_eq!(error.to_string(), "reading https://a.example/b: it ended 3 bytes early");
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_wait_for_ever() {
        let pieces = stream::iter([Ok(Bytes::from_static(b"a"))]).chain(stream::pending());
        let mut body =
            Body::new(pieces, 0, 2, RequestUrl::parse("https://a.example/b").unwrap(), Duration::from_secs(30));
        assert!(body.next().await.unwrap().is_ok());
        let error = body.next().await.unwrap().unwrap_err();
        assert!(error.is_temporary() && error.to_string().contains("30 seconds"), "{error}");
    }

    /// A piece every 20 seconds, of so many bytes.
    fn dripping(bytes: usize, left: u64) -> Body {
        let drops = stream::unfold((), move |()| async move {
            // Takes no time: the clocks of these tests are paused, and jump to what is waited for.
            tokio::time::sleep(Duration::from_secs(20)).await;
            Some((Ok(Bytes::from(vec![0; bytes])), ()))
        });
        Body::new(drops, 0, left, RequestUrl::parse("https://a.example/b").unwrap(), Duration::from_secs(30))
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_wait_for_drops() {
        let mut body = dripping(1000, 1 << 30);
        assert!(body.next().await.unwrap().is_ok());
        let error = body.next().await.unwrap().unwrap_err();
        assert!(error.is_temporary() && error.to_string().contains("no more than 1000 bytes"), "{error}");
        let slow = dripping(LEAST, 100 * LEAST as u64).take(100);
        assert!(slow.all(|piece| std::future::ready(piece.is_ok())).await);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_ask_is_not_waited_for() {
        let mut body = dripping(1000, 1 << 30);
        for _ in 0..10 {
            // It begins to wait, and then has something else to do.
            assert!(futures_util::FutureExt::now_or_never(body.next()).is_none());
            tokio::time::advance(Duration::from_secs(600)).await;
            assert!(body.next().await.unwrap().is_ok());
        }
    }
}
