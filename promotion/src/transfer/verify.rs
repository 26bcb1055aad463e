//! Looking once more, by digest, whether all that is to be tagged is there: expiry rules and other clients may have
//! deleted it since it was staged.

use std::collections::{BTreeSet, HashSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use oci::Content;
use tokio::time::sleep;

use super::{Completeness, Digest, Error, Plan, Reference, Repository, Source, Transfer};
use crate::Target;
use crate::batches::batches;
use crate::lookup::{Wanted, lookup_all};
use crate::plan::Work;
use crate::position::TargetId;
use crate::settling::Loss;

/// A repository of a target.
type TargetRepository<'p> = (TargetId, &'p Repository);

/// A manifest or blob that a target should have.
type Expected<'p> = (TargetRepository<'p>, Digest);

impl<S: Source, T: Target> Transfer<'_, S, T> {
    /// Reads back, by digest, every manifest of what is to be tagged, and asks for each of their blobs.
    ///
    /// Where every manifest and blob costs a request of its own, only the tops of what this run has written are read
    /// back: all below was answered for one by one. What was there before, another client may have put there without
    /// all that it needs.
    pub(crate) async fn verify(&self, plan: &Plan) -> Result<Completeness, Error> {
        let written: HashSet<Expected<'_>> = plan.written().map(|(place, digest, _)| (place, digest)).collect();
        let tagged = plan.tags.iter().map(|tagging| ((tagging.target, &tagging.repository), tagging.new));
        let referrers = plan.written().filter(|(.., is_for_referrer)| *is_for_referrer);
        let images: BTreeSet<Expected<'_>> = tagged
            .chain(referrers.map(|(place, digest, _)| (place, digest)))
            .filter(|((target, repository), digest)| !self.progress.is_left(*target, repository, *digest))
            .collect();
        let (tops, whole): (Vec<_>, Vec<_>) =
            images.into_iter().partition(|there| self.batch(&there.0) == 1 && written.contains(there));
        match self.read_back(tops, &written, |_, _| {}).await? {
            Completeness::Complete => self.verify_whole(plan, whole, &written).await,
            missing => Ok(missing),
        }
    }

    /// `images` with all that the plan knows to be below them, and what those list besides, which is found on the way
    /// down.
    async fn verify_whole<'p>(
        &self,
        plan: &'p Plan,
        images: Vec<Expected<'p>>,
        written: &HashSet<Expected<'p>>,
    ) -> Result<Completeness, Error> {
        let below = |digest| plan.store.bottom_up(digest);
        let known = images.into_iter().flat_map(|(place, digest)| below(digest).into_iter().map(move |at| (place, at)));
        let mut seen: BTreeSet<Expected<'_>> = known.collect();
        let mut level = Vec::from_iter(seen.clone());
        let mut blobs = BTreeSet::new();
        while !level.is_empty() {
            let mut below = Vec::new();
            let found = self.read_back(level, written, |place, content| {
                blobs.extend(
                    content.blobs().filter(|blob| !blob.is_non_distributable()).map(|blob| (place, blob.digest)),
                );
                let children = content.children().iter().map(|child| (place, child.digest));
                below.extend(children.filter(|child| seen.insert(*child)));
            });
            if let missing @ Completeness::Missing(_) = found.await? {
                return Ok(missing);
            }
            level = below;
        }
        self.look_for_blobs(plan, blobs.into_iter().collect()).await
    }

    /// Asks for blobs that should be there. What this run has sent may take a while to be seen.
    async fn look_for_blobs<'p>(&self, plan: &'p Plan, blobs: Vec<Expected<'p>>) -> Result<Completeness, Error> {
        let sent: HashSet<Expected<'_>> = plan.sent().collect();
        self.look_until_seen(blobs, &sent, async |blobs| self.absent_blobs(blobs).await).await
    }

    /// Which of these blobs are not there.
    async fn absent_blobs<'p>(&self, blobs: Vec<Expected<'p>>) -> Result<Vec<Expected<'p>>, Error> {
        let blobs = batches(blobs, |place| self.batch(place));
        let asked = stream::iter(blobs).map(|((target, repository), blobs)| async move {
            let present = self.targets[target].has_blobs(repository, &blobs).await?;
            let absent = blobs.into_iter().zip(present).filter(|(_, present)| !present);
            Ok::<_, Error>(absent.map(|(blob, _)| ((target, repository), blob)).collect::<Vec<_>>())
        });
        asked.buffer_unordered(self.limits.steps_in_flight).try_concat().await
    }

    /// Looks up manifests that should be there, and hands over what each refers to. What this run has written may take
    /// a while to be seen.
    async fn read_back<'p>(
        &self,
        wanted: Vec<Expected<'p>>,
        written: &HashSet<Expected<'p>>,
        mut each: impl FnMut(TargetRepository<'p>, &Content),
    ) -> Result<Completeness, Error> {
        let look = async |wanted: Vec<Expected<'p>>| {
            let wanted = wanted.into_iter().map(|(place, digest)| {
                let (target, repository) = place;
                Wanted::new(&*self.targets[target], repository, Reference::Digest(digest), (place, digest))
            });
            let mut answers = lookup_all(wanted.collect());
            let mut absent = Vec::new();
            while let Some(answer) = answers.next().await {
                for ((place, digest), lookup) in answer? {
                    match lookup? {
                        Some(manifest) => each(place, manifest.content()),
                        None => absent.push((place, digest)),
                    }
                }
            }
            Ok(absent)
        };
        self.look_until_seen(wanted, written, look).await
    }

    /// Looks for what should be there, and once more for what is not seen: that is waited for if it is `fresh`, and was
    /// deleted otherwise. `look` gives what is absent.
    async fn look_until_seen<'p>(
        &self,
        mut wanted: Vec<Expected<'p>>,
        fresh: &HashSet<Expected<'_>>,
        mut look: impl AsyncFnMut(Vec<Expected<'p>>) -> Result<Vec<Expected<'p>>, Error>,
    ) -> Result<Completeness, Error> {
        let mut pauses = self.reader.source().pauses();
        loop {
            wanted = look(wanted).await?;
            let gone = wanted.iter().find(|there| !fresh.contains(there));
            let Some(missing) = gone.or(wanted.first()) else { return Ok(Completeness::Complete) };
            let ((target, repository), digest) = missing;
            let what = format!("{repository}@{digest} in {}", self.targets[*target].name());
            match pauses.next().filter(|_| gone.is_none()) {
                Some(pause) => {
                    tracing::debug!(count = wanted.len(), ?pause, "waiting until it is seen: {what}");
                    sleep(pause).await;
                }
                None => return Ok(Completeness::Missing(Loss { what, was_seen: gone.is_some() })),
            }
        }
    }

    /// How many manifests or blobs one request to this place can ask for.
    fn batch(&self, (target, _): &TargetRepository<'_>) -> usize {
        self.targets[*target].batch_size()
    }
}

impl Plan {
    /// The manifests that this plan writes, and whether each is for a referrer.
    fn written(&self) -> impl Iterator<Item = (TargetRepository<'_>, Digest, bool)> {
        self.steps.iter().filter_map(|(_, step)| match step.work {
            Work::Manifest(digest) | Work::ListUnlessKept { list: digest, .. } => {
                Some(((step.target, &step.repository), digest, step.is_for_referrer))
            }
            Work::Copy(_) | Work::CopyUnlessPresent(_) | Work::Mount { .. } => None,
        })
    }

    /// The blobs that this plan brings.
    fn sent(&self) -> impl Iterator<Item = Expected<'_>> {
        self.steps.iter().filter_map(|(_, step)| match &step.work {
            Work::Copy(blob) | Work::CopyUnlessPresent(blob) | Work::Mount { blob, .. } => {
                Some(((step.target, &step.repository), blob.digest))
            }
            Work::Manifest(_) | Work::ListUnlessKept { .. } => None,
        })
    }
}
