//! Writing tags, last, and reading them back. There is no way to write several tags at once, so tagging rolls forward:
//! what was written stays, and what was not is listed.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use tokio::time::sleep;

use super::{Completeness, Digest, Error, Loss, Plan, Reference, Source, Transfer, whole_manifest};
use crate::lookup::{Failed, Wanted, lookup_all};
use crate::plan::Tagging;
use crate::position::TargetId;
use crate::{Name, PutOutcome, Tally, Target};

/// How many tags are written at a time to one target.
const TAGS_AT_ONCE: usize = 16;

/// After which of the pauses a tag is written once more that is not seen: soon, and when much of the time is over.
const AGAIN: [u32; 2] = [3, 5];

/// Why a tag does not point where it should.
enum TagFailure {
    Missing(Loss),
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
            if let missing @ Completeness::Missing(_) = self.put_tags(plan, wave).await? {
                return Ok(missing);
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
        failures.extend(self.check_tags(plan, written).await);
        if let Some(error) = self.failure(plan, &failures) {
            return Err(error);
        }
        let missing = failures.into_iter().find_map(|(_, failure)| match failure {
            TagFailure::Missing(loss) => Some(loss),
            TagFailure::Failed(_) => None,
        });
        Ok(missing.map_or(Completeness::Complete, Completeness::Missing))
    }

    async fn put_tag(&self, plan: &Plan, tagging: &Tagging) -> Result<(), TagFailure> {
        let target = &self.targets[tagging.target];
        let mut pauses = target.pauses();
        while let Some(what) = self.send_tag(plan, tagging).await.map_err(TagFailure::Failed)? {
            // It was there a moment ago: it may be seen again in a moment.
            match pauses.next() {
                Some(pause) => sleep(pause).await,
                // What cannot be asked for in batches was not read back.
                None => return Err(TagFailure::Missing(Loss { what, was_seen: target.batch_size() > 1 })),
            }
        }
        self.progress.add(tagging.target, Tally { tags_put: 1, ..Tally::default() });
        Ok(())
    }

    /// Writes a tag. Gives what the target lacks for it, if it lacks something.
    async fn send_tag(&self, plan: &Plan, tagging: &Tagging) -> Result<Option<String>, Error> {
        let (target, repository) = (&self.targets[tagging.target], &tagging.repository);
        let lacking = |part: &str| Some(format!("{part}{repository}@{} in {}", tagging.new, target.name()));
        let Some(manifest) = whole_manifest(plan, &**target, repository, tagging.new).await? else {
            return Ok(lacking(""));
        };
        match target.put_manifest(repository, &manifest, Some(&tagging.tag)).await? {
            PutOutcome::Stored => Ok(None),
            PutOutcome::LacksBlobs(_) => Ok(lacking("blobs of ")),
            PutOutcome::LacksManifests => Ok(lacking("manifests of ")),
        }
    }

    /// Asks every target what the tags that were written point to. It may take a while until they are seen, and some
    /// are only after they were written once more.
    async fn check_tags<'p>(&self, plan: &Plan, written: Vec<&'p Tagging>) -> Vec<(&'p Tagging, TagFailure)> {
        let mut failures = Vec::new();
        let mut open = written;
        let mut pauses = self.reader.source().pauses().zip(1..);
        loop {
            let late = self.late_tags(open, &mut failures).await;
            let pause = if late.is_empty() { None } else { pauses.next() };
            let Some((pause, nth)) = pause else {
                failures.extend(late.into_iter().map(|(tagging, shown)| (tagging, self.never_shown(tagging, shown))));
                return failures;
            };
            tracing::debug!(count = late.len(), ?pause, "waiting until tags are seen that were written");
            sleep(pause).await;
            if AGAIN.contains(&nth) {
                let lost = late.iter().filter(|(tagging, shown)| shown.is_none() || *shown == tagging.old);
                let again = stream::iter(lost.map(|(tagging, _)| *tagging)).map(|tagging| self.send_tag(plan, tagging));
                // The registry has taken it before: what it shows in the end counts, and not what it says now.
                again.buffer_unordered(TAGS_AT_ONCE).for_each(|_| async {}).await;
            }
            open = late.into_iter().map(|(tagging, _)| tagging).collect();
        }
    }

    /// Looks these tags up. Gives those that do not point where they were put, with what they point to.
    async fn late_tags<'p>(
        &self,
        tags: Vec<&'p Tagging>,
        failures: &mut Vec<(&'p Tagging, TagFailure)>,
    ) -> Vec<(&'p Tagging, Option<Digest>)> {
        let wanted = tags.into_iter().map(|tagging| {
            let reference = Reference::Tag(tagging.tag.clone());
            Wanted::new(&*self.targets[tagging.target], &tagging.repository, reference, tagging)
        });
        let mut late = Vec::new();
        let mut answers = lookup_all(wanted.collect());
        while let Some(answer) = answers.next().await {
            let lookups = match answer {
                Ok(lookups) => lookups,
                Err(Failed { items, error }) => {
                    items.into_iter().map(|tagging| (tagging, Err(error.clone()))).collect()
                }
            };
            for (tagging, lookup) in lookups {
                match lookup.map(|manifest| manifest.map(|manifest| manifest.digest())) {
                    Ok(Some(digest)) if digest == tagging.new => {}
                    Ok(shown) => late.push((tagging, shown)),
                    Err(error) => failures.push((tagging, TagFailure::Failed(error))),
                }
            }
        }
        late
    }

    /// Why a tag does not point where it was put, after all the time that it had.
    fn never_shown(&self, tagging: &Tagging, shown: Option<Digest>) -> TagFailure {
        let target = &self.targets[tagging.target];
        let Some(digest) = shown else {
            let what = format!("the tag {}:{} in {}", tagging.repository, tagging.tag, target.name());
            return TagFailure::Missing(Loss { what, was_seen: false });
        };
        if shown == tagging.old {
            let why = "it was written, and is shown as it was before: the registry is slow to show what it stores, or somebody moves \
                       this tag back";
            return TagFailure::Failed(Error::new(Name::RegistryUnavailable, why));
        }
        TagFailure::Failed(Error::new(
            Name::DigestMismatch,
            format!("it was written, and points to {digest} now: somebody else moves this tag too"),
        ))
    }

    /// One error for all tags that failed, or none if at most some staged content is gone.
    fn failure(&self, plan: &Plan, failures: &[(&Tagging, TagFailure)]) -> Option<Error> {
        let failed = failures.iter().filter_map(|(tagging, failure)| match failure {
            TagFailure::Failed(error) => Some((tagging, error)),
            TagFailure::Missing(_) => None,
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
