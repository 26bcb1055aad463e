//! Bringing everything but the tags to the targets, by digest. The order is that of the plan; how much is under way at
//! a time is the schedule's.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::{StreamExt, stream};
use oci::Descriptor;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::Instrument;

use super::schedule::Schedule;
use super::{Arc, Digest, Error, Manifest, Plan, Progress, Repository, Retrying, Source, Transfer, whole_manifest};
use crate::blob::BlobReader;
use crate::flow::Flow;
use crate::plan::{Step, Work};
use crate::position::{StepId, TargetId};
use crate::{MountOutcome, Name, PutOutcome, ReferrerPolicy, Referrers, Tally, Target};

/// How often a registry that says that it lacks what it was sent gets it again.
const BRINGINGS: u32 = 2;

impl<S: Source, T: Target> Transfer<'_, S, T> {
    /// Brings everything but the tags to every target. The first failure that retries do not heal ends it; what was
    /// written stays, and the next run finds it.
    pub(crate) async fn stage(&self, plan: &Arc<Plan>) -> Result<(), Error> {
        let mut schedule = Schedule::new(&plan.steps, self.limits);
        let mut next = schedule.start_all();
        let mut begun = self.begin(plan, &next).await?;
        let mut running = JoinSet::new();
        loop {
            for at in next {
                let runner = StepRunner {
                    reader: self.reader.clone(),
                    target: self.targets[plan.steps[at].target].clone(),
                    flow: self.flows[plan.steps[at].target].clone(),
                    plan: plan.clone(),
                    progress: self.progress.clone(),
                    at,
                };
                let begun = begun.remove(&at);
                running.spawn(async move { runner.run(begun).await.map(|()| at) }.in_current_span());
            }
            match running.join_next().await {
                None => return Ok(()),
                Some(Ok(Ok(at))) => schedule.finish(at),
                Some(Ok(Err(error))) => return Err(error),
                // Nothing cancels a step but dropping the set, so a step that did not end has panicked.
                Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
            }
            next = schedule.start_all();
        }
    }

    /// Opens an upload in every repository that is to receive blobs, before any byte moves: ECR has no dry run, and
    /// this is the closest to asking whether writing is allowed. Each is used for the first blob that can use it. Those
    /// of the steps that start first are opened along with them, which saves a round trip.
    async fn begin(
        &self,
        plan: &Plan,
        first_steps: &[StepId],
    ) -> Result<HashMap<StepId, MountOutcome<T::Upload>>, Error> {
        let mut firsts: BTreeMap<(TargetId, &Repository), (StepId, &Step)> = BTreeMap::new();
        for (at, step) in plan.steps.iter().filter(|(_, step)| step.is_for_blob()) {
            let first = firsts.entry((step.target, &step.repository)).or_insert((at, step));
            if first.1.sends().is_none() && step.sends().is_some() {
                *first = (at, step);
            }
        }
        let first_steps = first_steps.iter().map(|at| (*at, &plan.steps[*at]));
        // What a referrer lacks ends no release.
        let sending = first_steps.filter(|(_, step)| step.sends().is_some() && !step.is_for_referrer);
        let opened: BTreeMap<_, _> = firsts.into_values().chain(sending).collect();
        let opened: Vec<_> = stream::iter(opened)
            .map(|(at, step)| async move {
                let target = &self.targets[step.target];
                let begun = match &step.work {
                    // The repository itself is asked: it says whether it has the blob, and opens an upload if not.
                    Work::CopyUnlessPresent(blob) => {
                        target.mount_blob(&step.repository, blob, &step.repository).await?
                    }
                    _ => MountOutcome::Declined(target.start_upload(&step.repository).await?),
                };
                Ok(step.sends().map(|_| (at, begun)))
            })
            .buffer_unordered(self.limits.steps_in_flight)
            .collect()
            .await;
        let (opened, failed): (Vec<_>, Vec<_>) = opened.into_iter().partition(Result::is_ok);
        match Error::all(failed.into_iter().filter_map(Result::err).collect()) {
            Some(error) => Err(error),
            None => Ok(opened.into_iter().flatten().flatten().collect()),
        }
    }
}

/// Carries out one step.
pub(super) struct StepRunner<S, T> {
    pub(super) reader: BlobReader<S>,
    pub(super) target: Arc<Retrying<T>>,
    pub(super) flow: Arc<Flow>,
    plan: Arc<Plan>,
    pub(super) progress: Arc<Progress>,
    at: StepId,
}

impl<S: Source, T: Target> StepRunner<S, T> {
    async fn run(&self, begun: Option<MountOutcome<T::Upload>>) -> Result<(), Error> {
        let step = &self.plan.steps[self.at];
        match self.carry_out(step, begun).await {
            // No image needs its referrers to run, and ECR takes fewer of them than the specification does
            // (aws/containers-roadmap#2783).
            Err(error)
                if step.is_for_referrer
                    && error.name() == Name::RegistryLimit
                    && self.plan.referrer_policy != ReferrerPolicy::Require =>
            {
                // The manifest that needs a blob which is not taken will tell.
                if let Work::Manifest(digest) | Work::ListUnlessKept { list: digest, .. } = step.work {
                    self.progress.leave(step.target, &step.repository, digest, error.to_string());
                }
                Ok(())
            }
            result => result,
        }
    }

    async fn carry_out(&self, step: &Step, begun: Option<MountOutcome<T::Upload>>) -> Result<(), Error> {
        let repository = &step.repository;
        match &step.work {
            Work::ListUnlessKept { list, subject } => {
                if let Referrers::Listed(_) = self.target.referrers(repository, *subject).await? {
                    self.progress.pass_over(step.target, repository, *list);
                } else {
                    self.write_manifest(step, *list).await?;
                }
            }
            Work::Manifest(digest) => self.write_manifest(step, *digest).await?,
            Work::Copy(blob) => {
                let upload = begun.and_then(|begun| match begun {
                    MountOutcome::Declined(upload) => Some(upload),
                    MountOutcome::Mounted => None,
                });
                self.bring_blob(step, blob, upload).await?;
            }
            Work::CopyUnlessPresent(blob) => {
                let asked = match begun {
                    Some(begun) => begun,
                    None => self.target.mount_blob(repository, blob, repository).await?,
                };
                match asked {
                    MountOutcome::Declined(upload) => self.bring_blob(step, blob, Some(upload)).await?,
                    MountOutcome::Mounted => {
                        let present = Tally { blobs_present: 1, bytes_present: blob.size, ..Tally::default() };
                        self.progress.add(step.target, present);
                    }
                }
            }
            Work::Mount { blob, from } => match self.target.mount_blob(repository, blob, from).await? {
                MountOutcome::Declined(upload) => self.bring_blob(step, blob, Some(upload)).await?,
                MountOutcome::Mounted => self.progress.add(step.target, Tally { blobs_mounted: 1, ..Tally::default() }),
            },
        }
        Ok(())
    }

    async fn write_manifest(&self, step: &Step, digest: Digest) -> Result<(), Error> {
        let repository = &step.repository;
        let missing = || {
            let what = format!("{repository}@{digest} is no longer in {}", self.reader.source().name());
            Error::new(Name::SourceImageNotFound, what)
        };
        let manifest = whole_manifest(&self.plan, self.reader.source(), repository, digest).await?;
        self.put(repository, &manifest.ok_or_else(missing)?).await?;
        self.progress.add(step.target, Tally { manifests_put: 1, ..Tally::default() });
        Ok(())
    }

    async fn bring_blob(&self, step: &Step, blob: &Descriptor, upload: Option<T::Upload>) -> Result<(), Error> {
        let _on_its_way = self.progress.on_its_way(self.at, &step.repository, blob);
        self.copy(&step.repository, blob, upload).await?;
        self.progress.add(step.target, Tally { blobs_copied: 1, bytes_copied: blob.size, ..Tally::default() });
        Ok(())
    }

    /// Writes a manifest. A registry may refuse it because it lacks what it said it has: ECR has been seen to report a
    /// layer as available and to miss it here, and Docker Hub not to see manifests that it stored a moment before
    /// (docker-manifest-create-action#857). So that is brought first, and then waited for.
    async fn put(&self, repository: &Repository, manifest: &Manifest) -> Result<(), Error> {
        let mut pauses = self.target.pauses().zip(1..);
        loop {
            let outcome = self.target.put_manifest(repository, manifest, None).await?;
            if outcome == PutOutcome::Stored {
                return Ok(());
            }
            let Some((pause, refusal)) = pauses.next() else { break };
            if refusal <= BRINGINGS {
                self.bring_lacking(repository, manifest, outcome).await?;
            }
            tracing::debug!(%repository, digest = %manifest.digest(), ?pause, "putting a manifest again");
            sleep(pause).await;
        }
        Err(Error::new(
            Name::RegistryUnavailable,
            format!(
                "{} refuses {repository}@{} because it lacks content that it was sent {} times",
                self.target.name(),
                manifest.digest(),
                BRINGINGS + 1
            ),
        ))
    }

    /// Brings what a registry says it lacks for a manifest.
    async fn bring_lacking(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        outcome: PutOutcome,
    ) -> Result<(), Error> {
        let content = manifest.content();
        match outcome {
            PutOutcome::Stored => {}
            PutOutcome::LacksBlobs(digests) => {
                let mut brought = HashSet::new();
                let lacking = content.blobs().filter(|blob| digests.contains(&blob.digest));
                for blob in lacking.filter(|blob| brought.insert(blob.digest)) {
                    self.copy(repository, blob, None).await?;
                }
            }
            PutOutcome::LacksManifests => {
                for child in content.children() {
                    let source = self.reader.source();
                    if let Some(child) = whole_manifest(&self.plan, source, repository, child.digest).await? {
                        Box::pin(self.put(repository, &child)).await?;
                    }
                }
            }
        }
        Ok(())
    }
}
