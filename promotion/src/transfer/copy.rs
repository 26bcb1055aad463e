use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use oci::{Descriptor, Repository};

use super::stage::StepRunner;
use crate::flow::{Flow, Way};
use crate::retry::Attempts;
use crate::{Error, Name, Source, Target};

/// How often a blob is sent from its beginning before its failure is final, unless the target throttles.
const SENDINGS: u32 = 4;

impl<S: Source, T: Target> StepRunner<S, T> {
    /// Copies one blob: reads it from the source while sending it to the target. What is repeated is the whole of it:
    /// the source is opened and an upload begun anew.
    pub(super) async fn copy(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        mut opened: Option<T::Upload>,
    ) -> Result<(), Error> {
        let mut sending = 1;
        let mut attempts = Attempts::default();
        loop {
            let upload = match opened.take() {
                Some(upload) => upload,
                None => self.target.start_upload(repository).await?,
            };
            let broken = Arc::new(Mutex::new(None));
            let (progress, failure) = (self.progress.clone(), broken.clone());
            let body = self.reader.read(repository, blob).inspect_ok(move |piece| progress.moving(piece.len()));
            let body = taken(body, self.flow.clone(), self.target.name().to_owned());
            let body = body.inspect_err(move |error| {
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
            });
            let Err(error) = self.target.put_blob(upload, blob, body).await else { return Ok(()) };
            // An upload that breaks because its body broke reports only that; the body knows why.
            let of_body = broken.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Corrupt bytes may be the line's fault. For all else, the source has been asked again already where that
            // made sense.
            let is_worth_it = match &of_body {
                Some(error) => error.name() == Name::CorruptContent,
                None => self.target.record_failure(&error, &mut attempts) || error.name() == Name::CorruptContent,
            };
            let error = of_body.unwrap_or(error);
            if !is_worth_it || (sending >= SENDINGS && !error.is_throttled()) {
                let (digest, size) = (blob.digest, blob.size);
                return Err(error.context(format_args!("the blob {digest} of {repository} ({size} bytes)")));
            }
            tracing::debug!(%repository, digest = %blob.digest, sending, %error, "sending a blob again");
            sending += 1;
        }
    }
}

/// The same bytes, and an error once the target takes too few of them.
fn taken(
    body: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
    flow: Arc<Flow>,
    target: String,
) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    // It is waited for the target from when it got a piece until it asks for the next one.
    stream::try_unfold((Box::pin(body), None), move |(mut body, waiting)| {
        drop(waiting);
        let (flow, slow) = (flow.clone(), flow.too_slow(&target, Way::Taken));
        async move {
            if let Some(error) = slow {
                return Err(error);
            }
            let piece = body.try_next().await?;
            Ok(piece.map(|piece| {
                flow.moved(piece.len());
                (piece, (body, Some(flow.wait())))
            }))
        }
    })
}
