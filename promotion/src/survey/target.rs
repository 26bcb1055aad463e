//! What a target has under the tags and digests of a release.

use oci::{Content, Manifest};

use super::*;

/// Which roots a target has already, and what could not be found out.
#[derive(Default)]
pub(super) struct FoundRoots {
    pub(super) roots: Vec<Option<Presence>>,
    /// Roots that the target holds without their tag: their bytes are what will be tagged.
    pub(super) manifests: Vec<Manifest>,
    /// What the roots refer to that the target holds under their tag.
    pub(super) contents: HashMap<Digest, Arc<Content>>,
    /// What other manifests refer to that the target holds under the tags of referrers.
    pub(super) others: HashMap<Digest, Arc<Content>>,
    pub(super) problems: Vec<(Repository, Error)>,
    /// Why it is not known what a repository has, the first reason of each.
    pub(super) unknown: BTreeMap<Repository, Error>,
}

/// A manifest's digest, and what it refers to.
type Held = (Digest, Arc<Content>);

/// What some tags point to in a target.
#[derive(Default)]
pub(super) struct Tags {
    /// None where nothing is, or nothing that can be read. Those are missing that could not be asked for.
    held: HashMap<(Repository, Tag), Option<Held>>,
    problems: Vec<(Repository, Error)>,
    unknown: BTreeMap<Repository, Error>,
}

impl Tags {
    fn insert(&mut self, name: &(Repository, Tag), lookup: Lookup) {
        let held = match lookup {
            Ok(manifest) => manifest.map(|manifest| (manifest.digest(), manifest.content().clone())),
            // What cannot be read is not what is promoted, and a promotion replaces it.
            Err(error) if is_unreadable(&error) => None,
            Err(error) => {
                self.problems.push((name.0.clone(), error));
                return;
            }
        };
        self.held.insert(name.clone(), held);
    }
}

/// Asks what tags point to. It does not matter yet what they should: so the source can be asked at the same time.
pub(super) async fn look_up_tags<T: Target>(target: &Retrying<T>, names: &[(Repository, Tag)]) -> Tags {
    let mut tags = Tags::default();
    let wanted = names.iter().map(|name| Wanted::new(target, &name.0, Reference::Tag(name.1.clone()), name));
    let mut answers = lookup_all(wanted.collect());
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(found) => found.into_iter().for_each(|(name, lookup)| tags.insert(name, lookup)),
            // What is written shows whether it may be.
            Err(Failed { items, error }) if error.is_inconclusive() => {
                for name in items {
                    tags.held.insert(name.clone(), None);
                    tags.unknown.entry(name.0.clone()).or_insert_with(|| error.clone());
                }
            }
            Err(Failed { items, error }) => tags.problems.extend(items.first().map(|name| (name.0.clone(), error))),
        }
    }
    tags
}

/// Asks for the digests of those roots that the tags do not point to: an up-to-date target costs one request per
/// repository and batch.
pub(super) async fn find_roots<T: Target>(
    target: &Retrying<T>,
    known: &TargetSurvey,
    roots: &[Root],
    tags: Tags,
) -> FoundRoots {
    let Tags { held: tagged, problems, unknown } = tags;
    let mut found = FoundRoots { roots: vec![None; roots.len()], problems, unknown, ..FoundRoots::default() };
    for (root, presence) in roots.iter().zip(&mut found.roots) {
        let held = root.tag.clone().and_then(|tag| tagged.get(&(root.repository.clone(), tag)));
        let Some(held) = held else { continue };
        let tagged = held.as_ref().map(|(digest, _)| *digest);
        let staged = tagged == Some(root.digest);
        *presence = Some(Presence { tagged, staged });
        match held.clone() {
            Some((digest, content)) if staged => _ = found.contents.insert(digest, content),
            Some((digest, content)) if root.subject.is_some() => _ = found.others.insert(digest, content),
            _ => {}
        }
    }
    for (presence, root) in found.roots.iter_mut().zip(roots).filter(|(_, root)| root.tag.is_none()) {
        let staged = match known.referrers_of(root) {
            Some(KnownReferrers::Listed(digests)) => digests.contains(&root.digest),
            Some(KnownReferrers::Unlisted { .. }) => false,
            None => continue,
        };
        *presence = Some(Presence { tagged: None, staged });
    }
    let is_listed = |root: &Root| matches!(known.referrers_of(root), Some(KnownReferrers::Listed(_)));
    let unsettled = roots.iter().zip(&found.roots).enumerate();
    let unsettled = unsettled
        .filter(|(_, (_, presence))| presence.is_some_and(|presence| !presence.staged))
        .filter(|(_, (root, _))| root.tag.is_some() || !is_listed(root))
        .map(|(at, (root, _))| Wanted::new(target, &root.repository, Reference::Digest(root.digest), (at, root)));
    let mut answers = lookup_all(unsettled.collect());
    while let Some(answer) = answers.next().await {
        let lookups = match answer {
            Ok(lookups) => lookups,
            Err(Failed { items, error }) if error.is_inconclusive() => {
                if let Some((_, root)) = items.first() {
                    found.unknown.entry(root.repository.clone()).or_insert(error);
                }
                continue;
            }
            Err(Failed { items, error }) => {
                // A repository that cannot be asked at all is one problem, however much is looked for in it.
                found.problems.extend(items.first().map(|(_, root)| (root.repository.clone(), error)));
                continue;
            }
        };
        for ((at, root), lookup) in lookups {
            match lookup {
                // What cannot be read is written again, and read again then.
                Err(error) if is_unreadable(&error) => {}
                Err(error) => found.problems.push((root.repository.clone(), error)),
                Ok(None) => {}
                Ok(Some(manifest)) => {
                    found.manifests.push(manifest);
                    if let Some(Some(presence)) = found.roots.get_mut(at) {
                        presence.staged = true;
                    }
                }
            }
        }
    }
    found
}
