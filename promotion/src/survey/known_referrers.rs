//! What targets know of the referrers that are promoted.

use oci::Content;

use super::referrers::{Subject, waves};
use super::*;
use crate::{ReferrerList, Referrers};

impl Survey {
    /// Asks every target what it knows of the referrers of those subjects that have some.
    pub(super) async fn find_known_referrers<T: Target>(&mut self, targets: &[Arc<Retrying<T>>]) {
        let subject =
            |root: &Root| root.subject.filter(|_| root.tag.is_none()).map(|digest| (root.repository.clone(), digest));
        let mut subjects: BTreeMap<Subject, HashSet<Digest>> = BTreeMap::new();
        for root in &self.roots {
            if let Some(subject) = subject(root) {
                subjects.entry(subject).or_default().insert(root.digest);
            }
        }
        let mut asking = Vec::new();
        for (at, (target, known)) in targets.iter().zip(&self.targets).enumerate() {
            let unasked = known.unasked(&self.roots);
            asking.extend(
                subjects
                    .keys()
                    .filter(|(repository, _)| !unasked.contains(repository))
                    .map(|subject| (at, target, subject)),
            );
        }
        let (mut problems, mut unclear) = (Vec::new(), Vec::new());
        for wave in waves(asking, |(at, _, (repository, _))| (*at, repository)) {
            let mut answers = stream::iter(wave)
                .map(|(at, target, subject)| async move { (at, subject, known_referrers(target, subject).await) })
                .buffered(AT_ONCE);
            while let Some((at, subject, answer)) = answers.next().await {
                match (answer, self.targets.get_mut(at)) {
                    (Ok((known, why)), Some(target)) => {
                        target.referrers.insert(subject.clone(), known);
                        unclear.extend(why.map(|error| (subject.0.clone(), error)));
                    }
                    (Ok(_), None) => {}
                    (Err(error), _) => problems.push(error),
                }
            }
        }
        self.problems.extend(problems);
        unclear.into_iter().for_each(|(repository, error)| self.unclear(repository, error));
        self.find_gone(targets, &subjects).await;
    }

    /// Asks which entries are gone of the lists that have to be written anew, beside those that are promoted.
    async fn find_gone<T: Target>(
        &mut self,
        targets: &[Arc<Retrying<T>>],
        subjects: &BTreeMap<Subject, HashSet<Digest>>,
    ) {
        let mut wanted = Vec::new();
        for (at, (target, known)) in targets.iter().zip(&self.targets).enumerate() {
            for (subject, known) in &known.referrers {
                let KnownReferrers::Unlisted { list: Some(list), .. } = known else { continue };
                let Some((subject, ours)) = subjects.get_key_value(subject) else { continue };
                let entries: BTreeSet<Digest> = list.content().children().iter().map(|entry| entry.digest).collect();
                if ours.iter().all(|digest| entries.contains(digest)) {
                    continue;
                }
                wanted.extend(entries.into_iter().filter(|digest| !ours.contains(digest)).map(|digest| {
                    Wanted::new(&**target, &subject.0, Reference::Digest(digest), (at, subject, digest))
                }));
            }
        }
        let mut answers = lookup_all(wanted);
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(found) => {
                    for ((at, subject, digest), lookup) in found {
                        let known = self.targets.get_mut(at).and_then(|target| target.referrers.get_mut(subject));
                        if let (Ok(None), Some(KnownReferrers::Unlisted { gone, .. })) = (lookup, known) {
                            gone.insert(digest);
                        }
                    }
                }
                // Then it stays on the list.
                Err(Failed { error, .. }) if error.is_inconclusive() => {}
                Err(Failed { items, error }) => {
                    for (at, subject, _) in items {
                        self.targets.get_mut(at).and_then(|target| target.referrers.remove(subject));
                    }
                    self.problems.push(error);
                }
            }
        }
    }
}

/// What a target knows of the referrers of a subject, and why that is not clear if it is not. Which entries of a list
/// are gone is not asked yet.
async fn known_referrers<T: Target>(
    target: &Retrying<T>,
    subject: &Subject,
) -> Result<(KnownReferrers, Option<Error>), Error> {
    let (repository, digest) = subject;
    let (is_certain, mut unclear) = match target.referrers(repository, *digest).await? {
        // What is on it beside cannot be promoted, and is none of ours.
        Referrers::Listed(ReferrerList { manifests, others: _ }) => {
            return Ok((KnownReferrers::Listed(manifests.into_iter().map(|entry| entry.digest).collect()), None));
        }
        Referrers::Unlisted => (true, None),
        Referrers::UnlistedOrAbsent => (false, None),
        Referrers::Unclear(error) => (true, Some(error)),
    };
    let unlisted = |list| KnownReferrers::Unlisted { list, gone: HashSet::new(), is_certain };
    let Some(tag) = digest_tag(*digest, "") else { return Ok((unlisted(None), unclear)) };
    let held = match target.manifests(repository, &[Reference::Tag(tag.clone())]).await {
        Ok(mut held) => held.pop(),
        // A registry may deny what is not there (cosign#2973): what is written shows whether it may be.
        Err(error) if error.is_inconclusive() => {
            unclear = unclear.or(Some(error));
            None
        }
        Err(error) => return Err(error),
    };
    // A tag that answers with its subject is no list (oras-project/oras-go#1396).
    let Some(list) =
        held.unwrap_or(Ok(None)).transpose().filter(|list| !list.as_ref().is_ok_and(|list| list.digest() == *digest))
    else {
        return Ok((unlisted(None), unclear));
    };
    // It may list what others attached: what cannot be read is not replaced.
    let unreadable = |error: Error| {
        error.context(format_args!("reading the list of referrers {repository}:{tag} in {}", target.name()))
    };
    let list = list.map_err(unreadable)?;
    if !matches!(**list.content(), Content::Index { .. }) {
        return Err(unreadable(Error::new(
            Name::RegistryLimit,
            "it is an image and no list: take the tag away, or leave referrers behind",
        )));
    }
    Ok((unlisted(Some(list)), unclear))
}
