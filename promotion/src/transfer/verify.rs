use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Digest, Error, Found, Plan, Reference, Repository, Source, Transfer};
use crate::{Patient, Target};

impl<S: Source, T: Target> Transfer<'_, S, T> {
    /// Reads back, by digest, every manifest of the images that are to be tagged, and asks for each of their blobs.
    pub(crate) async fn verify(&self, plan: &Plan) -> Result<Found, Error> {
        let mut images: BTreeMap<(usize, &Repository), BTreeSet<Digest>> = BTreeMap::new();
        for tagging in &plan.tags {
            let digests = images.entry((tagging.target, &tagging.repository)).or_default();
            digests.extend(plan.shelf.bottom_up(tagging.new));
        }
        let found: Vec<Found> = stream::iter(images)
            .map(|((target, repository), digests)| async move {
                match self.targets.get(target) {
                    Some(target) => verify_repository(target, repository, digests).await,
                    None => Ok(Found::Whole),
                }
            })
            .buffer_unordered(self.limits.steps_in_flight)
            .try_collect()
            .await?;
        Ok(if found.contains(&Found::Gone) { Found::Gone } else { Found::Whole })
    }
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
