use std::collections::BTreeSet;

use super::*;
use crate::{Lookup, Manifest, Name};

/// Which images a target has already, and what could not be found out.
#[derive(Default)]
pub(super) struct FoundImages {
    pub(super) images: Vec<Option<Presence>>,
    pub(super) manifests: Vec<Manifest>,
    pub(super) problems: Vec<Error>,
}

/// What the repositories of a target have of the content that some image needs.
#[derive(Default)]
pub(super) struct FoundContent {
    pub(super) repositories: BTreeMap<Repository, RepositorySurvey>,
    pub(super) mounting: bool,
    pub(super) problems: Vec<Error>,
}

impl TargetSurvey {
    pub(crate) fn presence(&self, image: usize) -> Option<Presence> {
        self.images.get(image).copied().flatten()
    }
}

/// Asks first what the tags point to. Only where that is not what it should be are the digests asked for: an up-to-date target costs
/// one request per repository and batch.
pub(super) async fn find_images<T: Target>(target: &Patient<T>, images: &[PinnedImage]) -> FoundImages {
    let mut found = FoundImages { images: vec![None; images.len()], ..FoundImages::default() };
    let every: Vec<usize> = (0..images.len()).collect();
    let digest = |lookup: Lookup| match lookup {
        Ok(manifest) => Ok(manifest.as_ref().map(Manifest::digest)),
        // What cannot be read is not what is promoted, and a promotion replaces it.
        Err(error) if matches!(error.name(), Name::CorruptContent | Name::RegistryLimit) => Ok(None),
        Err(error) => Err(error),
    };
    for (at, tagged) in look_up(target, images, &every, PinnedImage::by_tag, digest, &mut found.problems).await {
        match tagged {
            Err(error) => found.problems.push(error),
            Ok(tagged) => {
                let staged = tagged.is_some() && tagged == images.get(at).map(|image| image.digest);
                if let Some(presence) = found.images.get_mut(at) {
                    *presence = Some(Presence { tagged, staged });
                }
            }
        }
    }
    let unsettled: Vec<usize> = every
        .into_iter()
        .filter(|at| matches!(found.images.get(*at), Some(Some(Presence { staged: false, .. }))))
        .collect();
    let whole = |lookup| lookup;
    for (at, lookup) in look_up(target, images, &unsettled, PinnedImage::by_digest, whole, &mut found.problems).await {
        match lookup {
            Err(error) => found.problems.push(error),
            Ok(None) => {}
            Ok(Some(manifest)) => {
                // Its bytes are what will be tagged.
                found.manifests.push(manifest);
                if let Some(Some(presence)) = found.images.get_mut(at) {
                    presence.staged = true;
                }
            }
        }
    }
    found
}

/// Looks up the images at these positions, and keeps of each answer what is asked for, since a batch of manifests may be large. A repository that cannot be asked at all is one problem, however many images it holds.
async fn look_up<T: Target, K>(
    target: &Patient<T>,
    images: &[PinnedImage],
    positions: &[usize],
    reference: fn(&PinnedImage) -> Reference,
    keep: fn(Lookup) -> K,
    problems: &mut Vec<Error>,
) -> Vec<(usize, K)> {
    let wanted =
        positions.iter().filter_map(|at| Some((&images.get(*at)?.repository, (*at, reference(images.get(*at)?)))));
    let batches = batches(wanted, target.batch());
    let answers: Vec<_> = stream::iter(&batches)
        .map(|(repository, wanted)| async move {
            let references: Vec<_> = wanted.iter().map(|(_, reference)| reference.clone()).collect();
            let answer = target.manifests(repository, &references).await;
            answer.map(|lookups| lookups.into_iter().map(keep).collect::<Vec<_>>())
        })
        .buffered(MANIFESTS_AT_ONCE)
        .collect()
        .await;
    let mut lookups = Vec::new();
    for ((_, wanted), answer) in batches.iter().zip(answers) {
        match answer {
            Ok(answer) => lookups.extend(wanted.iter().map(|(at, _)| *at).zip(answer)),
            Err(error) => problems.push(error),
        }
    }
    lookups
}

/// Reads the settings of the repositories that will be written, and which manifests and blobs of the missing images they have.
pub(super) async fn find_content<T: Target>(
    target: &Patient<T>,
    known: &TargetSurvey,
    survey: &Survey,
) -> FoundContent {
    let mut found = FoundContent::default();
    let mut needs: BTreeMap<Repository, Needs> = BTreeMap::new();
    for (at, image) in survey.images.iter().enumerate() {
        match known.presence(at) {
            Some(presence) if presence.tagged != Some(image.digest) => {
                let needs = needs.entry(image.repository.clone()).or_default();
                if !presence.staged {
                    needs.add(image.digest, survey);
                }
            }
            _ => {}
        }
    }
    if needs.is_empty() {
        return found;
    }
    let repositories: Vec<_> = needs.keys().cloned().collect();
    for names in repositories.chunks(target.batch()) {
        match target.settings(names).await {
            Err(error) => found.problems.push(error),
            Ok(settings) => {
                for (repository, settings) in names.iter().zip(settings) {
                    match settings {
                        Some(settings) => {
                            let empty = RepositorySurvey { settings, manifests: HashSet::new(), blobs: HashSet::new() };
                            found.repositories.insert(repository.clone(), empty);
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
    // Indexes and leaf manifests first: whatever is there needs no blob.
    let manifests =
        needs.iter().flat_map(|(repository, needs)| needs.below.iter().map(move |digest| (repository, *digest)));
    for (repository, digests) in batches(manifests, target.batch()) {
        let references: Vec<_> = digests.iter().copied().map(Reference::Digest).collect();
        match target.manifests(&repository, &references).await {
            Err(error) => found.problems.push(error),
            Ok(lookups) => {
                let there = digests.iter().zip(lookups).filter(|(_, lookup)| matches!(lookup, Ok(Some(_))));
                if let Some(known) = found.repositories.get_mut(&repository) {
                    known.manifests.extend(there.map(|(digest, _)| *digest));
                }
            }
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
    let batches = batches(wanted, target.batch());
    let answers: Vec<_> = stream::iter(&batches)
        .map(|(repository, digests)| target.present(repository, digests))
        .buffered(AT_ONCE)
        .collect()
        .await;
    for ((repository, digests), answer) in batches.iter().zip(answers) {
        match answer {
            Err(error) => found.problems.push(error),
            Ok(present) => {
                let there = digests.iter().zip(present).filter(|(_, present)| *present);
                if let Some(known) = found.repositories.get_mut(repository) {
                    known.blobs.extend(there.map(|(digest, _)| *digest));
                }
            }
        }
    }
    if repositories_of.values().any(|repositories| *repositories > 1) {
        match target.mounting().await {
            Ok(mounting) => found.mounting = mounting,
            Err(error) => found.problems.push(error),
        }
    }
    found
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
        for digest in survey.shelf.bottom_up(root) {
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
            .filter_map(|digest| survey.shelf.content(*digest))
            .flat_map(|content| content.blobs())
            .filter(|blob| !blob.is_non_distributable())
            .map(|blob| blob.digest)
            .filter(|digest| seen.insert(*digest))
            .collect()
    }
}
