//! What the repositories of a target have of the content that some root needs, in four questions.

use super::*;
use crate::batches::batches;

/// What the repositories of a target have, and what could not be found out.
#[derive(Default)]
pub(super) struct FoundContent {
    /// Those that exist and have to be written.
    pub(super) repositories: BTreeMap<Repository, RepositorySurvey>,
    pub(super) mounting: Mounting,
    pub(super) problems: Vec<Error>,
    /// Why it is not known what a repository has, the first reason of each.
    pub(super) unknown: BTreeMap<Repository, Error>,
}

/// Reads the settings of the repositories that will be written, and which manifests and blobs of the missing images
/// they have.
pub(super) async fn find_content<T: Target>(
    target: &Retrying<T>,
    known: &TargetSurvey,
    survey: &Survey,
    depth: Depth,
) -> FoundContent {
    let mut found = FoundContent::default();
    let needs = needs(known, survey);
    found.find_repositories(target, needs.keys().cloned().collect()).await;
    let is_deferred = depth == Depth::Deferred && target.batch_size() == 1;
    if !is_deferred {
        // Whatever manifest is there needs no blob.
        found.find_manifests(target, &needs).await;
    }
    let blobs = found.missing_blobs(&needs, survey);
    found.find_mounting(target, &blobs).await;
    if !is_deferred {
        found.find_blobs(target, blobs).await;
    }
    found
}

/// Which repositories have to be written, and what each needs: nothing if only a tag, or an entry of a list, is
/// missing.
fn needs(known: &TargetSurvey, survey: &Survey) -> BTreeMap<Repository, Needs> {
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
    needs
}

impl FoundContent {
    /// Which of these repositories exist, and their settings.
    async fn find_repositories<T: Target>(&mut self, target: &Retrying<T>, repositories: Vec<Repository>) {
        for names in repositories.chunks(target.batch_size()) {
            let answers = match target.repository_settings(names).await {
                Ok(answers) => answers,
                Err(error) => {
                    self.problems.push(error);
                    continue;
                }
            };
            for (repository, settings) in names.iter().zip(answers) {
                match settings {
                    Some(settings) => {
                        let unasked = RepositorySurvey { settings, manifests: HashSet::new(), blobs: None };
                        self.repositories.insert(repository.clone(), unasked);
                    }
                    None => self.problems.push(Error::new(
                        Name::TargetRepositoryNotFound,
                        format!("{} has no repository {repository}: create it first", target.name()),
                    )),
                }
            }
        }
    }

    /// Which of the manifests below the missing roots are there: indexes and leaf manifests.
    async fn find_manifests<T: Target>(&mut self, target: &Retrying<T>, needs: &BTreeMap<Repository, Needs>) {
        // A repository that turned out to be missing is asked too: the registry's error says how to create it.
        let wanted = needs.iter().flat_map(|(repository, needs)| {
            needs
                .below
                .iter()
                .map(move |digest| Wanted::new(target, repository, Reference::Digest(*digest), (repository, *digest)))
        });
        let mut answers = lookup_all(wanted.collect());
        while let Some(answer) = answers.next().await {
            match answer {
                // What is written shows whether it may be.
                Err(Failed { items, error }) if error.is_inconclusive() => {
                    if let Some((repository, _)) = items.first() {
                        self.unknown.entry((*repository).clone()).or_insert(error);
                    }
                }
                Err(failed) => self.problems.push(failed.error),
                Ok(found) => {
                    // One that cannot be read is not there: it is written again.
                    let there = found.into_iter().filter(|(_, lookup)| matches!(lookup, Ok(Some(_))));
                    for ((repository, digest), _) in there {
                        if let Some(known) = self.repositories.get_mut(repository) {
                            known.manifests.insert(digest);
                        }
                    }
                }
            }
        }
    }

    /// The blobs of every manifest that is not there, each once per repository.
    fn missing_blobs<'n>(
        &self,
        needs: &'n BTreeMap<Repository, Needs>,
        survey: &Survey,
    ) -> Vec<(&'n Repository, Digest)> {
        let mut missing = Vec::new();
        for (repository, needs) in needs {
            if let Some(known) = self.repositories.get(repository) {
                missing.extend(needs.blobs(survey, &known.manifests).into_iter().map(|blob| (repository, blob)));
            }
        }
        missing
    }

    /// Whether blobs can be mounted, which matters where several repositories need the same one.
    async fn find_mounting<T: Target>(&mut self, target: &Retrying<T>, blobs: &[(&Repository, Digest)]) {
        let mut seen = HashSet::new();
        if blobs.iter().all(|(_, blob)| seen.insert(*blob)) {
            return;
        }
        match target.mounting().await {
            Ok(mounting) => self.mounting = mounting,
            Err(error) => self.problems.push(error),
        }
    }

    /// Which of these blobs are there.
    async fn find_blobs<T: Target>(&mut self, target: &Retrying<T>, blobs: Vec<(&Repository, Digest)>) {
        for known in self.repositories.values_mut() {
            known.blobs = Some(HashSet::new());
        }
        let batches = batches(blobs, |_| target.batch_size());
        let mut answers = stream::iter(&batches)
            .map(|(repository, blobs)| async move { (repository, blobs, target.has_blobs(repository, blobs).await) })
            .buffered(AT_ONCE);
        while let Some((repository, blobs, answer)) = answers.next().await {
            match answer {
                Err(error) if error.is_inconclusive() => _ = self.unknown.entry((*repository).clone()).or_insert(error),
                Err(error) => self.problems.push(error),
                Ok(present) => {
                    if let Some(known) = self.repositories.get_mut(*repository) {
                        let there = blobs.iter().zip(present).filter(|(_, present)| *present).map(|(blob, _)| *blob);
                        known.blobs.get_or_insert_default().extend(there);
                    }
                }
            }
        }
    }
}

/// What a repository needs for the images it lacks.
#[derive(Default)]
struct Needs {
    /// The missing roots themselves.
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
