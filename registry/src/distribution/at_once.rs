use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt, stream};
use promotion::{Descriptor, Error, Repository};

use super::Distribution;
use super::scope::Scope;
use crate::Upload;
use crate::attempt::Scene as _;
use crate::http::{self, Failure, Party};
use crate::kind::{Kind, kind};

/// Up to this size it costs less to send a blob than to ask whether it is there: configs, attestations and signatures are smaller.
const MOST_BYTES: u64 = 64 << 10;

/// Whether a registry takes a blob with the request that otherwise opens an upload for it. It has to say so of none (section "Single POST" of
/// the distribution specification).
#[derive(Debug, Default)]
pub(super) struct AtOnce {
    is_refused: AtomicBool,
}

/// An upload into a registry of the distribution specification.
#[derive(Debug)]
pub enum DistributionUpload {
    /// It was opened.
    Open(Upload),
    /// It is for a blob whose bytes go with the request that opens it.
    AtOnce(Repository),
}

impl Distribution {
    /// Whether a blob is sent at once, and not asked for first.
    pub(super) fn sends_at_once(&self, blob: &Descriptor) -> bool {
        blob.size <= MOST_BYTES && !self.0.at_once.is_refused.load(Ordering::Relaxed)
    }

    /// Sends a blob with one request. A registry that merely opens an upload gets the bytes once more, into that one, and no other blob in this way.
    pub(super) async fn send_at_once<B>(&self, repository: Repository, blob: &Descriptor, body: B) -> Result<(), Error>
    where
        B: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        let bytes: BytesMut = pin!(body).try_collect().await?;
        let bytes = bytes.freeze();
        let path = &self.path(&repository);
        let answer = self
            .enter(Scope::push(path), |pass| {
                let bytes = bytes.clone();
                async move { http::post_whole(self.http(), &pass.credential, path, blob.digest, bytes).await }
            })
            .await;
        let upload = match answer {
            Ok(None) => return Ok(()),
            Ok(Some(session)) => Upload { repository, session },
            Err(Failure::Refused(refusal)) if refusal.by == Party::Registry && is_not_known(kind(&refusal)) => {
                self.start_upload(&repository).await?
            }
            Err(failure) => {
                let doing = format!("uploading blob {}", blob.digest);
                return Err(self.scene().attempt("write", Some(&repository), doing).failed(failure));
            }
        };
        self.0.at_once.is_refused.store(true, Ordering::Relaxed);
        self.put_blob(upload, blob, stream::iter([Ok(bytes)])).await
    }
}

/// Whether a registry that answers this may take the blob in two requests.
fn is_not_known(kind: Kind) -> bool {
    !matches!(kind, Kind::Busy | Kind::Down | Kind::Denied | Kind::Stranger | Kind::Corrupt | Kind::Limit)
}
