use bytes::Bytes;
use futures_util::{Stream, stream};
use oci::{Descriptor, Hasher, Repository};

use super::BlobReader;
use super::cuts::Cuts;
use super::ranges::Ranges;
use crate::flow::Way;
use crate::retry::Attempts;
use crate::{Error, Name, Source};

/// A blob of which the last piece is held back until size and digest are known to be right: a body of known length that
/// ends early commits nothing, while a fault found after the last byte would come too late.
///
/// A blob that is cut is opened again where it was cut, and goes on as if nothing had happened.
pub(super) struct Whole<S: Source> {
    reader: BlobReader<S>,
    repository: Repository,
    blob: Descriptor,
    open: Option<Ranges<S>>,
    received: u64,
    /// None once the digest is checked.
    hasher: Option<Hasher>,
    /// The last piece. Those before it are handed on at once: each is up to 400 KiB that would be kept for nothing.
    held: Option<Bytes>,
    cuts: Cuts,
    /// Since the last progress.
    attempts: Attempts,
}

impl<S: Source> Whole<S> {
    pub(super) fn new(reader: BlobReader<S>, repository: Repository, blob: Descriptor) -> Self {
        Self {
            reader,
            repository,
            blob,
            open: None,
            received: 0,
            hasher: Some(Hasher::default()),
            held: None,
            cuts: Cuts::default(),
            attempts: Attempts::default(),
        }
    }

    pub(super) fn into_stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
        stream::try_unfold(self, |mut whole| async move { Ok(whole.next().await?.map(|piece| (piece, whole))) })
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        while self.hasher.is_some() {
            match self.next_piece().await? {
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) => {
                    if let Some(piece) = self.take(piece)? {
                        return Ok(Some(piece));
                    }
                }
                None | Some(Err(_)) if self.received == self.blob.size => self.check()?,
                None => {
                    let (name, received, size) = (self.reader.source.name(), self.received, self.blob.size);
                    let what = format!("{name} ended a blob after {received} of {size} bytes");
                    self.cut(Error::new(Name::RegistryUnavailable, what))?;
                }
                Some(Err(error)) => self.cut(error)?,
            }
        }
        Ok(self.held.take())
    }

    /// The next piece as it comes, from a blob that is opened first if it is not.
    ///
    /// # Errors
    /// It cannot be opened, or the source is too slow.
    async fn next_piece(&mut self) -> Result<Option<Result<Bytes, Error>>, Error> {
        let waiting = self.reader.flow.wait();
        let open = match &mut self.open {
            Some(open) => open,
            None => {
                let open = Ranges::open(&self.reader, &self.repository, &self.blob, self.received).await?;
                self.open.insert(open)
            }
        };
        let piece = open.next().await;
        drop(waiting);
        if let Some(Ok(piece)) = &piece {
            self.reader.flow.moved(piece.len());
        }
        self.reader.flow.too_slow(self.reader.source.name(), Way::Brought).map_or(Ok(piece), Err)
    }

    /// Takes a piece in, and gives it back unless it is the last one.
    fn take(&mut self, piece: Bytes) -> Result<Option<Bytes>, Error> {
        self.received += piece.len() as u64;
        if self.received > self.blob.size {
            return Err(self.corrupt(format!("more than its {} bytes arrive", self.blob.size)));
        }
        self.hasher.iter_mut().for_each(|hasher| hasher.update(&piece));
        if self.received < self.blob.size {
            return Ok(Some(piece));
        }
        self.held = Some(piece);
        Ok(None)
    }

    fn cut(&mut self, error: Error) -> Result<(), Error> {
        self.open = None;
        if self.cuts.cut(self.received) == 1 {
            self.attempts = Attempts::default();
        }
        let may_pass = self.reader.source.record_failure(&error, &mut self.attempts);
        if may_pass && self.cuts.may_go_on() { Ok(()) } else { Err(error.context(&self.cuts)) }
    }

    fn check(&mut self) -> Result<(), Error> {
        self.open = None;
        match self.hasher.take().map(Hasher::finish) {
            Some(digest) if digest != self.blob.digest => {
                Err(self.corrupt(format!("its bytes have the digest {digest}")))
            }
            _ => Ok(()),
        }
    }

    fn corrupt(&self, why: String) -> Error {
        let source = self.reader.source.name();
        Error::new(Name::CorruptContent, format!("{source} does not hold what it promises: {why}"))
    }
}
