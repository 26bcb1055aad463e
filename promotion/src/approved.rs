use std::collections::{BTreeMap, BTreeSet};

use crate::manifest_store::ManifestStore;
use crate::survey::{ListToWrite, Root, TargetSurvey};
use crate::{Error, Name, PinnedImage, Plan, ReferrerPolicy, Survey};
use oci::text::excerpt;
use oci::{Content, Digest, Manifest, Repository};

/// A survey in which nothing is wrong: everything that is asked for can be read, and no rule is broken.
///
/// The rules so far: an immutable tag is never asked to move; the platforms that a release names exist; no blob is empty or larger than a
/// registry stores. Rules are pure functions over the survey, and each reports everything it finds.
#[derive(Debug)]
pub struct Approved {
    pub(crate) images: Vec<PinnedImage>,
    pub(crate) roots: Vec<Root>,
    pub(crate) lists: BTreeMap<(Repository, Digest), Manifest>,
    pub(crate) referrer_policy: ReferrerPolicy,
    pub(crate) store: ManifestStore,
    pub(crate) targets: Vec<TargetSurvey>,
    pub(crate) notes: Vec<String>,
}

impl Approved {
    pub(crate) fn judge(mut survey: Survey) -> Result<Self, Error> {
        let mut problems = std::mem::take(&mut survey.problems);
        problems.extend(tag_conflicts(&survey));
        problems.extend(missing_platforms(&survey));
        problems.extend(impossible_blobs(&survey));
        match Error::all(problems) {
            Some(error) => Err(error),
            None => {
                let Survey { images, roots, lists, referrer_policy, store, targets, notes, .. } = survey;
                Ok(Self { images, roots, lists, referrer_policy, store, targets, notes })
            }
        }
    }

    /// What has to be done.
    #[must_use]
    pub fn plan(self) -> Plan {
        Plan::new(self)
    }
}

fn tag_conflicts(survey: &Survey) -> Vec<Error> {
    let mut conflicts = Vec::new();
    for target in &survey.targets {
        for (at, root) in survey.roots.iter().enumerate() {
            let (Some(presence), Some(tag)) = (target.presence(at), &root.tag) else { continue };
            let Some(old) = presence.tagged.filter(|old| *old != root.digest) else { continue };
            let settings = target.repositories.get(&root.repository).map(|repository| &repository.settings);
            if settings.is_some_and(|settings| settings.immutable_tags.contains(tag)) {
                let advice = match root.subject {
                    None => {
                        "release under a new tag, or exclude this tag from the repository's immutability".to_owned()
                    }
                    Some(subject) => format!(
                        "cosign moves this tag whenever somebody signs {subject} again: exclude `sha256-*` from the repository's \
                         immutability (an exclusion filter of imageTagMutability), or leave referrers behind"
                    ),
                };
                conflicts.push(Error::new(
                    Name::TagConflict,
                    format!(
                        "{root} in {} is immutable and holds {old}, the release wants {}: {advice}",
                        target.name, root.digest
                    ),
                ));
            }
        }
    }
    conflicts.extend(list_conflicts(survey));
    conflicts
}

/// A list of referrers is written anew for each of them, under the same tag.
fn list_conflicts(survey: &Survey) -> Vec<Error> {
    let mut conflicts = Vec::new();
    for target in &survey.targets {
        for list in target.lists_to_write(&survey.roots).filter(|list| list.current.is_some()) {
            let ListToWrite { repository, subject, tag, .. } = list;
            let settings = target.repositories.get(repository).map(|repository| &repository.settings);
            if settings.is_some_and(|settings| settings.immutable_tags.contains(&tag)) {
                conflicts.push(Error::new(
                    Name::TagConflict,
                    format!(
                        "{repository}:{tag} in {} is immutable, and lists what refers to {subject}: it has to move for a new referrer to be \
                         found. Exclude `sha256-*` from the repository's immutability, or leave referrers behind",
                        target.name
                    ),
                ));
            }
        }
    }
    conflicts
}

fn missing_platforms(survey: &Survey) -> Vec<Error> {
    let mut missing = Vec::new();
    for image in &survey.images {
        // Where the platforms could not be read, that is the problem, and it is listed already.
        let Some(there) = survey.platforms.get(&image.digest) else { continue };
        for wanted in image.platforms.iter().filter(|wanted| !there.iter().any(|platform| platform.satisfies(wanted))) {
            let there: BTreeSet<String> =
                there.iter().filter(|platform| &*platform.os != "unknown").map(ToString::to_string).collect();
            // An index may say of itself what it likes.
            let there = Vec::from_iter(there).join(", ").escape_debug().to_string();
            let there = if there.is_empty() { "none".into() } else { excerpt(&there) };
            missing.push(Error::new(
                Name::PolicyViolation,
                format!(
                    "{image} has no image for {wanted}, only for {there}: build it for {wanted} too, or take the platform out of \
                     deploy-manifest.json"
                ),
            ));
        }
    }
    missing
}

fn impossible_blobs(survey: &Survey) -> Vec<Error> {
    let mut impossible = Vec::new();
    for target in &survey.targets {
        for (at, root) in survey.roots.iter().enumerate() {
            // What hangs on an image is left behind when its time comes, if it may be.
            let is_needed = root.subject.is_none() || survey.referrer_policy == ReferrerPolicy::Require;
            let lacks = target.presence(at).is_some_and(|presence| !presence.staged);
            let settings = target.repositories.get(&root.repository).map(|known| &known.settings);
            let Some(settings) = settings.filter(|_| is_needed && lacks) else { continue };
            let manifests = survey.store.bottom_up(root.digest);
            let blobs = manifests.iter().filter_map(|digest| survey.store.content(*digest)).flat_map(Content::blobs);
            let sent = blobs.filter(|blob| !blob.is_non_distributable());
            for blob in sent.filter(|blob| !settings.blob_bytes.contains(&blob.size)) {
                let name = &target.name;
                let what = match blob.size {
                    0 => format!("is empty, and {name} stores no blob without bytes"),
                    size => format!("has {size} bytes, and {name} stores at most {}", settings.blob_bytes.end()),
                };
                impossible.push(Error::new(
                    Name::RegistryLimit,
                    format!("{root}: the blob {} {what}: build the image without it", blob.digest),
                ));
            }
        }
    }
    impossible
}
