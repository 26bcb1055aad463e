use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Digest, Error, Found, Plan, Reference, Repository, Source, Transfer};
use crate::{Content, Patient, Target};

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
                    Some(target) => verify_repository(plan, target, repository, digests.into_iter().collect()).await,
                    None => Ok(Found::Whole),
                }
            })
            .buffer_unordered(self.limits.steps_in_flight)
            .try_collect()
            .await?;
        Ok(if found.contains(&Found::Gone) { Found::Gone } else { Found::Whole })
    }
}

async fn verify_repository<T: Target>(
    plan: &Plan,
    target: &Patient<T>,
    repository: &Repository,
    digests: Vec<Digest>,
) -> Result<Found, Error> {
    for batch in digests.chunks(T::BATCH) {
        let references: Vec<_> = batch.iter().copied().map(Reference::Digest).collect();
        for lookup in target.manifests(repository, &references).await? {
            if lookup?.is_none() {
                return Ok(Found::Gone);
            }
        }
    }
    let contents = digests.iter().filter_map(|digest| plan.shelf.content(*digest));
    let blobs = contents.flat_map(Content::blobs).filter(|blob| !blob.is_non_distributable());
    let blobs: Vec<Digest> = blobs.map(|blob| blob.digest).collect::<BTreeSet<_>>().into_iter().collect();
    for batch in blobs.chunks(T::BATCH) {
        if target.present(repository, batch).await?.contains(&false) {
            return Ok(Found::Gone);
        }
    }
    Ok(Found::Whole)
}
