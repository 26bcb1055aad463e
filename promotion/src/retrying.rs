//! The traits of registries once more, with retries: no other place repeats a request, so that no retry multiplies
//! another.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use oci::{Descriptor, Digest, Manifest, Reference, Registry, Repository, Tag};

use crate::connections::{Connections, Incoming};
use crate::retry::{Attempts, Backoff, retry, retry_connected};
use crate::settling::pauses;
use crate::{
    Error, Lookup, MountOutcome, Mounting, Name, OpenBlob, PutOutcome, Referrers, RepositorySettings, RetryPolicy,
    Source, Target,
};

/// How often a manifest is read that comes corrupt each time.
const READINGS: u32 = 3;

/// A registry that is asked again when it may answer better: the one owner of retries.
///
/// A failure that is temporary slows down every request to the same registry. Opening a blob is repeated here; a blob
/// that is cut while its bytes arrive, or an upload that fails, is not: the engine opens the source anew and sends it
/// again.
#[derive(Debug)]
pub struct Retrying<R> {
    registry: R,
    backoff: Arc<Backoff>,
    /// Whether it takes uploads and no mount, however often it is asked for one.
    never_mounts: AtomicBool,
}

impl<R> Retrying<R> {
    /// Wraps a registry whose calls make one attempt each.
    pub fn new(registry: R, retry_policy: RetryPolicy) -> Self {
        Self::sharing(registry, retry_policy, &Connections::default())
    }

    /// The same, with room for connections that others use too.
    pub(crate) fn sharing(registry: R, retry_policy: RetryPolicy, connections: &Connections) -> Self {
        let backoff = Arc::new(Backoff::new(retry_policy, connections.clone()));
        Self { registry, backoff, never_mounts: AtomicBool::new(false) }
    }

    /// The registry within.
    pub fn get(&self) -> &R {
        &self.registry
    }

    /// Makes a call that the traits do not know, with the same retries as all others.
    ///
    /// # Errors
    /// Those of the call, once no attempt is left.
    pub async fn ask<'r, T, F>(&'r self, mut call: impl FnMut(&'r R) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        retry(&self.backoff, || call(&self.registry)).await
    }

    /// The pauses between looks for what this registry stored and does not show yet.
    pub(crate) fn pauses(&self) -> impl Iterator<Item = Duration> + Send + use<R> {
        pauses(self.backoff.policy().lag)
    }

    /// Makes known how a request went that could not be repeated here. True if it is worth another attempt.
    pub(crate) fn record_failure(&self, error: &Error, attempts: &mut Attempts) -> bool {
        self.backoff.failed(error, attempts)
    }
}

impl<R: Source> Source for Retrying<R> {
    type Blob = Incoming<R::Blob>;

    fn name(&self) -> &str {
        self.registry.name()
    }

    fn batch_size(&self) -> usize {
        self.registry.batch_size()
    }

    async fn registry(&self) -> Result<Registry, Error> {
        retry(&self.backoff, || self.registry.registry()).await
    }

    /// What comes corrupt is asked for again: the fault may be the line's.
    async fn manifests(&self, repository: &Repository, references: &[Reference]) -> Result<Vec<Lookup>, Error> {
        let mut found = retry(&self.backoff, || self.registry.manifests(repository, references)).await?;
        for _ in 1..READINGS {
            let is_corrupt = |lookup: &Lookup| matches!(lookup, Err(error) if error.name() == Name::CorruptContent);
            let corrupt = found.iter_mut().zip(references).filter(|(lookup, _)| is_corrupt(lookup));
            let (lookups, again): (Vec<_>, Vec<_>) =
                corrupt.map(|(lookup, reference)| (lookup, reference.clone())).unzip();
            if again.is_empty() {
                break;
            }
            let read = retry(&self.backoff, || self.registry.manifests(repository, &again)).await?;
            lookups.into_iter().zip(read).for_each(|(lookup, read)| *lookup = read);
        }
        Ok(found)
    }

    fn counts_pulls(&self) -> bool {
        self.registry.counts_pulls()
    }

    fn imports_by_tag(&self) -> bool {
        self.registry.imports_by_tag()
    }

    async fn digest(&self, repository: &Repository, tag: &Tag) -> Result<Option<Digest>, Error> {
        retry(&self.backoff, || self.registry.digest(repository, tag)).await
    }

    async fn open_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        range: Range<u64>,
    ) -> Result<OpenBlob<Incoming<R::Blob>>, Error> {
        let opening = retry_connected(&self.backoff, || self.registry.open_blob(repository, blob, range.clone()));
        let (OpenBlob { bytes, end }, connected) = opening.await?;
        Ok(OpenBlob { bytes: Incoming::new(bytes, connected), end })
    }

    async fn referrers(&self, repository: &Repository, subject: Digest) -> Result<Referrers, Error> {
        retry(&self.backoff, || self.registry.referrers(repository, subject)).await
    }

    async fn tags(&self, repository: &Repository, prefix: &str) -> Result<Option<Vec<Tag>>, Error> {
        retry(&self.backoff, || self.registry.tags(repository, prefix)).await
    }

    fn lists_tags_cheaply(&self) -> bool {
        self.registry.lists_tags_cheaply()
    }

    fn requests(&self) -> u64 {
        self.registry.requests()
    }
}

impl<R: Target> Target for Retrying<R> {
    type Upload = R::Upload;

    async fn repository_settings(&self, repositories: &[Repository]) -> Result<Vec<Option<RepositorySettings>>, Error> {
        retry(&self.backoff, || self.registry.repository_settings(repositories)).await
    }

    async fn mounting(&self) -> Result<Mounting, Error> {
        retry(&self.backoff, || self.registry.mounting()).await
    }

    async fn has_blobs(&self, repository: &Repository, blobs: &[Digest]) -> Result<Vec<bool>, Error> {
        retry(&self.backoff, || self.registry.has_blobs(repository, blobs)).await
    }

    async fn start_upload(&self, repository: &Repository) -> Result<R::Upload, Error> {
        retry(&self.backoff, || self.registry.start_upload(repository)).await
    }

    /// Nothing depends on a mount, which saves bytes: a registry that fails at it and takes uploads is sent them, and not
    /// asked again.
    async fn mount_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        from: &Repository,
    ) -> Result<MountOutcome<R::Upload>, Error> {
        if !self.never_mounts.load(Ordering::Relaxed) {
            match retry(&self.backoff, || self.registry.mount_blob(repository, blob, from)).await {
                Err(error)
                    if matches!(error.name(), Name::RegistryUnavailable | Name::UnexpectedAnswer)
                        && !error.is_throttled() =>
                {
                    tracing::debug!(%error, "uploading instead of mounting");
                }
                answer => return answer,
            }
        }
        let upload = self.start_upload(repository).await?;
        self.never_mounts.store(true, Ordering::Relaxed);
        Ok(MountOutcome::Declined(upload))
    }

    async fn put_blob<B>(&self, upload: R::Upload, blob: &Descriptor, body: B) -> Result<(), Error>
    where
        B: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        self.backoff.ready().await;
        self.registry.put_blob(upload, blob, body).await.inspect(|()| self.backoff.succeeded())
    }

    async fn put_manifest(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        tag: Option<&Tag>,
    ) -> Result<PutOutcome, Error> {
        retry(&self.backoff, || self.registry.put_manifest(repository, manifest, tag)).await
    }
}
