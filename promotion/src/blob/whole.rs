use bytes::Bytes;
use futures_util::{Stream, stream};
use oci::{Descriptor, Hasher, Repository};

use super::BlobReader;
use super::ranges::Ranges;
use crate::{Error, Name, Source};

/// How often in a row a blob may be cut without a single byte having arrived in between.
const CUTS: u32 = 5;

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
    held: Option<Bytes>,
    cuts: u32,
}

impl<S: Source> Whole<S> {
    pub(super) fn new(reader: BlobReader<S>, repository: Repository, blob: Descriptor) -> Self {
        let hasher = Some(Hasher::default());
        Self { reader, repository, blob, open: None, received: 0, hasher, held: None, cuts: 0 }
    }

    pub(super) fn into_stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
        stream::try_unfold(self, |mut whole| async move { Ok(whole.next().await?.map(|piece| (piece, whole))) })
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(hasher) = &mut self.hasher {
            let open = match &mut self.open {
                Some(open) => open,
                None => {
                    let open = Ranges::open(&self.reader, &self.repository, &self.blob, self.received).await?;
                    self.open.insert(open)
                }
            };
            match open.next().await {
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) => {
                    self.cuts = 0;
                    self.received += piece.len() as u64;
                    if self.received > self.blob.size {
                        return Err(self.corrupt(format!("more than its {} bytes arrive", self.blob.size)));
                    }
                    hasher.update(&piece);
                    if let Some(before) = self.held.replace(piece) {
                        return Ok(Some(before));
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

    fn cut(&mut self, error: Error) -> Result<(), Error> {
        self.cuts += 1;
        self.open = None;
        if self.reader.source.record_failure(&error, self.cuts) && self.cuts < CUTS { Ok(()) } else { Err(error) }
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
