use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Digest, Error, Found, Plan, Reference, Repository, Source, Transfer};
use crate::plan::Work;
use crate::{Patient, Target};

impl<S: Source, T: Target> Transfer<'_, S, T> {
    /// Reads back, by digest, every manifest of what is to be tagged, and asks for each of their blobs.
    pub(crate) async fn verify(&self, plan: &Plan) -> Result<Found, Error> {
        let mut images: BTreeMap<(usize, &Repository), BTreeSet<Digest>> = BTreeMap::new();
        let tagged = plan.tags.iter().map(|tagging| (tagging.target, &tagging.repository, tagging.new));
        let referrers = plan.steps.iter().filter(|step| step.is_for_referrer);
        let referrers = referrers.filter_map(|step| match step.work {
            Work::Manifest(digest) => Some((step.target, &step.repository, digest)),
            Work::Blob { .. } => None,
        });
        for (target, repository, digest) in tagged.chain(referrers) {
            if !self.progress.is_left(target, repository, digest) {
                images.entry((target, repository)).or_default().insert(digest);
            }
        }
        let found: Vec<Found> = stream::iter(images)
            .map(|((target, repository), digests)| async move {
                match self.targets.get(target) {
                    Some(registry) => {
                        let (ours, found): (BTreeSet<_>, BTreeSet<_>) = digests
                            .into_iter()
                            .partition(|digest| registry.batch() == 1 && plan.writes(target, repository, *digest));
                        let known = found.into_iter().flat_map(|digest| plan.shelf.bottom_up(digest)).collect();
                        match verify_roots(registry, repository, ours).await? {
                            Found::Whole => verify_repository(registry, repository, known).await,
                            Found::Gone => Ok(Found::Gone),
                        }
                    }
                    None => Ok(Found::Whole),
                }
            })
            .buffer_unordered(self.limits.steps_in_flight)
            .try_collect()
            .await?;
        Ok(if found.contains(&Found::Gone) { Found::Gone } else { Found::Whole })
    }
}

/// Where every manifest and blob costs a request of its own, only the tops of what this run has written are read back: all below was answered for
/// one by one. What was there before, somebody else may have put there without all that it needs.
async fn verify_roots<T: Target>(
    target: &Patient<T>,
    repository: &Repository,
    roots: BTreeSet<Digest>,
) -> Result<Found, Error> {
    for root in roots {
        for lookup in target.manifests(repository, &[Reference::Digest(root)]).await? {
            if lookup?.is_none() {
                return Ok(Found::Gone);
            }
        }
    }
    Ok(Found::Whole)
}

/// `known` is what the plan knows of; what those list besides is found on the way down.
async fn verify_repository<T: Target>(
    target: &Patient<T>,
    repository: &Repository,
    known: BTreeSet<Digest>,
) -> Result<Found, Error> {
    let mut blobs = BTreeSet::new();
    let mut level: Vec<Digest> = known.iter().copied().collect();
    let mut seen = known;
    while !level.is_empty() {
        let mut below = Vec::new();
        for batch in level.chunks(target.batch()) {
            let references: Vec<_> = batch.iter().copied().map(Reference::Digest).collect();
            for lookup in target.manifests(repository, &references).await? {
                let Some(manifest) = lookup? else { return Ok(Found::Gone) };
                let content = manifest.content();
                blobs.extend(content.blobs().filter(|blob| !blob.is_non_distributable()).map(|blob| blob.digest));
                below.extend(content.children().iter().map(|child| child.digest).filter(|digest| seen.insert(*digest)));
            }
        }
        level = below;
    }
    for batch in Vec::from_iter(blobs).chunks(target.batch()) {
        if target.present(repository, batch).await?.contains(&false) {
            return Ok(Found::Gone);
        }
    }
    Ok(Found::Whole)
}
