//! Writing tags, last, and reading them back. There is no way to write several tags at once, so tagging rolls forward:
//! what was written stays, and what was not is listed.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};

use super::{Completeness, Error, Plan, Reference, Source, Transfer, whole_manifest};
use crate::lookup::{Failed, Wanted, lookup_all};
use crate::plan::Tagging;
use crate::position::TargetId;
use crate::{Lookup, Name, PutOutcome, Tally, Target};

/// How many tags are written at a time to one target.
const TAGS_AT_ONCE: usize = 16;

/// Why a tag does not point where it should.
enum TagFailure {
    Gone,
    Failed(Error),
}

impl<S: Source, T: Target> Transfer<'_, S, T> {
    /// Writes the tags, and reads them back. Those of signatures and the like come first, everywhere: whoever sees an
    /// image finds what vouches for it.
    pub(crate) async fn tag(&self, plan: &Plan) -> Result<Completeness, Error> {
        let is_left = |tagging: &&Tagging| self.progress.is_left(tagging.target, &tagging.repository, tagging.new);
        let taggings = plan.tags.iter().filter(|tagging| !is_left(tagging));
        let (referrers, images): (Vec<_>, Vec<_>) = taggings.partition(|tagging| tagging.is_for_referrer);
        for wave in [referrers, images] {
            if self.put_tags(plan, wave).await? == Completeness::Missing {
                return Ok(Completeness::Missing);
            }
        }
        Ok(Completeness::Complete)
    }

    /// A tag that cannot be written does not keep the others from being written: tagging rolls forward, and a failure
    /// lists what is missing.
    async fn put_tags(&self, plan: &Plan, wave: Vec<&Tagging>) -> Result<Completeness, Error> {
        // Each target has a pace of its own, and none waits for that of another.
        let mut targets: BTreeMap<TargetId, Vec<&Tagging>> = BTreeMap::new();
        for tagging in &wave {
            targets.entry(tagging.target).or_default().push(tagging);
        }
        let count = targets.len();
        let written = stream::iter(targets.into_values()).map(|taggings| {
            stream::iter(taggings)
                .map(|tagging| async move { (tagging, self.put_tag(plan, tagging).await) })
                .buffer_unordered(TAGS_AT_ONCE)
        });
        let mut failures: Vec<(&Tagging, TagFailure)> = written
            .flatten_unordered(count)
            .filter_map(|(tagging, result)| async move { Some((tagging, result.err()?)) })
            .collect()
            .await;
        let written =
            wave.iter().copied().filter(|tagging| !failures.iter().any(|(failed, _)| failed == tagging)).collect();
        failures.extend(self.check_tags(written).await);
        if let Some(error) = self.failure(plan, &failures) {
            return Err(error);
        }
        Ok(if failures.is_empty() { Completeness::Complete } else { Completeness::Missing })
    }

    async fn put_tag(&self, plan: &Plan, tagging: &Tagging) -> Result<(), TagFailure> {
        let target = &self.targets[tagging.target];
        let manifest =
            whole_manifest(plan, &**target, &tagging.repository, tagging.new).await.map_err(TagFailure::Failed)?;
        let manifest = manifest.ok_or(TagFailure::Gone)?;
        let put = target.put_manifest(&tagging.repository, &manifest, Some(&tagging.tag));
        match put.await.map_err(TagFailure::Failed)? {
            PutOutcome::Stored => {
                self.progress.add(tagging.target, Tally { tags_put: 1, ..Tally::default() });
                Ok(())
            }
            PutOutcome::LacksBlobs(_) | PutOutcome::LacksManifests => Err(TagFailure::Gone),
        }
    }

    /// Asks every target what the tags that were written point to.
    async fn check_tags<'p>(&self, written: Vec<&'p Tagging>) -> Vec<(&'p Tagging, TagFailure)> {
        let wanted = written.into_iter().map(|tagging| {
            let reference = Reference::Tag(tagging.tag.clone());
            Wanted::new(&*self.targets[tagging.target], &tagging.repository, reference, tagging)
        });
        let failures = lookup_all(wanted.collect()).map(|answer| match answer {
            Ok(lookups) => {
                let moved = |(tagging, lookup)| Some((tagging, moved(tagging, lookup)?));
                lookups.into_iter().filter_map(moved).collect::<Vec<_>>()
            }
            Err(Failed { items, error }) => {
                items.into_iter().map(|tagging| (tagging, TagFailure::Failed(error.clone()))).collect()
            }
        });
        failures.concat().await
    }

    /// One error for all tags that failed, or none if at most some staged content is gone.
    fn failure(&self, plan: &Plan, failures: &[(&Tagging, TagFailure)]) -> Option<Error> {
        let failed = failures.iter().filter_map(|(tagging, failure)| match failure {
            TagFailure::Failed(error) => Some((tagging, error)),
            TagFailure::Gone => None,
        });
        let name = failed.clone().map(|(_, error)| error).find(|error| !error.is_temporary());
        let name = name.or_else(|| failed.clone().map(|(_, error)| error).next())?.name();
        let message = format!(
            "{} of {} tags are not written; everything is staged, and the other tags stay: fix the cause and run again, which writes only \
             what is missing",
            failures.len(),
            plan.tags.len()
        );
        let lines = failed.map(|(tagging, error)| {
            let target = &plan.targets[tagging.target].name;
            let old = tagging.old.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string());
            format!(
                "{}:{} in {target}, pointing to {old}, wanted {}: {}: {error}",
                tagging.repository,
                tagging.tag,
                tagging.new,
                error.name()
            )
        });
        Some(Error::new(name, message).listing(lines))
    }
}

/// Why a tag is not where it was put; none if it is.
fn moved(tagging: &Tagging, found: Lookup) -> Option<TagFailure> {
    match found.map(|manifest| manifest.map(|manifest| manifest.digest())) {
        Ok(Some(digest)) if digest == tagging.new => None,
        Ok(None) => Some(TagFailure::Gone),
        Err(error) => Some(TagFailure::Failed(error)),
        Ok(Some(digest)) => Some(TagFailure::Failed(Error::new(
            Name::DigestMismatch,
            format!("it was written, and points to {digest} now: somebody else moves this tag too"),
        ))),
    }
}
