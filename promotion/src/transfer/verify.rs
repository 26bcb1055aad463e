use std::collections::{BTreeSet, HashSet};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Completeness, Digest, Error, Plan, Reference, Repository, Source, Transfer};
use crate::Target;
use crate::batches::batches;
use crate::plan::Work;
use oci::Content;

/// A repository of a target, which is known by its position.
type Place<'p> = (usize, &'p Repository);

/// Something in it.
type There<'p> = (Place<'p>, Digest);

impl<S: Source, T: Target> Transfer<'_, S, T> {
    /// Reads back, by digest, every manifest of what is to be tagged, and asks for each of their blobs.
    ///
    /// Where every manifest and blob costs a request of its own, only the tops of what this run has written are read back: all below was
    /// answered for one by one. What was there before, somebody else may have put there without all that it needs.
    pub(crate) async fn verify(&self, plan: &Plan) -> Result<Completeness, Error> {
        let written: HashSet<There<'_>> = plan.written().map(|(place, digest, _)| (place, digest)).collect();
        let tagged = plan.tags.iter().map(|tagging| ((tagging.target, &tagging.repository), tagging.new));
        let referrers = plan.written().filter(|(.., is_for_referrer)| *is_for_referrer);
        let images: BTreeSet<There<'_>> = tagged
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

    /// `images` with all that the plan knows to be below them, and what those list besides, which is found on the way down.
    async fn verify_whole<'p>(&self, plan: &Plan, images: Vec<There<'p>>) -> Result<Completeness, Error> {
        let below = |digest| plan.store.bottom_up(digest);
        let known = images.into_iter().flat_map(|(place, digest)| below(digest).into_iter().map(move |at| (place, at)));
        let mut seen: BTreeSet<There<'_>> = known.collect();
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
            match self.targets.get(target) {
                Some(target) => Ok::<_, Error>(!target.has_blobs(repository, &blobs).await?.contains(&false)),
                None => Ok(true),
            }
        });
        let whole = asked.buffer_unordered(self.limits.steps_in_flight).try_all(|present| async move { present });
        Ok(if whole.await? { Completeness::Complete } else { Completeness::Missing })
    }

    /// Looks up manifests that should be there, and tells what each refers to.
    async fn read_back<'p>(
        &self,
        wanted: Vec<There<'p>>,
        mut each: impl FnMut(Place<'p>, &Content),
    ) -> Result<Completeness, Error> {
        let wanted = batches(wanted, |place| self.batch(place));
        let answers = stream::iter(wanted).map(|(place, digests)| async move {
            let (target, repository) = place;
            let references: Vec<_> = digests.into_iter().map(Reference::Digest).collect();
            match self.targets.get(target) {
                Some(target) => Ok::<_, Error>((place, target.manifests(repository, &references).await?)),
                None => Ok((place, vec![])),
            }
        });
        let mut answers = std::pin::pin!(answers.buffer_unordered(self.limits.steps_in_flight));
        while let Some((place, lookups)) = answers.try_next().await? {
            for lookup in lookups {
                let Some(manifest) = lookup? else { return Ok(Completeness::Missing) };
                each(place, manifest.content());
            }
        }
        Ok(Completeness::Complete)
    }

    /// How many manifests or blobs one request to this place can ask for.
    pub(super) fn batch(&self, (target, _): &Place<'_>) -> usize {
        self.targets.get(*target).map_or(1, |target| target.batch_size())
    }
}

impl Plan {
    /// The manifests that this plan writes, and whether each is for something that hangs on an image.
    fn written(&self) -> impl Iterator<Item = (Place<'_>, Digest, bool)> {
        self.steps.iter().filter_map(|step| match step.work {
            Work::Manifest(digest) => Some(((step.target, &step.repository), digest, step.is_for_referrer)),
            Work::Blob { .. } => None,
        })
    }
}
