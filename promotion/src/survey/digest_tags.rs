//! Tags of the source that are made of the digests of images: those of cosign, and those of the lists of referrers that
//! clients keep.

use oci::{Content, Descriptor};

use super::referrers::Subject;
use super::source::Places;
use super::*;

/// The tags under which cosign keeps what it says of an image (sigstore/cosign, `specs/SIGNATURE_SPEC.md`).
const SUFFIXES: [&str; 3] = [".sig", ".att", ".sbom"];

/// A tag made of the digest of this subject.
type DigestTag<'a> = (&'a Repository, Digest, Tag);

impl Survey {
    /// Looks up the tags made of these digests: those of cosign become roots, of the lists of referrers the entries are
    /// returned.
    pub(super) async fn find_digest_tags<S: Source, T: Source>(
        &mut self,
        subjects: &[Subject],
        tags: &HashMap<Repository, Option<HashSet<Tag>>>,
        listed: &HashSet<Subject>,
        places: &Places<'_, S, T>,
    ) -> Vec<(Subject, Descriptor)> {
        let may_exist = |repository: &Repository, tag: &Tag| match tags.get(repository) {
            Some(Some(known)) => known.contains(tag),
            _ => true,
        };
        let tags_of =
            |subject: Digest| std::iter::once("").chain(SUFFIXES).filter_map(move |suffix| digest_tag(subject, suffix));
        // A list of clients beside one of the registry says nothing that is worth a pull.
        let is_sparing = places.source.counts_pulls();
        let wanted = subjects.iter().flat_map(|of @ (repository, subject)| {
            let skipped = usize::from(is_sparing && listed.contains(of));
            let tags = tags_of(*subject).skip(skipped).filter(|tag| may_exist(repository, tag));
            tags.map(move |tag| (repository, *subject, tag))
        });
        let wanted: Vec<DigestTag<'_>> = wanted.collect();
        let mut entries = Vec::new();
        if is_sparing {
            self.read_digest_tags_sparingly(&wanted, places, &mut entries).await;
        } else {
            self.read_digest_tags(&wanted, places.source, &mut entries).await;
        }
        entries
    }

    async fn read_digest_tags<S: Source>(
        &mut self,
        wanted: &[DigestTag<'_>],
        source: &Retrying<S>,
        entries: &mut Vec<(Subject, Descriptor)>,
    ) {
        let wanted = wanted.iter().map(|name| Wanted::new(source, name.0, Reference::Tag(name.2.clone()), name));
        let mut answers = lookup_all(wanted.collect());
        while let Some(answer) = answers.next().await {
            let found = match answer {
                Err(Failed { items, error }) if is_denial(&error) => {
                    items.first().into_iter().for_each(|name| self.unclear(name.0.clone(), error.clone()));
                    continue;
                }
                answer => self.answered(answer),
            };
            if self.store.overflow().is_some() {
                return;
            }
            for (name, lookup) in found {
                match lookup {
                    Err(error) if is_denial(&error) => self.unclear(name.0.clone(), error),
                    lookup => self.take_digest_tag(name, lookup, entries),
                }
            }
        }
    }

    /// The same where the source counts what is read of it: the digests first, then what of them no target has.
    async fn read_digest_tags_sparingly<S: Source, T: Source>(
        &mut self,
        wanted: &[DigestTag<'_>],
        places: &Places<'_, S, T>,
        entries: &mut Vec<(Subject, Descriptor)>,
    ) {
        let source = &**places.source;
        let mut digests = stream::iter(wanted)
            .map(|name| async move { (name, source.digest(name.0, &name.2).await) })
            .buffered(AT_ONCE);
        let mut names: HashMap<(Repository, Digest), Vec<&DigestTag<'_>>> = HashMap::new();
        let mut unread = Vec::new();
        while let Some((name, digest)) = digests.next().await {
            match digest {
                Ok(None) => {}
                Ok(Some(digest)) => {
                    let place = (name.0.clone(), digest);
                    unread.push((name.0.clone(), digest, 0));
                    names.entry(place).or_default().push(name);
                }
                Err(error) if is_denial(&error) => self.unclear(name.0.clone(), error),
                Err(error) => self.problems.push(error),
            }
        }
        let mut seen = HashSet::new();
        unread.retain(|(repository, digest, _)| seen.insert((repository.clone(), *digest)));
        let keep = |survey: &mut Self, repository: &Repository, digest, lookup: Lookup| {
            for name in names.get(&(repository.clone(), digest)).into_iter().flatten() {
                survey.take_digest_tag(name, lookup.clone(), entries);
            }
        };
        self.look_up(&unread, places, keep).await;
    }

    fn take_digest_tag(
        &mut self,
        (repository, subject, tag): &DigestTag<'_>,
        lookup: Lookup,
        entries: &mut Vec<(Subject, Descriptor)>,
    ) {
        let Some(manifest) = self.readable(lookup, format_args!("{repository}:{tag}")) else { return };
        if digest_tag(*subject, "").as_ref() != Some(tag) {
            let (repository, digest) = ((*repository).clone(), manifest.digest());
            self.roots.push(Root { repository, digest, tag: Some(tag.clone()), subject: Some(*subject) });
            self.store.insert(manifest);
        } else if let Content::Index { manifests, .. } = &**manifest.content()
            // GitLab answers this tag with the subject itself (oras-project/oras-go#1396).
            && manifest.digest() != *subject
        {
            let of = ((*repository).clone(), *subject);
            self.store.count_bytes(manifest.raw().len());
            entries.extend(manifests.iter().map(|entry| (of.clone(), entry.clone())));
            manifest.content().others().iter().for_each(|other| self.leave_other(repository, other));
            self.lists.insert(of, manifest);
        }
    }
}

/// Some registries deny what is not there (cosign#2973), and most images have no such tag. To look for one, a
/// pull-through cache of ECR asks for a permission that reading the image does not take (ECR User Guide, "IAM permissions
/// required to sync an upstream registry").
fn is_denial(error: &Error) -> bool {
    (error.is_inconclusive() || error.name() == Name::SourceAccessDenied) && !error.is_temporary()
}
