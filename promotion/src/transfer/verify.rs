//! Looking once more, by digest, whether all that is to be tagged is there: expiry rules and other clients may have
//! deleted it since it was staged.

use std::collections::{BTreeSet, HashSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use oci::Content;

use super::{Completeness, Digest, Error, Plan, Reference, Repository, Source, Transfer};
use crate::Target;
use crate::batches::batches;
use crate::lookup::{Wanted, lookup_all};
use crate::plan::Work;
use crate::position::TargetId;

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
        if self.read_back(tops, |_, _| {}).await? == Completeness::Missing {
            return Ok(Completeness::Missing);
        }
        self.verify_whole(plan, whole).await
    }

    /// `images` with all that the plan knows to be below them, and what those list besides, which is found on the way
    /// down.
    async fn verify_whole<'p>(&self, plan: &Plan, images: Vec<Expected<'p>>) -> Result<Completeness, Error> {
        let below = |digest| plan.store.bottom_up(digest);
        let known = images.into_iter().flat_map(|(place, digest)| below(digest).into_iter().map(move |at| (place, at)));
        let mut seen: BTreeSet<Expected<'_>> = known.collect();
        let mut level = Vec::from_iter(seen.clone());
        let mut blobs = BTreeSet::new();
        while !level.is_empty() {
            let mut below = Vec::new();
            let found = self.read_back(level, |place, content| {
                blobs.extend(
                    content.blobs().filter(|blob| !blob.is_non_distributable()).map(|blob| (place, blob.digest)),
                );
                let children = content.children().iter().map(|child| (place, child.digest));
                below.extend(children.filter(|child| seen.insert(*child)));
            });
            if found.await? == Completeness::Missing {
                return Ok(Completeness::Missing);
            }
            level = below;
        }
        let blobs = batches(blobs, |place| self.batch(place));
        let asked = stream::iter(blobs).map(|((target, repository), blobs)| async move {
            Ok::<_, Error>(!self.targets[target].has_blobs(repository, &blobs).await?.contains(&false))
        });
        let whole = asked.buffer_unordered(self.limits.steps_in_flight).try_all(|present| async move { present });
        Ok(if whole.await? { Completeness::Complete } else { Completeness::Missing })
    }

    /// Looks up manifests that should be there, and hands over what each refers to.
    async fn read_back<'p>(
        &self,
        wanted: Vec<Expected<'p>>,
        mut each: impl FnMut(TargetRepository<'p>, &Content),
    ) -> Result<Completeness, Error> {
        let wanted = wanted.into_iter().map(|(place, digest)| {
            let (target, repository) = place;
            Wanted::new(&*self.targets[target], repository, Reference::Digest(digest), place)
        });
        let mut answers = lookup_all(wanted.collect());
        while let Some(answer) = answers.next().await {
            for (place, lookup) in answer? {
                let Some(manifest) = lookup? else { return Ok(Completeness::Missing) };
                each(place, manifest.content());
            }
        }
        Ok(Completeness::Complete)
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
}
