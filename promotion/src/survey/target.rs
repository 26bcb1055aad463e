use std::collections::BTreeSet;

use super::*;
use crate::{Lookup, Name};
use oci::{Content, Manifest};

/// Which roots a target has already, and what could not be found out.
#[derive(Default)]
pub(super) struct FoundRoots {
    pub(super) roots: Vec<Option<Presence>>,
    /// Roots that the target holds without their tag: their bytes are what will be tagged.
    pub(super) manifests: Vec<Manifest>,
    /// What the roots refer to that the target holds under their tag.
    pub(super) contents: HashMap<Digest, Arc<Content>>,
    /// What other manifests refer to that the target holds under the tags of roots which hang on something.
    pub(super) others: HashMap<Digest, Arc<Content>>,
    pub(super) problems: Vec<(Repository, Error)>,
}

/// What the repositories of a target have of the content that some image needs.
#[derive(Default)]
pub(super) struct FoundContent {
    pub(super) repositories: BTreeMap<Repository, RepositorySurvey>,
    pub(super) mounting: Mounting,
    pub(super) problems: Vec<Error>,
}

/// A manifest's digest, and what it refers to.
type Held = (Digest, Arc<Content>);

/// What some tags point to in a target.
#[derive(Default)]
pub(super) struct Tags {
    /// None where nothing is, or nothing that can be read. Those are missing that could not be asked for.
    held: HashMap<(Repository, Tag), Option<Held>>,
    problems: Vec<(Repository, Error)>,
}

/// Asks what tags point to. It does not matter yet what they should: so the source can be asked at the same time.
pub(super) async fn look_up_tags<T: Target>(target: &Retrying<T>, names: &[(Repository, Tag)]) -> Tags {
    let mut tags = Tags::default();
    let wanted = names.iter().map(|name| (&name.0, (name, Reference::Tag(name.1.clone()))));
    let held = |lookup: Lookup| match lookup {
        Ok(manifest) => Ok(manifest.map(|manifest| (manifest.digest(), manifest.content().clone()))),
        // What cannot be read is not what is promoted, and a promotion replaces it.
        Err(error) if is_unreadable(&error) => Ok(None),
        Err(error) => Err(error),
    };
    for (name, held) in look_up(target, wanted, held, &mut tags.problems).await {
        match held {
            Ok(held) => _ = tags.held.insert(name.clone(), held),
            Err(error) => tags.problems.push((name.0.clone(), error)),
        }
    }
    tags
}

/// Asks for the digests of those roots that the tags do not point to: an up-to-date target costs one request per repository and batch.
pub(super) async fn find_roots<T: Target>(
    target: &Retrying<T>,
    known: &TargetSurvey,
    roots: &[Root],
    tags: Tags,
) -> FoundRoots {
    let mut found = FoundRoots { roots: vec![None; roots.len()], problems: tags.problems, ..FoundRoots::default() };
    for (root, presence) in roots.iter().zip(&mut found.roots) {
        let held = root.tag.clone().and_then(|tag| tags.held.get(&(root.repository.clone(), tag)));
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
    let unsettled: Vec<_> = unsettled
        .filter(|(_, (_, presence))| presence.is_some_and(|presence| !presence.staged))
        .filter(|(_, (root, _))| root.tag.is_some() || !is_listed(root))
        .map(|(at, (root, _))| (&root.repository, ((at, root), Reference::Digest(root.digest))))
        .collect();
    for ((at, root), lookup) in look_up(target, unsettled, |lookup| lookup, &mut found.problems).await {
        match lookup {
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
    found
}

/// Looks up manifests by these references, and keeps of each answer what is asked for, since a batch of manifests may be large. A repository
/// that cannot be asked at all is one problem, however much is looked for in it.
async fn look_up<'r, T: Target, W: Copy, K>(
    target: &Retrying<T>,
    wanted: impl IntoIterator<Item = (&'r Repository, (W, Reference))>,
    keep: fn(Lookup) -> K,
    problems: &mut Vec<(Repository, Error)>,
) -> Vec<(W, K)> {
    let batches = batches(wanted, |_| target.batch_size());
    let answers: Vec<_> = stream::iter(&batches)
        .map(|(repository, wanted)| async move {
            let references: Vec<_> = wanted.iter().map(|(_, reference)| reference.clone()).collect();
            let answer = target.manifests(repository, &references).await;
            answer.map(|lookups| lookups.into_iter().map(keep).collect::<Vec<_>>())
        })
        .buffered(at_once(&batches))
        .collect()
        .await;
    let mut lookups = Vec::new();
    for ((repository, wanted), answer) in batches.iter().zip(answers) {
        match answer {
            Ok(answer) => lookups.extend(wanted.iter().zip(answer).map(|((what, _), kept)| (*what, kept))),
            Err(error) => problems.push(((*repository).clone(), error)),
        }
    }
    lookups
}

/// Reads the settings of the repositories that will be written, and which manifests and blobs of the missing images they have.
pub(super) async fn find_content<T: Target>(
    target: &Retrying<T>,
    known: &TargetSurvey,
    survey: &Survey,
    depth: Depth,
) -> FoundContent {
    let mut found = FoundContent::default();
    let mut needs: BTreeMap<Repository, Needs> = BTreeMap::new();
    for (at, root) in survey.roots.iter().enumerate() {
        let Some(presence) = known.presence(at) else { continue };
        let can_be_found = match (&root.tag, known.referrers_of(root)) {
            (Some(_), _) => presence.tagged == Some(root.digest),
            (None, Some(KnownReferrers::Unlisted { list, .. })) => {
                list.as_ref().is_some_and(|list| list.content().lists(root.digest))
            }
            (None, _) => true,
        };
        if !(presence.staged && can_be_found) {
            let needs = needs.entry(root.repository.clone()).or_default();
            if !presence.staged {
                needs.add(root.digest, survey);
            }
        }
    }
    if needs.is_empty() {
        return found;
    }
    let repositories: Vec<_> = needs.keys().cloned().collect();
    for names in repositories.chunks(target.batch_size()) {
        match target.repository_settings(names).await {
            Err(error) => found.problems.push(error),
            Ok(settings) => {
                for (repository, settings) in names.iter().zip(settings) {
                    match settings {
                        Some(settings) => {
                            let unknown = RepositorySurvey { settings, manifests: HashSet::new(), blobs: None };
                            found.repositories.insert(repository.clone(), unknown);
                        }
                        None => found.problems.push(Error::new(
                            Name::TargetRepositoryNotFound,
                            format!("{} has no repository {repository}: create it first", target.name()),
                        )),
                    }
                }
            }
        }
    }
    let is_deferred = depth == Depth::Deferred && target.batch_size() == 1;
    if !is_deferred {
        // Indexes and leaf manifests first: whatever is there needs no blob.
        let below =
            needs.iter().flat_map(|(repository, needs)| needs.below.iter().map(move |digest| (repository, *digest)));
        let asked = batches(below, |_| target.batch_size());
        let answers: Vec<_> = stream::iter(&asked)
            .map(|(repository, digests)| async move {
                let references: Vec<_> = digests.iter().copied().map(Reference::Digest).collect();
                let there = |lookups: Vec<Lookup>| lookups.iter().map(|lookup| matches!(lookup, Ok(Some(_)))).collect();
                target.manifests(repository, &references).await.map(there)
            })
            .buffered(at_once(&asked))
            .collect()
            .await;
        for (repository, there) in found.attribute(&asked, answers) {
            repository.manifests.extend(there);
        }
    }
    let mut repositories_of: HashMap<Digest, usize> = HashMap::new();
    let mut wanted: Vec<(&Repository, Digest)> = Vec::new();
    for (repository, needs) in &needs {
        let Some(known) = found.repositories.get(repository) else { continue };
        for digest in needs.blobs(survey, &known.manifests) {
            *repositories_of.entry(digest).or_default() += 1;
            wanted.push((repository, digest));
        }
    }
    if repositories_of.values().any(|repositories| *repositories > 1) {
        match target.mounting().await {
            Ok(mounting) => found.mounting = mounting,
            Err(error) => found.problems.push(error),
        }
    }
    if !is_deferred {
        let asked = batches(wanted, |_| target.batch_size());
        let answers: Vec<_> = stream::iter(&asked)
            .map(|(repository, digests)| target.has_blobs(repository, digests))
            .buffered(AT_ONCE)
            .collect()
            .await;
        found.repositories.values_mut().for_each(|repository| repository.blobs = Some(HashSet::new()));
        for (repository, there) in found.attribute(&asked, answers) {
            repository.blobs.get_or_insert_default().extend(there);
        }
    }
    found
}

impl FoundContent {
    /// The repositories with what each turned out to have of what it was asked for.
    fn attribute(
        &mut self,
        asked: &[(&Repository, Vec<Digest>)],
        answers: Vec<Result<Vec<bool>, Error>>,
    ) -> Vec<(&mut RepositorySurvey, Vec<Digest>)> {
        let mut there: BTreeMap<&Repository, Vec<Digest>> = BTreeMap::new();
        for ((repository, digests), answer) in asked.iter().zip(answers) {
            match answer {
                Err(error) => self.problems.push(error),
                Ok(present) => {
                    let present = digests.iter().zip(present).filter(|(_, present)| *present);
                    there.entry(repository).or_default().extend(present.map(|(digest, _)| *digest));
                }
            }
        }
        let of = |(name, known): (&Repository, _)| Some((known, there.remove(name)?));
        self.repositories.iter_mut().filter_map(of).collect()
    }
}

/// What a repository needs for the images it lacks.
#[derive(Default)]
struct Needs {
    /// The missing images themselves.
    roots: BTreeSet<Digest>,
    /// What they list, at any depth.
    below: BTreeSet<Digest>,
}

impl Needs {
    fn add(&mut self, root: Digest, survey: &Survey) {
        for digest in survey.store.bottom_up(root) {
            if digest == root { &mut self.roots } else { &mut self.below }.insert(digest);
        }
    }

    /// The blobs of every manifest but those that are there, each once.
    fn blobs(&self, survey: &Survey, there: &HashSet<Digest>) -> Vec<Digest> {
        let mut seen = HashSet::new();
        self.roots
            .iter()
            .chain(&self.below)
            .filter(|digest| !there.contains(digest))
            .filter_map(|digest| survey.store.content(*digest))
            .flat_map(|content| content.blobs())
            .filter(|blob| !blob.is_non_distributable())
            .map(|blob| blob.digest)
            .filter(|digest| seen.insert(*digest))
            .collect()
    }
}
