//! What has to be done, worked out of an approved survey without I/O: which blobs are copied or mounted, which
//! manifests are written after which, and which tags come last.

mod list;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use oci::{Content, Descriptor, Digest, Repository, Tag};

use self::list::List;
use crate::manifest_store::ManifestStore;
use crate::position::{StepId, Steps, TargetId, Targets};
use crate::survey::{Presence, RepositorySurvey, Root, TargetSurvey};
use crate::{Approved, Mounting, PinnedImage, ReferrerPolicy, Survey, Tally};

/// What has to be done so that every target has the release: pure data, made without I/O.
///
/// Each step names the ones that have to come before it, always earlier ones, so any order that respects those keeps
/// every repository consistent: a manifest is written when everything it refers to is there.
#[derive(Debug)]
pub struct Plan {
    pub(crate) images: Vec<PinnedImage>,
    pub(crate) roots: Vec<Root>,
    pub(crate) referrer_policy: ReferrerPolicy,
    pub(crate) store: Arc<ManifestStore>,
    pub(crate) targets: Targets<TargetPlan>,
    pub(crate) steps: Steps<Step>,
    pub(crate) tags: Vec<Tagging>,
    pub(crate) notes: Vec<String>,
}

/// What a plan amounts to for one target.
#[derive(Debug)]
pub struct TargetPlan {
    /// What the target is called in messages.
    pub name: String,
    /// For each image, in the order of [`Plan::images`], what its tag points to before anything is done.
    pub before: Vec<Before>,
    /// What has to be done, and what the target has of images that are not complete.
    pub tally: Tally,
    /// Layers that registries leave where they are.
    pub non_distributable: u64,
}

/// What the tag of an image points to in a target before a promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// The pinned digest.
    Pinned,
    /// Another digest: the tag is to move.
    Other(Digest),
    /// Nothing, or nothing that can be read.
    Nothing,
}

impl Before {
    fn of(image: &Root, presence: Option<Presence>) -> Self {
        match presence.and_then(|presence| presence.tagged) {
            None => Self::Nothing,
            Some(digest) if digest == image.digest => Self::Pinned,
            Some(digest) => Self::Other(digest),
        }
    }
}

/// One thing to write, untagged, into one repository of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) target: TargetId,
    pub(crate) repository: Repository,
    pub(crate) work: Work,
    /// The steps that have to be done before.
    pub(crate) after: Vec<StepId>,
    /// Whether it is for a referrer of an image, and for no image.
    pub(crate) is_for_referrer: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// Copy a blob from the source.
    Copy(Descriptor),
    /// Copy a blob from the source, unless the repository has it: it was not asked for each blob when the plan was
    /// made.
    CopyUnlessPresent(Descriptor),
    /// Mount a blob from a sibling repository; copy it from the source if the registry declines.
    Mount { blob: Descriptor, from: Repository },
    /// Write a manifest.
    Manifest(Digest),
    /// Write the list of what refers to a subject, unless the target turns out to keep one itself now that it has both:
    /// before, quay.io answers as a registry without lists (quay#3071).
    ListUnlessKept { list: Digest, subject: Digest },
}

impl Step {
    /// The blob that is sent, unless it turns out to be there: none for a manifest, or for a blob that a sibling
    /// repository is asked for.
    pub(crate) fn sends(&self) -> Option<&Descriptor> {
        match &self.work {
            Work::Copy(blob) | Work::CopyUnlessPresent(blob) => Some(blob),
            Work::Mount { .. } | Work::Manifest(_) | Work::ListUnlessKept { .. } => None,
        }
    }

    /// Whether it brings a blob, and no manifest.
    pub(crate) fn is_for_blob(&self) -> bool {
        !matches!(self.work, Work::Manifest(_) | Work::ListUnlessKept { .. })
    }
}

/// A tag to write once everything is staged and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tagging {
    pub(crate) target: TargetId,
    pub(crate) repository: Repository,
    pub(crate) tag: Tag,
    pub(crate) old: Option<Digest>,
    pub(crate) new: Digest,
    /// Whether it is the tag of a referrer, or of a list of referrers.
    pub(crate) is_for_referrer: bool,
}

impl Plan {
    pub(crate) fn new(approved: Approved) -> Self {
        let Survey { images, roots, lists: source_lists, referrer_policy, mut store, targets, mut notes, .. } =
            approved.into_survey();
        let lists: Vec<Vec<List>> =
            targets.iter().map(|target| list::lists(target, &roots, &source_lists, &mut store, &mut notes)).collect();
        let mut plan = Self {
            images,
            roots,
            referrer_policy,
            store: Arc::new(store),
            targets: Targets::default(),
            steps: Steps::default(),
            tags: vec![],
            notes,
        };
        for (target, lists) in targets.iter().zip(&lists) {
            // The images are the first of the roots.
            let images = plan.roots.iter().zip(&target.roots).take(plan.images.len());
            let before = images.map(|(image, presence)| Before::of(image, *presence)).collect();
            let name = target.name.clone();
            let at = plan.targets.push(TargetPlan { name, before, tally: Tally::default(), non_distributable: 0 });
            plan.stage(at, target, lists);
            plan.tag(at, target, lists);
        }
        plan
    }

    /// What it amounts to, over all targets.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.targets().map(|target| target.tally).sum()
    }

    /// Layers that registries leave where they are, over all targets.
    #[must_use]
    pub fn non_distributable(&self) -> u64 {
        self.targets().map(|target| target.non_distributable).sum()
    }

    /// The images, pinned.
    #[must_use]
    pub fn images(&self) -> &[PinnedImage] {
        &self.images
    }

    /// What it amounts to for each target, in the order they were given.
    pub fn targets(&self) -> impl Iterator<Item = &TargetPlan> {
        self.targets.as_slice().iter()
    }

    /// The tags of images that point elsewhere now: in which target, and to what.
    pub fn moving_tags(&self) -> impl Iterator<Item = (&TargetPlan, &PinnedImage, Digest)> {
        self.targets().flat_map(|target| {
            target.before.iter().zip(&self.images).filter_map(move |(before, image)| match before {
                Before::Other(digest) => Some((target, image, *digest)),
                Before::Pinned | Before::Nothing => None,
            })
        })
    }

    /// What is worth telling beside: what is left behind, and why.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.tags.is_empty()
    }

    fn stage(&mut self, at: TargetId, target: &TargetSurvey, lists: &[List]) {
        let plan = &mut self.targets[at];
        let (steps, homes) = (&mut self.steps, HashMap::new());
        let mut planner = Planner { target: at, known: target, store: &self.store, steps, homes, plan };
        for (repository, roots) in ordered_repositories(&self.roots, target, lists, &self.store) {
            if let Some(known) = target.repositories.get(&repository) {
                let lists = lists.iter().filter(|list| list.repository == repository);
                planner.repository(&repository, known, &roots, lists);
            }
        }
    }

    fn tag(&mut self, at: TargetId, target: &TargetSurvey, lists: &[List]) {
        let of_root = |(root, presence): (&Root, &Option<Presence>)| {
            let presence = (*presence)?;
            Some(Tagging {
                target: at,
                repository: root.repository.clone(),
                tag: root.tag.clone()?,
                old: presence.tagged,
                new: root.digest,
                is_for_referrer: root.subject.is_some(),
            })
        };
        let of_list = |list: &List| Tagging {
            target: at,
            repository: list.repository.clone(),
            tag: list.tag.clone(),
            old: list.old,
            new: list.new,
            is_for_referrer: true,
        };
        let roots = self.roots.iter().zip(&target.roots).filter_map(of_root);
        let before = self.tags.len();
        self.tags.extend(roots.chain(lists.iter().map(of_list)).filter(|tagging| tagging.old != Some(tagging.new)));
        self.targets[at].tally.tags_put += (self.tags.len() - before) as u64;
    }
}

/// The repositories in which something is missing, with what that is. Those that share the most bytes with others come
/// first: only what is committed in one repository can be mounted into the next.
fn ordered_repositories<'r>(
    roots: &'r [Root],
    target: &TargetSurvey,
    lists: &[List],
    store: &ManifestStore,
) -> Vec<(Repository, Vec<&'r Root>)> {
    let mut missing: BTreeMap<Repository, Vec<&Root>> =
        lists.iter().map(|list| (list.repository.clone(), vec![])).collect();
    for (root, presence) in roots.iter().zip(&target.roots) {
        if presence.is_some_and(|presence| !presence.staged) {
            missing.entry(root.repository.clone()).or_default().push(root);
        }
    }
    let mut users: HashMap<Digest, u64> = HashMap::new();
    let blobs_of = |roots: &[&Root]| -> HashMap<Digest, u64> {
        let manifests = roots.iter().flat_map(|root| store.bottom_up(root.digest));
        manifests
            .filter_map(|digest| store.content(digest))
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
        let shared = blobs.filter(|(digest, _)| users.get(digest).is_some_and(|users| *users > 1));
        shared.fold(0, |sum, (_, size)| sum.saturating_add(*size))
    };
    let mut ordered: Vec<_> = missing.into_iter().collect();
    ordered.sort_by_cached_key(|(repository, _)| std::cmp::Reverse(shared_bytes(repository)));
    ordered
}

/// Plans one target.
struct Planner<'a> {
    target: TargetId,
    known: &'a TargetSurvey,
    store: &'a ManifestStore,
    steps: &'a mut Steps<Step>,
    /// Where a blob can be mounted from once a step is done, per encryption: the first one that brings it, or the first
    /// manifest that refers to it.
    homes: HashMap<(Digest, &'a str), (Repository, StepId)>,
    plan: &'a mut TargetPlan,
}

impl<'a> Planner<'a> {
    fn repository<'l>(
        &mut self,
        repository: &Repository,
        known: &'a RepositorySurvey,
        roots: &[&Root],
        lists: impl Iterator<Item = &'l List>,
    ) {
        // Blobs and manifests of this repository by the step that brings them; none for what is there.
        let mut blobs: HashMap<Digest, Option<StepId>> = HashMap::new();
        let mut manifests: HashMap<Digest, Option<StepId>> = HashMap::new();
        let mut left_elsewhere: HashSet<Digest> = HashSet::new();
        let below = |root: &Root| self.store.bottom_up(root.digest);
        for (root, digest) in roots.iter().flat_map(|root| below(root).into_iter().map(move |digest| (*root, digest))) {
            let Some(content) = self.store.content(digest).filter(|_| !manifests.contains_key(&digest)) else {
                continue;
            };
            if known.manifests.contains(&digest) {
                manifests.insert(digest, None);
                continue;
            }
            // A referrer comes after its subject: without it, it would be untagged content that nothing explains.
            let subject = root.subject.filter(|_| digest == root.digest);
            let before = content.children().iter().map(|child| child.digest).chain(subject);
            let mut after: Vec<StepId> =
                before.filter_map(|digest| manifests.get(&digest).copied().flatten()).collect();
            let is_for_referrer = root.subject.is_some();
            for blob in content.blobs() {
                if blob.is_non_distributable() {
                    left_elsewhere.insert(blob.digest);
                    continue;
                }
                let step = match blobs.get(&blob.digest) {
                    Some(step) => *step,
                    None => {
                        let step = self.blob(repository, known, blob, is_for_referrer);
                        blobs.insert(blob.digest, step);
                        step
                    }
                };
                after.extend(step);
            }
            after.sort_unstable();
            after.dedup();
            let step = self.add(repository, Work::Manifest(digest), after, is_for_referrer);
            manifests.insert(digest, Some(step));
            self.plan.tally.manifests_put += 1;
            for blob in content.blobs().filter(|blob| !blob.is_non_distributable()) {
                self.remember(repository, known, blob, step);
            }
        }
        for list in lists {
            let entries = self.store.content(list.new).map(Content::children).unwrap_or_default();
            let before = entries.iter().map(|entry| entry.digest).chain([list.subject]);
            let mut after: Vec<StepId> =
                before.filter_map(|digest| manifests.get(&digest).copied().flatten()).collect();
            after.sort_unstable();
            after.dedup();
            let work = match list.is_certain {
                true => Work::Manifest(list.new),
                false => Work::ListUnlessKept { list: list.new, subject: list.subject },
            };
            self.add(repository, work, after, true);
            self.plan.tally.manifests_put += 1;
        }
        self.plan.non_distributable += left_elsewhere.len() as u64;
    }

    fn blob(
        &mut self,
        repository: &Repository,
        known: &'a RepositorySurvey,
        blob: &Descriptor,
        is_for_referrer: bool,
    ) -> Option<StepId> {
        if known.blobs.as_ref().is_some_and(|blobs| blobs.contains(&blob.digest)) {
            self.plan.tally += Tally { blobs_present: 1, bytes_present: blob.size, ..Tally::default() };
            return None;
        }
        let (work, after) = match self.sibling(known, blob.digest) {
            Some((from, after)) => {
                self.plan.tally.blobs_mounted += 1;
                (Work::Mount { blob: blob.clone(), from }, after)
            }
            None => {
                self.plan.tally += Tally { blobs_copied: 1, bytes_copied: blob.size, ..Tally::default() };
                let is_asked = known.blobs.is_some();
                let work = if is_asked { Work::Copy } else { Work::CopyUnlessPresent };
                (work(blob.clone()), vec![])
            }
        };
        let step = self.add(repository, work, after, is_for_referrer);
        if self.known.mounting == Mounting::Any {
            self.remember(repository, known, blob, step);
        }
        Some(step)
    }

    /// A repository to mount from, and what has to be done there first. ECR mounts only between repositories of the
    /// same encryption (Amazon ECR User Guide, "Blob mounting").
    fn sibling(&self, known: &RepositorySurvey, blob: Digest) -> Option<(Repository, Vec<StepId>)> {
        if self.known.mounting == Mounting::Never {
            return None;
        }
        let encryption = &known.settings.encryption;
        let has_it = |other: &RepositorySurvey| {
            other.blobs.as_ref().is_some_and(|blobs| blobs.contains(&blob)) && other.settings.encryption == *encryption
        };
        if let Some((repository, _)) = self.known.repositories.iter().find(|(_, other)| has_it(other)) {
            return Some((repository.clone(), vec![]));
        }
        let (repository, step) = self.homes.get(&(blob, encryption.as_str()))?;
        Some((repository.clone(), vec![*step]))
    }

    /// Later repositories mount this blob from here, once the step is done.
    fn remember(&mut self, repository: &Repository, known: &'a RepositorySurvey, blob: &Descriptor, step: StepId) {
        let home = (blob.digest, known.settings.encryption.as_str());
        self.homes.entry(home).or_insert_with(|| (repository.clone(), step));
    }

    fn add(&mut self, repository: &Repository, work: Work, after: Vec<StepId>, is_for_referrer: bool) -> StepId {
        self.steps.push(Step { target: self.target, repository: repository.clone(), work, after, is_for_referrer })
    }
}

#[cfg(test)]
mod tests;
