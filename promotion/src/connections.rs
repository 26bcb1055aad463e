//! How many connections to registries are in use at a time, over all of them: descriptors are few, and targets many.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many connections are in use at a time beside those of uploads, of which there is one for each blob that is on
/// its way ([`crate::Limits::steps_in_flight`]). With those it is 128, half of what the strictest system allows by
/// default, which is macOS with 256 descriptors. The other half is for connections that are kept for later, files, and
/// what the system needs.
const CONNECTIONS: usize = 96;

/// Room for connections, shared by all registries that have a clone of it.
///
/// An upload takes none of it. It waits for its blob to be read, so that uploads could take all the room and wait for
/// each other for ever.
#[derive(Debug, Clone)]
pub(crate) struct Connections(Arc<Semaphore>);

/// One connection that is in use, as long as this lives.
#[derive(Debug)]
pub(crate) struct Connected {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Default for Connections {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(CONNECTIONS)))
    }
}

impl Connections {
    /// Waits for room, in the order of those who ask.
    pub(crate) async fn room(&self) -> Connected {
        // The semaphore is never closed.
        Connected { _permit: self.0.clone().acquire_owned().await.ok() }
    }
}

/// A blob that comes over a connection, which is given back when the blob has come.
#[derive(Debug)]
pub struct Incoming<B> {
    blob: B,
    connected: Option<Connected>,
}

impl<B> Incoming<B> {
    pub(crate) fn new(blob: B, connected: Connected) -> Self {
        Self { blob, connected: Some(connected) }
    }
}

impl<B: Stream + Unpin> Stream for Incoming<B> {
    type Item = B::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = Pin::new(&mut self.blob).poll_next(cx);
        if let Poll::Ready(None) = piece {
            self.connected = None;
        }
        piece
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt, stream};

    use super::*;

    #[tokio::test]
    async fn a_blob_gives_its_connection_back_at_its_end() {
        let connections = Connections::default();
        let mut blobs = Vec::new();
        for _ in 0..CONNECTIONS {
            blobs.push(Incoming::new(stream::iter([1]), connections.room().await));
        }
        assert!(connections.room().now_or_never().is_none());
        assert_eq!(blobs[0].next().await, Some(1));
        assert!(connections.room().now_or_never().is_none());
        assert_eq!(blobs[0].next().await, None);
        assert!(connections.room().now_or_never().is_some());
        blobs.pop();
        let _two = [connections.room().await, connections.room().await];
        assert!(connections.room().now_or_never().is_none());
    }
}
