//! The survey: what a release asks for, and what the source and every target have of it, read with few requests.

mod content;
mod digest_tags;
mod known_referrers;
mod pull_through;
mod referrers;
mod root;
mod source;
mod target;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::join;
use futures_util::{StreamExt, stream};
use oci::{Digest, Manifest, Platform, Reference, Repository, Tag};

use crate::lookup::{Answers, Failed, Wanted, lookup_all};
use crate::manifest_store::ManifestStore;
use crate::{
    Approved, Error, Lookup, Mounting, Name, PinnedImage, Release, RepositorySettings, Retrying, Source, Target,
};

pub use referrers::ReferrerPolicy;
pub(crate) use referrers::digest_tag;
pub(crate) use root::Root;
use source::Places;
use target::Tags;

/// How many requests a survey sends at a time to one registry.
const AT_ONCE: usize = 32;

/// The facts: what the tags of a release point to in the source, and what every target has of it already.
///
/// A survey is complete even where something failed, so that all problems are reported together.
#[derive(Debug)]
pub struct Survey {
    pub(crate) images: Vec<PinnedImage>,
    /// One for each image, in the same order, and then one for each referrer.
    pub(crate) roots: Vec<Root>,
    /// The lists of referrers that clients keep in the source, by subject.
    pub(crate) lists: BTreeMap<(Repository, Digest), Manifest>,
    pub(crate) referrer_policy: ReferrerPolicy,
    pub(crate) store: ManifestStore,
    pub(crate) platforms: HashMap<Digest, Vec<Platform>>,
    pub(crate) targets: Vec<TargetSurvey>,
    pub(crate) problems: Vec<Error>,
    /// What is worth reporting and no problem.
    pub(crate) notes: Vec<String>,
    /// Of which repositories it is noted that it is not known whether they have referrers.
    unclear: HashSet<(Repository, Name)>,
    /// Of which repositories of which targets it is noted that it is not known what they have.
    unknown: HashSet<(String, Repository)>,
}

/// How much a survey finds out about blobs in targets that have to be asked for each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Whether each is there: for a plan that is shown.
    Exact,
    /// Nothing: the request that opens an upload can tell as well, and saves one per blob.
    Deferred,
}

/// What one target has.
#[derive(Debug, Default)]
pub(crate) struct TargetSurvey {
    pub(crate) name: String,
    /// One for each root of the survey; none where the target could not be asked.
    pub(crate) roots: Vec<Option<Presence>>,
    /// What the target knows of the referrers of those subjects that have some in the source.
    pub(crate) referrers: BTreeMap<(Repository, Digest), KnownReferrers>,
    /// The repositories into which something has to be written.
    pub(crate) repositories: BTreeMap<Repository, RepositorySurvey>,
    pub(crate) mounting: Mounting,
}

/// What refers to a subject in a target.
#[derive(Debug)]
pub(crate) enum KnownReferrers {
    /// The target lists it.
    Listed(HashSet<Digest>),
    /// Clients list it.
    Unlisted {
        /// The list, if there is one.
        list: Option<Manifest>,
        /// Its entries that the target no longer has.
        gone: HashSet<Digest>,
        /// Whether the target keeps none of its own, or may turn out to once it has the subject.
        is_certain: bool,
    },
}

/// A list of referrers that lacks some.
pub(crate) struct ListToWrite<'r> {
    pub(crate) repository: &'r Repository,
    pub(crate) subject: Digest,
    pub(crate) tag: Tag,
    /// What the target has, if anything, and which of its entries are no longer there.
    pub(crate) current: Option<&'r Manifest>,
    pub(crate) gone: &'r HashSet<Digest>,
    /// Whether it has to be written, or only if the target then keeps no list of its own.
    pub(crate) is_certain: bool,
    /// All that has to be on it.
    pub(crate) wanted: Vec<Digest>,
}

/// How far a root has come in a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Presence {
    /// What the tag points to.
    pub(crate) tagged: Option<Digest>,
    /// Whether the pinned digest is there, under whatever name. A registry keeps everything that a manifest needs as
    /// long as it keeps the manifest, so nothing below it has to be looked up then.
    pub(crate) staged: bool,
}

/// What one repository of a target has of what it needs.
#[derive(Debug)]
pub(crate) struct RepositorySurvey {
    pub(crate) settings: RepositorySettings,
    pub(crate) manifests: HashSet<Digest>,
    /// None where they were not asked for: see [`Depth::Deferred`].
    pub(crate) blobs: Option<HashSet<Digest>>,
}

impl Survey {
    /// Finds out what the tags of a release point to, and asks no target for anything.
    ///
    /// # Errors
    /// All problems of the release in the source, in one error.
    pub async fn pins<S: Source>(release: Release, source: &Arc<Retrying<S>>) -> Result<Vec<PinnedImage>, Error> {
        let mut survey = Self::of([], ReferrerPolicy::Leave);
        survey.pin(release, source).await;
        survey.open_indexes(&Places { source, targets: &[] as &[Arc<Retrying<S>>] }).await;
        survey.learn_platforms(source).await;
        survey.judge().map(|approved| approved.into_survey().images)
    }

    /// Reads the facts of a release with as few requests as they take; writes nothing.
    pub(crate) async fn read<S: Source, T: Target>(
        release: Release,
        source: &Arc<Retrying<S>>,
        targets: &[Arc<Retrying<T>>],
        referrer_policy: ReferrerPolicy,
        depth: Depth,
    ) -> Self {
        let mut survey = Self::of(targets.iter().map(|target| TargetSurvey::named(target.name())), referrer_policy);
        let names = release.tags();
        let tags = stream::iter(targets).map(|target| target::look_up_tags(target, &names)).buffered(AT_ONCE).collect();
        let (tags, ()) = join(tags, survey.pin(release, source)).await;
        survey.roots = survey.images.iter().map(Root::image).collect();
        survey.find_roots(targets, 0, tags).await;
        let places = Places { source, targets };
        survey.open_indexes(&places).await;
        if referrer_policy != ReferrerPolicy::Leave {
            let images = survey.roots.len();
            survey.find_referrers(&places).await;
            survey.find_known_referrers(targets).await;
            let tags = survey.look_up_tags(targets, images).await;
            survey.find_roots(targets, images, tags).await;
        }
        survey.learn_platforms(source).await;
        let shared = &survey;
        let details: Vec<_> = stream::iter(targets.iter().zip(&survey.targets))
            .map(|(target, known)| content::find_content(target, known, shared, depth))
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut unknown = Vec::new();
        for (target, detail) in survey.targets.iter_mut().zip(details) {
            survey.problems.extend(detail.problems);
            unknown
                .extend(detail.unknown.into_iter().map(|(repository, error)| (target.name.clone(), repository, error)));
            target.repositories = detail.repositories;
            target.mounting = detail.mounting;
        }
        unknown.into_iter().for_each(|(target, repository, error)| survey.unknown(&target, repository, &error));
        survey
    }

    /// Lets pass what breaks no rule. See [`Rule`](crate::Rule) for those there are.
    ///
    /// # Errors
    /// Everything that could not be read and every violation, in one error.
    pub fn judge(self) -> Result<Approved, Error> {
        Approved::judge(self)
    }

    /// The images with the digests they were pinned to: those whose tag the source has.
    #[must_use]
    pub fn images(&self) -> &[PinnedImage] {
        &self.images
    }

    pub(crate) fn of(targets: impl IntoIterator<Item = TargetSurvey>, referrer_policy: ReferrerPolicy) -> Self {
        Self {
            images: vec![],
            roots: vec![],
            lists: BTreeMap::new(),
            referrer_policy,
            store: ManifestStore::default(),
            platforms: HashMap::new(),
            targets: targets.into_iter().collect(),
            problems: vec![],
            notes: vec![],
            unclear: HashSet::new(),
            unknown: HashSet::new(),
        }
    }

    /// A target leaves open whether it has something, which is written then. Once is enough for each repository.
    fn unknown(&mut self, target: &str, repository: Repository, error: &Error) {
        if self.unknown.insert((target.to_owned(), repository)) {
            self.notes.push(format!("not known: what {target} has, so that it is written anew: {error}"));
        }
    }

    /// What a request found. That it failed is a problem.
    fn answered<I>(&mut self, answers: Answers<I>) -> Vec<(I, Lookup)> {
        answers.unwrap_or_else(|failed| {
            self.problems.push(failed.error);
            vec![]
        })
    }

    /// Asks every target what the tags of the roots from this one on point to.
    async fn look_up_tags<T: Target>(&self, targets: &[Arc<Retrying<T>>], from: usize) -> Vec<Tags> {
        let roots = self.roots.get(from..).unwrap_or_default();
        stream::iter(targets.iter().zip(&self.targets))
            .map(|(target, known)| async move {
                let unasked = known.unasked(&self.roots);
                let roots = roots.iter().filter(|root| !unasked.contains(&root.repository));
                let names: Vec<_> =
                    roots.filter_map(|root| Some((root.repository.clone(), root.tag.clone()?))).collect();
                target::look_up_tags(target, &names).await
            })
            .buffered(AT_ONCE)
            .collect()
            .await
    }

    /// Asks every target for the roots from this one on, of which it is known what their tags point to.
    async fn find_roots<T: Target>(&mut self, targets: &[Arc<Retrying<T>>], from: usize, tags: Vec<Tags>) {
        let roots = self.roots.get(from..).unwrap_or_default().to_vec();
        // What the source does not have either is not missing in a target.
        let promoted: HashSet<_> = roots.iter().map(|root| &root.repository).collect();
        let known = std::mem::take(&mut self.targets);
        let mut finding = stream::iter(targets.iter().zip(known).zip(tags))
            .map(|((target, known), tags)| async {
                let found = target::find_roots(target, &known, &roots, tags).await;
                (known, found)
            })
            .buffered(AT_ONCE);
        while let Some((mut target, found)) = finding.next().await {
            let problems = found.problems.into_iter().filter(|(repository, _)| promoted.contains(repository));
            self.problems.extend(problems.map(|(_, error)| error));
            let unknown = found.unknown.into_iter().filter(|(repository, _)| promoted.contains(repository));
            unknown.for_each(|(repository, error)| self.unknown(&target.name, repository, &error));
            for (at, presence) in found.roots.into_iter().enumerate() {
                let settled =
                    presence.map(|presence| self.unless_outdone(from + at, presence, &found.others, &target.name));
                let (presence, note) = settled.unzip();
                self.notes.extend(note.flatten());
                target.roots.push(presence);
            }
            found.manifests.into_iter().for_each(|manifest| self.store.insert(manifest));
            found.contents.into_iter().for_each(|(digest, content)| self.store.insert_content(digest, content));
            self.targets.push(target);
        }
    }
}

impl TargetSurvey {
    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// The repositories that could not be asked for something. One problem is enough for each.
    fn unasked<'r>(&self, roots: &'r [Root]) -> HashSet<&'r Repository> {
        let unknown = roots.iter().zip(&self.roots).filter(|(_, presence)| presence.is_none());
        unknown.map(|(root, _)| &root.repository).collect()
    }

    pub(crate) fn referrers_of(&self, root: &Root) -> Option<&KnownReferrers> {
        self.referrers.get(&(root.repository.clone(), root.subject?))
    }

    /// The referrers of a subject among the roots, as far as this target could be asked for them.
    pub(crate) fn referrers_on<'r>(
        &'r self,
        roots: &'r [Root],
        repository: &'r Repository,
        subject: Digest,
    ) -> impl Iterator<Item = Digest> + 'r {
        let known = roots.iter().zip(&self.roots).filter(|(_, presence)| presence.is_some()).map(|(root, _)| root);
        known
            .filter(move |root| root.tag.is_none() && root.subject == Some(subject) && root.repository == *repository)
            .map(|root| root.digest)
    }

    /// The lists of referrers that clients keep here, or will have to, and that lack one which is promoted.
    pub(crate) fn lists_to_write<'r>(&'r self, roots: &'r [Root]) -> impl Iterator<Item = ListToWrite<'r>> + 'r {
        self.referrers.iter().filter_map(|((repository, subject), known)| {
            let KnownReferrers::Unlisted { list, gone, is_certain } = known else { return None };
            let wanted: Vec<_> = self.referrers_on(roots, repository, *subject).collect();
            let lacks = |digest: &Digest| !list.as_ref().is_some_and(|list| list.content().lists(*digest));
            let tag = digest_tag(*subject, "").filter(|_| wanted.iter().any(lacks))?;
            Some(ListToWrite {
                repository,
                subject: *subject,
                tag,
                current: list.as_ref(),
                gone,
                is_certain: *is_certain,
                wanted,
            })
        })
    }

    /// The settings of a repository into which something has to be written.
    pub(crate) fn settings(&self, repository: &Repository) -> Option<&RepositorySettings> {
        self.repositories.get(repository).map(|known| &known.settings)
    }

    pub(crate) fn presence(&self, root: usize) -> Option<Presence> {
        self.roots.get(root).copied().flatten()
    }
}

/// Whether a manifest is there, and is none that can be promoted.
fn is_unreadable(error: &Error) -> bool {
    matches!(error.name(), Name::CorruptContent | Name::RegistryLimit)
}
