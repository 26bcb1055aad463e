//! The referrers of the images of a release, in the source: signatures, SBOMs and attestations.

use std::hash::Hash;

use futures_util::future::join;
use oci::text::excerpt;
use oci::{Content, Descriptor};
use serde::Deserialize;

use super::source::{Opening, Places};
use super::*;
use crate::{Lookup, Name, ReferrerList, Referrers};

/// What becomes of the referrers of the images of a release: signatures, SBOMs and attestations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum ReferrerPolicy {
    /// They are not looked for.
    Leave,
    /// They travel with the images. What a target does not take is reported, and the release goes on without it.
    #[default]
    Carry,
    /// They travel with the images, and a release fails if one cannot.
    Require,
}

impl TryFrom<String> for ReferrerPolicy {
    type Error = String;

    /// The word in events and settings.
    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "leave" => Ok(Self::Leave),
            "carry" => Ok(Self::Carry),
            "require" => Ok(Self::Require),
            _ => Err(format!("\"{}\" is not one of \"carry\", \"leave\" and \"require\"", text.escape_debug())),
        }
    }
}

/// How deep referrers may refer to referrers: a signature on an SBOM is two deep. The limit only ends what never ends.
const MAX_REFERRER_DEPTH: usize = 8;

/// What an entry of a list of referrers takes, beside the name of its media type.
const ENTRY_BYTES: usize = 200;

/// What the tags begin with that are made of a digest.
const PREFIX: &str = "sha256-";

/// What was being done when a registry could not list the referrers of an image.
const LOOKING: &str = "looking for referrers of the images, which can be left behind";

pub(super) type Subject = (Repository, Digest);

/// The tag that is made of a digest. Without a suffix it is that of the list of referrers which clients keep where the
/// registry keeps none (section "Referrers Tag Schema" of the distribution specification).
pub(crate) fn digest_tag(subject: Digest, suffix: &str) -> Option<Tag> {
    format!("{PREFIX}{}{suffix}", subject.hex()).parse().ok()
}

impl Survey {
    /// Finds the referrers of the images, and the referrers of those: manifests that name them as their subject, and
    /// tags made of their digests.
    pub(super) async fn find_referrers<S: Source, T: Source>(&mut self, places: &Places<'_, S, T>) {
        let source = &**places.source;
        let mut tags: HashMap<Repository, Option<HashSet<Tag>>> = HashMap::new();
        let mut seen = HashSet::new();
        let mut from = 0;
        for _ in 0..MAX_REFERRER_DEPTH {
            let roots = self.roots.get(from..).unwrap_or_default();
            from = self.roots.len();
            let below = |root: &Root| {
                self.store.bottom_up(root.digest).into_iter().zip(std::iter::repeat(root.repository.clone()))
            };
            let subjects: BTreeSet<Subject> =
                roots.iter().flat_map(below).map(|(digest, name)| (name, digest)).collect();
            let subjects: Vec<Subject> = subjects.into_iter().filter(|subject| seen.insert(subject.clone())).collect();
            if subjects.is_empty() {
                return;
            }
            let ((new_tags, failed), listed) =
                join(list_tags(&subjects, &tags, source), list_referrers(&subjects, &mut self.store, source)).await;
            self.problems.extend(failed.into_iter().chain(listed.failures).map(|error| error.context(LOOKING)));
            tags.extend(new_tags);
            let mut entries = self.find_digest_tags(&subjects, &tags, &listed.subjects, places).await;
            entries.extend(listed.entries);
            for ((repository, _), other) in listed.others {
                self.leave_other(&repository, &other);
            }
            for (repository, error) in listed.unclear {
                self.unclear(repository, error);
            }
            if self.store.overflow().is_none() {
                self.read_referrers(entries, places).await;
            }
            if let Some(error) = self.store.overflow() {
                self.problems.push(error);
                return;
            }
            let new = self.roots.get(from..).unwrap_or_default();
            let new = new.iter().map(|root| (root.repository.clone(), root.digest, 0)).collect();
            self.open_below(new, Opening::Whole, places).await;
        }
        self.leave(format_args!("what refers to referrers, more than {MAX_REFERRER_DEPTH} deep"), "it never ends");
    }

    /// Reads the manifests that are listed, and makes those roots that really refer to what they are listed for.
    async fn read_referrers<S: Source, T: Source>(
        &mut self,
        listed: Vec<(Subject, Descriptor)>,
        places: &Places<'_, S, T>,
    ) {
        let mut subjects: BTreeMap<(Repository, Digest), HashSet<Digest>> = BTreeMap::new();
        let mut wanted = Vec::new();
        for ((repository, subject), entry) in listed {
            let of = subjects.entry((repository.clone(), entry.digest)).or_default();
            if of.is_empty() {
                wanted.push((repository, entry.digest, entry.size));
            }
            of.insert(subject);
        }
        let absent = if places.source.imports_by_tag() {
            "it is listed as a referrer in the source, and is not there (a pull-through cache may list what only its \
             upstream has)"
        } else {
            "it is listed as a referrer in the source, and is not there"
        };
        let keep = |survey: &mut Self, repository: &Repository, digest, lookup| {
            let listed_for = subjects.get(&(repository.clone(), digest));
            let name = format!("{repository}@{digest}");
            if matches!(lookup, Ok(None)) {
                survey.leave(format_args!("{name}"), absent);
            }
            let Some(manifest) = survey.readable(lookup, format_args!("{name}")) else { return };
            // A wrong list may name it as well, or name what refers to nothing.
            match manifest.subject().filter(|own| listed_for.is_some_and(|subjects| subjects.contains(own))) {
                None => tracing::debug!(manifest = name, "listed as a referrer, and refers to something else"),
                subject => {
                    survey.store.insert(manifest);
                    survey.roots.push(Root { repository: repository.clone(), digest, tag: None, subject });
                }
            }
        };
        self.look_up(&wanted, places, keep).await;
    }

    /// The manifest, if there is one. One that cannot be read as an image is left behind: no image needs it to run.
    pub(super) fn readable(&mut self, lookup: Lookup, what: std::fmt::Arguments<'_>) -> Option<Manifest> {
        match lookup {
            Ok(manifest) => manifest,
            Err(error) if is_unreadable(&error) => {
                self.leave(what, &error.to_string());
                None
            }
            Err(error) => {
                self.problems.push(error);
                None
            }
        }
    }

    pub(super) fn leave_other(&mut self, repository: &Repository, digest: &str) {
        let name = format!("{repository}@{}", excerpt(digest));
        self.leave(format_args!("{name}"), "only what has a SHA-256 digest can be promoted");
    }

    /// It is not known whether there are referrers in a repository of the source, or of a target. Once is enough for
    /// each.
    pub(super) fn unclear(&mut self, repository: Repository, error: Error) {
        match self.referrer_policy {
            ReferrerPolicy::Require => self.problems.push(error.context(LOOKING)),
            ReferrerPolicy::Leave | ReferrerPolicy::Carry => {
                if self.unclear.insert((repository, error.name())) {
                    self.notes.push(format!(
                        "not known: whether there are referrers (signatures, SBOMs, attestations): {error}"
                    ));
                }
            }
        }
    }

    fn leave(&mut self, what: std::fmt::Arguments<'_>, why: &str) {
        match self.referrer_policy {
            ReferrerPolicy::Require => {
                let advice = "delete it in the source, or do not require referrers";
                self.problems
                    .push(Error::new(Name::RegistryLimit, format!("{what} cannot be promoted: {why}: {advice}")));
            }
            ReferrerPolicy::Leave | ReferrerPolicy::Carry => {
                let note = format!("left behind: {what}: {why}");
                // It may be on both lists, that of the registry and that of clients.
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
            }
        }
    }

    /// A signature tag of a target that holds all that the one of the source holds, and more, stays as it is: there
    /// were signatures added there as well. One that moves away from signatures which only the target has is noted.
    pub(super) fn unless_outdone(
        &self,
        at: usize,
        presence: Presence,
        others: &HashMap<Digest, Arc<Content>>,
        target: &str,
    ) -> (Presence, Option<String>) {
        let known = || {
            let root = self.roots.get(at).filter(|root| root.subject.is_some())?;
            let old = presence.tagged.filter(|old| *old != root.digest)?;
            Some((root, old, self.store.content(root.digest)?, &**others.get(&old)?))
        };
        match known() {
            Some((root, .., ours, held)) if covers(held, ours) == Some(true) => {
                (Presence { tagged: Some(root.digest), staged: true }, None)
            }
            Some((root, old, ours, held)) if covers(ours, held) == Some(false) => {
                let why = "which has signatures that the source does not have";
                (presence, Some(format!("{root} in {target} moves away from {old}, {why}")))
            }
            _ => (presence, None),
        }
    }
}

/// Whether an image has every layer, and every signature in its annotations, that the other one has: none for an index.
fn covers(image: &Content, other: &Content) -> Option<bool> {
    let (Content::Image { layers, signatures, .. }, Content::Image { layers: wanted, signatures: signed, .. }) =
        (image, other)
    else {
        return None;
    };
    let all = wanted.iter().all(|wanted| layers.iter().any(|layer| layer.digest == wanted.digest));
    Some(all && signed.iter().all(|signature| signatures.contains(signature)))
}

/// One of each repository first, and then the others: a registry that lists no referrers says so once, and is not asked
/// for the others.
pub(super) fn waves<I, K: Eq + Hash>(items: Vec<I>, place: impl Fn(&I) -> K) -> [Vec<I>; 2] {
    let mut seen = HashSet::new();
    let (first, others) = items.into_iter().partition(|item| seen.insert(place(item)));
    [first, others]
}

/// The tags made of digests in the repositories of these subjects, where those are not known yet.
async fn list_tags<S: Source>(
    subjects: &[Subject],
    known: &HashMap<Repository, Option<HashSet<Tag>>>,
    source: &Retrying<S>,
) -> (HashMap<Repository, Option<HashSet<Tag>>>, Vec<Error>) {
    let repositories: BTreeSet<_> = subjects.iter().map(|(repository, _)| repository).collect();
    let new = repositories.into_iter().filter(|repository| !known.contains_key(repository));
    let mut answers = stream::iter(new)
        .map(|repository| async move {
            let is_listed = source.lists_tags_cheaply();
            (repository, if is_listed { source.tags(repository, PREFIX).await } else { Ok(None) })
        })
        .buffered(AT_ONCE);
    let (mut tags, mut failures) = (HashMap::new(), vec![]);
    while let Some((repository, listed)) = answers.next().await {
        let listed = listed.unwrap_or_else(|error| {
            failures.push(error);
            Some(vec![])
        });
        tags.insert(repository.clone(), listed.map(HashSet::from_iter));
    }
    (tags, failures)
}

/// What a registry lists, and what it does not.
#[derive(Default)]
struct ListedReferrers {
    entries: Vec<(Subject, Descriptor)>,
    /// Those of which it lists what refers to them.
    subjects: HashSet<Subject>,
    /// The digests of those that cannot be promoted.
    others: Vec<(Subject, Box<str>)>,
    failures: Vec<Error>,
    /// Why it is not known whether there are any.
    unclear: Vec<(Repository, Error)>,
}

/// What the registry itself lists as referrers of these.
async fn list_referrers<S: Source>(
    subjects: &[Subject],
    store: &mut ManifestStore,
    source: &Retrying<S>,
) -> ListedReferrers {
    let mut listed = ListedReferrers::default();
    let mut failed: HashSet<&Repository> = HashSet::new();
    for wave in waves(subjects.iter().collect(), |(repository, _)| repository) {
        // One problem is enough for each repository.
        let wave: Vec<_> = wave.into_iter().filter(|(repository, _)| !failed.contains(repository)).collect();
        let mut answers = stream::iter(wave)
            .map(|subject| async move { (subject, source.referrers(&subject.0, subject.1).await) })
            .buffered(AT_ONCE);
        while let Some((subject, answer)) = answers.next().await {
            if store.overflow().is_some() {
                return listed;
            }
            match answer {
                Ok(Referrers::Listed(ReferrerList { manifests, others })) => {
                    listed.subjects.insert(subject.clone());
                    let weight = |entry: &Descriptor| entry.media_type.len() + ENTRY_BYTES;
                    store.count_bytes(manifests.iter().map(weight).sum());
                    store.count_bytes(others.iter().map(|other| other.len()).sum());
                    listed.entries.extend(manifests.into_iter().map(|entry| (subject.clone(), entry)));
                    listed.others.extend(others.into_iter().map(|other| (subject.clone(), other)));
                }
                Ok(Referrers::Unlisted | Referrers::UnlistedOrAbsent) => {}
                Ok(Referrers::Unclear(error)) => listed.unclear.push((subject.0.clone(), error)),
                Err(error) => {
                    failed.insert(&subject.0);
                    listed.failures.push(error);
                }
            }
        }
    }
    listed
}
