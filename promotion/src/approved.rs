use std::collections::BTreeSet;

use crate::shelf::Shelf;
use crate::survey::TargetSurvey;
use crate::{Content, Error, Name, PinnedImage, Plan, Survey};

/// The largest layer ECR stores: 52,000 MiB (Amazon ECR User Guide, "Service quotas").
const MAX_LAYER_BYTES: u64 = 52_000 << 20;

/// A survey in which nothing is wrong: everything that is asked for can be read, and no rule is broken.
///
/// The rules so far: an immutable tag is never asked to move; the platforms that a release names exist; no blob is empty or larger than a
/// registry stores. Rules are pure functions over the survey, and each reports everything it finds.
#[derive(Debug)]
pub struct Approved {
    pub(crate) images: Vec<PinnedImage>,
    pub(crate) shelf: Shelf,
    pub(crate) targets: Vec<TargetSurvey>,
}

impl Approved {
    pub(crate) fn judge(mut survey: Survey) -> Result<Self, Error> {
        let mut problems = std::mem::take(&mut survey.problems);
        problems.extend(tag_conflicts(&survey));
        problems.extend(missing_platforms(&survey));
        problems.extend(impossible_blobs(&survey));
        match Error::all(problems) {
            Some(error) => Err(error),
            None => Ok(Self { images: survey.images, shelf: survey.shelf, targets: survey.targets }),
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
        for (at, image) in survey.images.iter().enumerate() {
            let Some(old) = target.presence(at).and_then(|presence| presence.tagged) else { continue };
            let immutable = |tags: &crate::ImmutableTags| tags.contains(&image.tag);
            let settings = target.repositories.get(&image.repository).map(|repository| &repository.settings);
            if old != image.digest && settings.is_some_and(|settings| immutable(&settings.immutable_tags)) {
                conflicts.push(Error::new(
                    Name::TagConflict,
                    format!(
                        "{image} in {} is immutable and holds {old}, the release wants {}: release under a new tag, or exclude this tag from the \
                         repository's immutability",
                        target.name, image.digest
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
            let there = if there.is_empty() { "none".into() } else { Vec::from_iter(there).join(", ") };
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
    for image in &survey.images {
        let manifests = survey.shelf.bottom_up(image.digest);
        let blobs = manifests.iter().filter_map(|digest| survey.shelf.content(*digest)).flat_map(Content::blobs);
        for blob in blobs.filter(|blob| !blob.is_non_distributable()) {
            let what = match blob.size {
                0 => "is empty, and ECR stores no blob without bytes".into(),
                size if size > MAX_LAYER_BYTES => format!("has {size} bytes, and ECR stores at most {MAX_LAYER_BYTES}"),
                _ => continue,
            };
            impossible.push(Error::new(
                Name::RegistryLimit,
                format!("{image}: the blob {} {what}: build the image without it", blob.digest),
            ));
        }
    }
    impossible
}
