use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt, stream};
use tokio::task::JoinSet;
use tracing::Instrument;

use super::schedule::Schedule;
use super::{
    Arc, Digest, Error, Manifest, Patient, Plan, Progress, Repository, Source, Transfer, blob, whole_manifest,
};
use crate::plan::Work;
use crate::{Content, Mount, Name, Put, Target};

/// How often a manifest is put again after the registry said that it lacks what it has.
const PUTS: u32 = 3;

impl<S: Source, T: Target> Transfer<'_, S, T> {
    /// Brings everything but the tags to every target. The first failure that retries do not heal ends it; what was written stays, and
    /// the next run finds it.
    pub(crate) async fn stage(&self, plan: &Arc<Plan>) -> Result<(), Error> {
        let mut uploads = self.open_uploads(plan).await?;
        let mut schedule = Schedule::new(&plan.steps, self.limits);
        let mut running = JoinSet::new();
        loop {
            while let Some(at) = schedule.start_next() {
                let Some(step) = plan.steps.get(at) else { continue };
                let Some(target) = self.targets.get(step.target) else { continue };
                let mover = Mover {
                    source: self.source.clone(),
                    target: target.clone(),
                    plan: plan.clone(),
                    progress: self.progress.clone(),
                    at,
                };
                let copies = matches!(step.work, Work::Blob { mount_from: None, .. });
                let upload =
                    uploads.get_mut(&(step.target, step.repository.clone())).filter(|_| copies).and_then(Option::take);
                running.spawn(async move { mover.run(upload).await.map(|()| at) }.in_current_span());
            }
            match running.join_next().await {
                None => return Ok(()),
                Some(Ok(Ok(at))) => schedule.finish(at),
                Some(Ok(Err(error))) => return Err(error),
                // Nothing cancels a step but dropping the set, so a step that did not end has panicked.
                Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
            }
        }
    }

    /// Opens an upload in every repository that is to receive blobs, before any byte moves: ECR has no dry run, and this is the closest
    /// to asking whether writing is allowed. The uploads are used for the first blobs.
    async fn open_uploads(&self, plan: &Plan) -> Result<HashMap<(usize, Repository), Option<T::Upload>>, Error> {
        let blobs = plan.steps.iter().filter(|step| matches!(step.work, Work::Blob { .. }));
        let mut repositories: HashMap<_, _> =
            blobs.map(|step| ((step.target, step.repository.clone()), None)).collect();
        let opened: Vec<_> = stream::iter(repositories.iter_mut())
            .map(|((target, repository), slot)| async move {
                if let Some(target) = self.targets.get(*target) {
                    *slot = Some(target.open_upload(repository).await?);
                }
                Ok(())
            })
            .buffer_unordered(self.limits.steps_in_flight)
            .collect()
            .await;
        match Error::all(opened.into_iter().filter_map(Result::err).collect()) {
            Some(error) => Err(error),
            None => Ok(repositories),
        }
    }
}

/// Carries out one step.
struct Mover<S, T> {
    source: Arc<Patient<S>>,
    target: Arc<Patient<T>>,
    plan: Arc<Plan>,
    progress: Arc<Progress>,
    at: usize,
}

impl<S: Source, T: Target> Mover<S, T> {
    async fn run(&self, upload: Option<T::Upload>) -> Result<(), Error> {
        let Some(step) = self.plan.steps.get(self.at) else { return Ok(()) };
        match &step.work {
            Work::Manifest(digest) => {
                let missing = || {
                    let what = format!("{}@{digest} is no longer in {}", step.repository, self.source.name());
                    Error::new(Name::SourceImageNotFound, what)
                };
                let manifest = whole_manifest(&self.plan, &*self.source, &step.repository, *digest).await?;
                self.put(&step.repository, &manifest.ok_or_else(missing)?).await?;
                self.progress.count(step.target, |counters| &counters.manifests_put, 1);
            }
            Work::Blob { blob, mount_from } => {
                let mut upload = upload;
                if let Some(sibling) = mount_from {
                    match self.target.mount(&step.repository, blob, sibling).await? {
                        Mount::Declined(opened) => upload = Some(opened),
                        Mount::Mounted => {
                            self.progress.count(step.target, |counters| &counters.blobs_mounted, 1);
                            return Ok(());
                        }
                    }
                }
                let _on_its_way = self.progress.on_its_way(self.at, &step.repository, blob);
                blob::copy(&self.source, &self.target, &step.repository, blob, upload, &self.progress).await?;
                self.progress.count(step.target, |counters| &counters.blobs_copied, 1);
                self.progress.count(step.target, |counters| &counters.bytes_copied, blob.size);
            }
        }
        Ok(())
    }

    /// Writes a manifest. A registry may refuse it because it lacks what it said it has: ECR has been seen to report a layer as available and
    /// to miss it here. Then that is brought first.
    async fn put(&self, repository: &Repository, manifest: &Manifest) -> Result<(), Error> {
        for put in 1.. {
            match self.target.put_manifest(repository, manifest, None).await? {
                Put::Stored => return Ok(()),
                _ if put == PUTS => break,
                Put::LacksBlobs(digests) => self.bring_blobs(repository, manifest.content(), &digests).await?,
                Put::LacksManifests => {
                    for child in manifest.content().children() {
                        if let Some(child) = whole_manifest(&self.plan, &*self.source, repository, child.digest).await?
                        {
                            Box::pin(self.put(repository, &child)).await?;
                        }
                    }
                }
            }
        }
        Err(Error::new(
            Name::RegistryUnavailable,
            format!(
                "{} refuses {repository}@{} because it lacks content that it was sent {PUTS} times",
                self.target.name(),
                manifest.digest()
            ),
        ))
    }

    async fn bring_blobs(&self, repository: &Repository, content: &Content, digests: &[Digest]) -> Result<(), Error> {
        let mut brought = HashSet::new();
        let lacking = content.blobs().filter(|blob| digests.contains(&blob.digest));
        for blob in lacking.filter(|blob| brought.insert(blob.digest)) {
            blob::copy(&self.source, &self.target, repository, blob, None, &self.progress).await?;
        }
        Ok(())
    }
}
