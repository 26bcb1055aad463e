use std::sync::Arc;

use tokio::time::Instant;

use crate::progress::Progress;
use crate::transfer::{Found, Transfer};
use crate::{
    Error, Limits, Name, Patience, Patient, PinnedImage, Plan, Release, Report, Source, Summary, Survey, Target,
    TargetReport,
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

/// A source, and the targets that get a release together or not at all.
#[derive(Debug)]
pub struct Promotion<S, T> {
    source: Arc<Patient<S>>,
    targets: Vec<Arc<Patient<T>>>,
    limits: Limits,
}

impl<S: Source, T: Target> Promotion<S, T> {
    /// Registries whose calls make one attempt each. Retries are added here, with the same patience for all.
    pub fn new(source: S, targets: impl IntoIterator<Item = T>, patience: Patience, limits: Limits) -> Self {
        Self {
            source: Arc::new(Patient::new(source, patience)),
            targets: targets.into_iter().map(|target| Arc::new(Patient::new(target, patience))).collect(),
            limits,
        }
    }

    /// Reads what a release needs and what is there already. Writes nothing.
    pub async fn survey(&self, release: Release) -> Survey {
        Survey::read(release, &self.source, &self.targets).await
    }

    /// Promotes a release: to every target, in step. It stops cleanly at the deadline.
    ///
    /// # Errors
    /// What went wrong, by its name: `OutOfTime` and `TooLargeForLambda` when the deadline came first.
    pub async fn run(&self, release: Release, until: Until, deadline: Option<Instant>) -> Result<Report, Error> {
        let progress = Arc::new(Progress::new(self.targets.len()));
        let work = self.rounds(release, until, &progress);
        match deadline {
            None => work.await,
            Some(deadline) => {
                tokio::time::timeout_at(deadline, work).await.unwrap_or_else(|_| Err(out_of_time(&progress)))
            }
        }
    }

    async fn rounds(&self, release: Release, until: Until, progress: &Arc<Progress>) -> Result<Report, Error> {
        let begin = Instant::now();
        let transfer = Transfer { source: &self.source, targets: &self.targets, limits: self.limits, progress };
        let mut first: Option<(Vec<PinnedImage>, Summary, Vec<u64>)> = None;
        let mut release = release;
        let mut is_staged_anew = true;
        for _ in 0..ROUNDS {
            let plan = Arc::new(self.survey(release).await.judge()?.plan());
            let (images, ..) = first.get_or_insert_with(|| {
                (plan.images.clone(), plan.summary(), images_present(&plan, self.targets.len()))
            });
            release = Release::of(images);
            let found = if plan.is_empty() {
                Found::Whole
            } else {
                transfer.stage(&plan).await?;
                match until {
                    Until::Staged => Found::Whole,
                    Until::Tagged => match transfer.verify(&plan).await? {
                        Found::Whole => transfer.tag(&plan).await?,
                        Found::Gone => Found::Gone,
                    },
                }
            };
            if found == Found::Whole {
                let (images, planned, present) = first.unwrap_or_default();
                return self.report(images, planned, &present, progress, begin).await;
            }
            is_staged_anew = !plan.steps.is_empty();
            tracing::warn!("staged content is gone before it was tagged: staging again");
        }
        if !is_staged_anew {
            return Err(Error::new(
                Name::PullFailed,
                "a target keeps the manifest of an image and has lost something that it lists, so that the image looks complete and is not: \
                 verify-pull says which; delete that image there (ecr:BatchDeleteImage, by digest) and run again",
            ));
        }
        Err(Error::new(
            Name::RegistryUnavailable,
            format!(
                "what is staged keeps disappearing before it can be tagged ({ROUNDS} times): look for a lifecycle rule that expires untagged \
                 images at once, or for somebody who deletes them"
            ),
        ))
    }

    async fn report(
        &self,
        images: Vec<PinnedImage>,
        planned: Summary,
        present: &[u64],
        progress: &Progress,
        begin: Instant,
    ) -> Result<Report, Error> {
        let mut targets = Vec::with_capacity(self.targets.len());
        for (at, target) in self.targets.iter().enumerate() {
            if let (Some(counters), Some(present)) = (progress.target(at), present.get(at)) {
                targets.push(TargetReport::new(target.registry().await?, *present, counters));
            }
        }
        let requests = self.source.requests() + self.targets.iter().map(|target| target.requests()).sum::<u64>();
        Ok(Report { images, targets, planned, requests, elapsed: begin.elapsed() })
    }
}

fn images_present(plan: &Plan, targets: usize) -> Vec<u64> {
    let missing = |at| plan.tags.iter().filter(|tagging| tagging.target == at).count();
    (0..targets).map(|at| (plan.images.len() - missing(at)) as u64).collect()
}

fn out_of_time(progress: &Progress) -> Error {
    match (progress.written(), progress.largest_in_flight()) {
        (0, Some((repository, blob))) if progress.has_moved() => Error::new(
            Name::TooLargeForLambda,
            format!(
                "the blob {} of {repository} has {} bytes and could not be copied before the deadline, and nothing else was: give the function \
                 more memory (its network grows with it) and its full 15 minutes, or make the layer smaller",
                blob.digest, blob.size
            ),
        ),
        (0, _) => Error::new(
            Name::RegistryUnavailable,
            "the deadline came before a single byte could be sent: the registries answer too slowly, or the function has too little time",
        ),
        (written, _) => Error::new(
            Name::OutOfTime,
            format!(
                "stopped before the deadline; {written} blobs, manifests and tags are written and stay: run again to continue"
            ),
        ),
    }
}
