use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use tokio::sync::Semaphore;

use super::ranges::Ranges;
use crate::progress::Progress;
use crate::{Error, Name, Retrying, Source, Target};
use oci::{Descriptor, Hasher, Repository};

/// How often a blob is sent from its beginning before its failure is final.
const SENDINGS: u32 = 4;

/// How often in a row a blob may be cut without a single byte having arrived in between.
const CUTS: u32 = 5;

/// Copies one blob: reads it from the source while sending it to the target. The unit of a repetition is the whole of it: the
/// source is opened and an upload begun anew.
pub(crate) async fn copy<S: Source, T: Target>(
    source: &Arc<Retrying<S>>,
    target: &Retrying<T>,
    repository: &Repository,
    blob: &Descriptor,
    mut opened: Option<T::Upload>,
    range_permits: &Arc<Semaphore>,
    progress: &Arc<Progress>,
) -> Result<(), Error> {
    let mut sending = 1;
    loop {
        let upload = match opened.take() {
            Some(upload) => upload,
            None => target.start_upload(repository).await?,
        };
        let failure = Arc::new(Mutex::new(None));
        let body =
            whole_or_nothing(source.clone(), repository.clone(), blob.clone(), range_permits.clone(), failure.clone());
        let progress = progress.clone();
        let body = body.inspect_ok(move |piece| progress.moving(piece.len()));
        let Err(error) = target.put_blob(upload, blob, body).await else { return Ok(()) };
        // An upload that breaks because its body broke reports only that; the body knows why.
        let told = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        let again = match &told {
            // The source has been asked again already where that made sense. Corrupt bytes may be the line's fault.
            Some(error) => error.name() == Name::CorruptContent && sending < SENDINGS,
            None => {
                (target.record_failure(&error, sending) || error.name() == Name::CorruptContent) && sending < SENDINGS
            }
        };
        let error = told.unwrap_or(error);
        if !again {
            return Err(error.context(format_args!("the blob {} of {repository} ({} bytes)", blob.digest, blob.size)));
        }
        tracing::debug!(%repository, digest = %blob.digest, sending, %error, "sending a blob again");
        sending += 1;
    }
}

/// The bytes of a blob, to read and not to send: a stream that ends without an error has had the size and the digest it should have.
///
/// A blob that is cut is opened again where it was cut.
pub fn read_whole<S: Source>(
    source: Arc<Retrying<S>>,
    repository: Repository,
    blob: Descriptor,
) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    whole_or_nothing(source, repository, blob, Arc::new(Semaphore::new(0)), Arc::default())
}

/// The bytes of a blob, of which the last piece is held back until size and digest are known to be right: a body of known length that
/// ends early commits nothing, while a fault found after the last byte would come too late.
///
/// A blob that is cut is opened again where it was cut, and the stream goes on as if nothing had happened.
fn whole_or_nothing<S: Source>(
    source: Arc<Retrying<S>>,
    repository: Repository,
    blob: Descriptor,
    range_permits: Arc<Semaphore>,
    failure: Arc<Mutex<Option<Error>>>,
) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    let reading = Reading {
        source,
        repository,
        blob,
        open: None,
        range_permits,
        received: 0,
        hasher: Some(Hasher::default()),
        held: None,
        cuts: 0,
    };
    stream::try_unfold(reading, move |mut reading| {
        let failure = failure.clone();
        async move {
            let piece = reading.next().await.inspect_err(|error| {
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
            })?;
            Ok(piece.map(|piece| (piece, reading)))
        }
    })
}

struct Reading<S: Source> {
    source: Arc<Retrying<S>>,
    repository: Repository,
    blob: Descriptor,
    open: Option<Ranges<S>>,
    range_permits: Arc<Semaphore>,
    received: u64,
    /// None once the digest is checked.
    hasher: Option<Hasher>,
    held: Option<Bytes>,
    cuts: u32,
}

impl<S: Source> Reading<S> {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(hasher) = &mut self.hasher {
            let open = match &mut self.open {
                Some(open) => open,
                None => {
                    let (repository, blob) = (&self.repository, &self.blob);
                    let open = Ranges::open(&self.source, repository, blob, self.received, &self.range_permits).await?;
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
                None => self.cut(Error::new(
                    Name::RegistryUnavailable,
                    format!("{} ended a blob after {} of {} bytes", self.source.name(), self.received, self.blob.size),
                ))?,
                Some(Err(error)) => self.cut(error)?,
            }
        }
        Ok(self.held.take())
    }

    fn cut(&mut self, error: Error) -> Result<(), Error> {
        self.cuts += 1;
        self.open = None;
        if self.source.record_failure(&error, self.cuts) && self.cuts < CUTS { Ok(()) } else { Err(error) }
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
        Error::new(Name::CorruptContent, format!("{} does not hold what it promises: {why}", self.source.name()))
    }
}
