//! A promotion from survey to last tag, and the rounds it takes when staged content disappears in between.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::blob::BlobReader;
use crate::connections::Connections;
use crate::position::Targets;
use crate::progress::Progress;
use crate::settling::Loss;
use crate::survey::Depth;
use crate::transfer::{Completeness, Transfer};
use crate::{
    Error, Limits, Name, Outcome, Overrun, Phase, Plan, ReferrerPolicy, Release, Report, RetryPolicy, Retrying, Source,
    Survey, Target, TargetReport,
};

/// How far a promotion goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Everything is there, by digest; no tag is touched.
    Staged,
    /// Staged, verified by digest, then tagged.
    Tagged,
}

/// How often content that disappears between staging and tagging is staged again.
const ROUNDS: u32 = 3;

/// Pauses too short to be worth another survey: those between rounds are the ones after them.
const SHORT_PAUSES: usize = 3;

/// A source, and the targets that get a release together or not at all.
#[derive(Debug)]
pub struct Promotion<S, T> {
    source: Arc<Retrying<S>>,
    targets: Targets<Arc<Retrying<T>>>,
    limits: Limits,
    referrer_policy: ReferrerPolicy,
    progress: Mutex<Arc<Progress>>,
}

impl<S: Source, T: Target> Promotion<S, T> {
    /// Registries whose calls make one attempt each. Retries are added here, by one policy for all.
    pub fn new(source: S, targets: impl IntoIterator<Item = T>, retry_policy: RetryPolicy, limits: Limits) -> Self {
        let connections = Connections::default();
        let sharing = |target| Arc::new(Retrying::sharing(target, retry_policy, &connections));
        Self {
            source: Arc::new(Retrying::sharing(source, retry_policy, &connections)),
            targets: targets.into_iter().map(sharing).collect(),
            limits,
            referrer_policy: ReferrerPolicy::default(),
            progress: Mutex::default(),
        }
    }

    /// The same promotion, with this policy for the referrers of its images.
    #[must_use]
    pub fn with_referrers(mut self, referrer_policy: ReferrerPolicy) -> Self {
        self.referrer_policy = referrer_policy;
        self
    }

    /// Reads what a release needs and what is there already. Writes nothing.
    pub async fn survey(&self, release: Release) -> Survey {
        self.read(release, Depth::Exact).await
    }

    /// What the run that began last has done so far.
    pub fn progress(&self) -> Arc<Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests were sent so far, to all registries, retries and authorisation included.
    pub fn requests(&self) -> u64 {
        self.source.requests() + self.targets.iter().map(|(_, target)| target.requests()).sum::<u64>()
    }

    /// Promotes a release: to every target, in step. It stops cleanly at the deadline.
    ///
    /// It may be dropped at any moment: a tag is only ever written on what is complete, and the next run goes on from
    /// what is there.
    ///
    /// # Errors
    /// What went wrong, by its name: `OutOfTime` and `TooLargeForLambda` when the deadline came first.
    pub async fn run(&self, release: Release, until: Until, deadline: Option<Instant>) -> Result<Report, Error> {
        let progress = Arc::new(Progress::new(&self.targets));
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress.clone();
        let work = self.rounds(release, until, &progress);
        match deadline {
            None => work.await,
            Some(deadline) => tokio::time::timeout_at(deadline, work)
                .await
                .unwrap_or_else(|_| Err(Overrun::of(&progress).into_error())),
        }
    }

    async fn read(&self, release: Release, depth: Depth) -> Survey {
        Survey::read(release, &self.source, self.targets.as_slice(), self.referrer_policy, depth).await
    }

    async fn rounds(&self, release: Release, until: Until, progress: &Arc<Progress>) -> Result<Report, Error> {
        let begin = Instant::now();
        let reader = &BlobReader::new(self.source.clone(), self.limits.ranges_in_flight);
        let flows = self.targets.map(|_| Arc::default());
        let transfer = Transfer { reader, targets: &self.targets, flows, limits: self.limits, progress };
        let mut first: Option<Arc<Plan>> = None;
        let mut release = release;
        let mut pauses = self.source.pauses().skip(SHORT_PAUSES);
        let mut round = 1;
        loop {
            progress.enter(Phase::Surveying);
            let plan = Arc::new(self.read(release, Depth::Deferred).await.judge()?.plan());
            let first = first.get_or_insert_with(|| {
                progress.plan(&plan);
                plan.clone()
            });
            release = Release::judged(&first.images);
            let Completeness::Missing(loss) = self.carry_out(&transfer, &plan, until, progress).await? else {
                return self.report(first, until, progress, begin).await;
            };
            if round == ROUNDS {
                return Err(never_whole(&loss, plan.steps.is_empty()));
            }
            tracing::warn!("staging again, as this was staged and is not there: {loss}");
            tokio::time::sleep(pauses.next().unwrap_or_default()).await;
            round += 1;
        }
    }

    async fn carry_out(
        &self,
        transfer: &Transfer<'_, S, T>,
        plan: &Arc<Plan>,
        until: Until,
        progress: &Progress,
    ) -> Result<Completeness, Error> {
        if plan.is_empty() {
            return Ok(Completeness::Complete);
        }
        progress.enter(Phase::Staging);
        transfer.stage(plan).await?;
        if until == Until::Staged {
            return Ok(Completeness::Complete);
        }
        progress.enter(Phase::Verifying);
        match transfer.verify(plan).await? {
            Completeness::Complete => {
                progress.enter(Phase::Tagging);
                transfer.tag(plan).await
            }
            missing => Ok(missing),
        }
    }

    async fn report(&self, plan: &Plan, until: Until, progress: &Progress, begin: Instant) -> Result<Report, Error> {
        let mut targets = Vec::new();
        for (at, target) in self.targets.iter() {
            let outcomes = plan.targets[at].before.iter().map(|before| Outcome::of(*before, until)).collect();
            let there = plan.roots.iter().filter(|root| root.subject.is_some());
            let there = there.filter(|root| !progress.is_left(at, &root.repository, root.digest));
            let registry = target.registry().await?;
            targets.push(TargetReport::new(registry, outcomes, there.count() as u64, progress.of(at)));
        }
        let notes = plan.notes.iter().cloned().chain(progress.reasons()).collect();
        let (images, planned, requests) = (plan.images.clone(), plan.tally(), self.requests());
        let non_distributable = plan.non_distributable();
        Ok(Report { images, targets, planned, non_distributable, notes, requests, elapsed: begin.elapsed() })
    }
}

/// The failure of a promotion that found the same loss in the last round as before. `is_old` says that nothing was left
/// to stage in it.
fn never_whole(loss: &Loss, is_old: bool) -> Error {
    let why = if !loss.was_seen {
        format!(
            "{loss} is not shown, though the registry said that it is stored ({ROUNDS} times): the registry is very slow to show what it \
             stores, or loses it: run again later, and see what its operator says about it"
        )
    } else if is_old {
        let why = format!(
            "a target keeps the manifest of an image and has lost something that it lists, so that the image looks complete and is \
             not: pulling it whole says which (verify-pull, or `transship verify --full`); delete that image there, by digest, and run again (missing: {loss})"
        );
        return Error::new(Name::PullFailed, why);
    } else {
        format!(
            "what is staged keeps disappearing before it can be tagged ({ROUNDS} times, {loss} the last time): look for a lifecycle rule that \
             expires untagged images at once, or for somebody who deletes them"
        )
    };
    Error::new(Name::RegistryUnavailable, why)
}
