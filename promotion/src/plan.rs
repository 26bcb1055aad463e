use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::shelf::Shelf;
use crate::survey::{RepositorySurvey, TargetSurvey};
use crate::{Approved, Content, Descriptor, Digest, PinnedImage, Repository, Tag};

/// What has to be done so that every target has the release: pure data, made without I/O.
///
/// Each step names the ones that have to come before it, always earlier ones, so any order that respects those keeps every
/// repository consistent: a manifest is written when everything it refers to is there.
#[derive(Debug)]
pub struct Plan {
    pub(crate) images: Vec<PinnedImage>,
    pub(crate) shelf: Arc<Shelf>,
    /// The names of the targets, which steps and tags refer to by position.
    pub(crate) targets: Vec<String>,
    pub(crate) steps: Vec<Step>,
    pub(crate) tags: Vec<Tagging>,
    pub(crate) summary: Summary,
}

/// One thing to write, untagged, into one repository of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) target: usize,
    pub(crate) repository: Repository,
    pub(crate) work: Work,
    /// The steps that have to be done before, by position.
    pub(crate) after: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// Bring a blob: mounted from a sibling repository if one is named and the registry agrees, copied from the source otherwise.
    Blob { blob: Descriptor, mount_from: Option<Repository> },
    /// Write a manifest.
    Manifest(Digest),
}

/// A tag to write once everything is staged and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tagging {
    pub(crate) target: usize,
    pub(crate) repository: Repository,
    pub(crate) tag: Tag,
    pub(crate) old: Option<Digest>,
    pub(crate) new: Digest,
}

/// What a plan amounts to, over all targets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Blobs to read from the source and send.
    pub blobs_to_copy: u64,
    /// Their bytes.
    pub bytes_to_copy: u64,
    /// Blobs to mount from a sibling repository.
    pub blobs_to_mount: u64,
    /// Blobs of images that are not complete yet, which a target has nevertheless.
    pub blobs_present: u64,
    /// Their bytes.
    pub bytes_present: u64,
    /// Manifests and indexes to write.
    pub manifests_to_put: u64,
    /// Tags to write.
    pub tags_to_put: u64,
    /// Layers that registries leave where they are.
    pub non_distributable: u64,
}

impl Plan {
    pub(crate) fn new(approved: Approved) -> Self {
        let Approved { images, shelf, targets } = approved;
        let mut plan = Self {
            images,
            shelf: Arc::new(shelf),
            targets: targets.iter().map(|target| target.name.clone()).collect(),
            steps: vec![],
            tags: vec![],
            summary: Summary::default(),
        };
        for (at, target) in targets.iter().enumerate() {
            plan.stage(at, target);
            plan.tag(at, target);
        }
        plan
    }

    /// What it amounts to.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.tags.is_empty()
    }

    fn stage(&mut self, at: usize, target: &TargetSurvey) {
        let shelf = self.shelf.clone();
        let mut planner =
            Planner { target: at, known: target, shelf: &shelf, steps: &mut self.steps, homes: HashMap::new() };
        for (repository, roots) in ordered_repositories(&self.images, target, &shelf) {
            if let Some(known) = target.repositories.get(&repository) {
                planner.repository(&repository, known, &roots, &mut self.summary);
            }
        }
    }

    fn tag(&mut self, at: usize, target: &TargetSurvey) {
        for (image, presence) in self.images.iter().zip(&target.images) {
            let old = presence.and_then(|presence| presence.tagged);
            if old != Some(image.digest) {
                self.summary.tags_to_put += 1;
                self.tags.push(Tagging {
                    target: at,
                    repository: image.repository.clone(),
                    tag: image.tag.clone(),
                    old,
                    new: image.digest,
                });
            }
        }
    }
}

/// The repositories in which images are missing, with those images. Those that share the most bytes with others come first: only what
/// is committed in one repository can be mounted into the next.
fn ordered_repositories(
    images: &[PinnedImage],
    target: &TargetSurvey,
    shelf: &Shelf,
) -> Vec<(Repository, Vec<Digest>)> {
    let mut missing: BTreeMap<Repository, Vec<Digest>> = BTreeMap::new();
    for (image, presence) in images.iter().zip(&target.images) {
        let roots = if presence.is_some_and(|presence| !presence.staged) {
            missing.entry(image.repository.clone()).or_default()
        } else {
            continue;
        };
        if !roots.contains(&image.digest) {
            roots.push(image.digest);
        }
    }
    let mut users: HashMap<Digest, u64> = HashMap::new();
    let blobs_of = |roots: &[Digest]| -> HashMap<Digest, u64> {
        let manifests = roots.iter().flat_map(|root| shelf.bottom_up(*root));
        manifests
            .filter_map(|digest| shelf.content(digest))
            .flat_map(|content| content.blobs().map(|blob| (blob.digest, blob.size)).collect::<Vec<_>>())
            .collect()
    };
    let blobs: HashMap<Repository, HashMap<Digest, u64>> =
        missing.iter().map(|(repository, roots)| (repository.clone(), blobs_of(roots))).collect();
    for digest in blobs.values().flat_map(HashMap::keys) {
        *users.entry(*digest).or_default() += 1;
    }
    let shared_bytes = |repository: &Repository| -> u64 {
        let blobs = blobs.get(repository).into_iter().flatten();
        blobs.filter(|(digest, _)| users.get(digest).is_some_and(|users| *users > 1)).map(|(_, size)| size).sum()
    };
    let mut ordered: Vec<_> = missing.into_iter().collect();
    ordered.sort_by_cached_key(|(repository, _)| std::cmp::Reverse(shared_bytes(repository)));
    ordered
}

/// Plans one target.
struct Planner<'a> {
    target: usize,
    known: &'a TargetSurvey,
    shelf: &'a Shelf,
    steps: &'a mut Vec<Step>,
    /// Where a blob can be mounted from once a step is done: per encryption, the first manifest that commits it.
    homes: HashMap<(Digest, &'a str), (Repository, usize)>,
}

impl<'a> Planner<'a> {
    fn repository(
        &mut self,
        repository: &Repository,
        known: &'a RepositorySurvey,
        roots: &[Digest],
        summary: &mut Summary,
    ) {
        // Blobs and manifests of this repository by the step that brings them; none for what is there.
        let mut blobs: HashMap<Digest, Option<usize>> = HashMap::new();
        let mut manifests: HashMap<Digest, Option<usize>> = HashMap::new();
        let mut left_elsewhere: HashSet<Digest> = HashSet::new();
        for digest in roots.iter().flat_map(|root| self.shelf.bottom_up(*root)) {
            let Some(content) = self.shelf.content(digest).filter(|_| !manifests.contains_key(&digest)) else {
                continue;
            };
            if known.manifests.contains(&digest) {
                manifests.insert(digest, None);
                continue;
            }
            let mut after: Vec<usize> =
                content.children().iter().filter_map(|child| manifests.get(&child.digest).copied().flatten()).collect();
            for blob in content.blobs() {
                if blob.is_non_distributable() {
                    left_elsewhere.insert(blob.digest);
                    continue;
                }
                let step = match blobs.get(&blob.digest) {
                    Some(step) => *step,
                    None => {
                        let step = self.blob(repository, known, blob, summary);
                        blobs.insert(blob.digest, step);
                        step
                    }
                };
                after.extend(step);
            }
            after.sort_unstable();
            after.dedup();
            let step = self.add(repository, Work::Manifest(digest), after);
            manifests.insert(digest, Some(step));
            summary.manifests_to_put += 1;
            self.remember(repository, known, content, step);
        }
        summary.non_distributable += left_elsewhere.len() as u64;
    }

    fn blob(
        &mut self,
        repository: &Repository,
        known: &RepositorySurvey,
        blob: &Descriptor,
        summary: &mut Summary,
    ) -> Option<usize> {
        if known.blobs.contains(&blob.digest) {
            summary.blobs_present += 1;
            summary.bytes_present += blob.size;
            return None;
        }
        let (mount_from, after) = match self.sibling(known, blob.digest) {
            Some((sibling, after)) => (Some(sibling), after),
            None => (None, vec![]),
        };
        if mount_from.is_some() {
            summary.blobs_to_mount += 1;
        } else {
            summary.blobs_to_copy += 1;
            summary.bytes_to_copy += blob.size;
        }
        Some(self.add(repository, Work::Blob { blob: blob.clone(), mount_from }, after))
    }

    /// A repository to mount from, and what has to be done there first. ECR mounts only between repositories of the same encryption
    /// (Amazon ECR User Guide, "Blob mounting").
    fn sibling(&self, known: &RepositorySurvey, blob: Digest) -> Option<(Repository, Vec<usize>)> {
        if !self.known.mounting {
            return None;
        }
        let encryption = &known.settings.encryption;
        let has_it = |other: &RepositorySurvey| other.blobs.contains(&blob) && other.settings.encryption == *encryption;
        if let Some((repository, _)) = self.known.repositories.iter().find(|(_, other)| has_it(other)) {
            return Some((repository.clone(), vec![]));
        }
        let (repository, step) = self.homes.get(&(blob, encryption.as_str()))?;
        Some((repository.clone(), vec![*step]))
    }

    /// Later repositories mount the blobs of this image from here, once its manifest has committed them.
    fn remember(&mut self, repository: &Repository, known: &'a RepositorySurvey, content: &Content, step: usize) {
        for blob in content.blobs().filter(|blob| !blob.is_non_distributable()) {
            let home = (blob.digest, known.settings.encryption.as_str());
            self.homes.entry(home).or_insert_with(|| (repository.clone(), step));
        }
    }

    fn add(&mut self, repository: &Repository, work: Work, after: Vec<usize>) -> usize {
        self.steps.push(Step { target: self.target, repository: repository.clone(), work, after });
        self.steps.len() - 1
    }
}

#[cfg(test)]
mod tests;
