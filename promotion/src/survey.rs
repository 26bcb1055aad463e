mod images;
mod source;
mod target;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;

use crate::shelf::Shelf;
use crate::{
    Approved, Digest, Error, Parameter, Patient, Platform, Reference, Release, Repository, Settings, Source, Tag,
    Target,
};

pub use images::PinnedImage;

/// How many requests a survey sends at a time to one registry.
const AT_ONCE: usize = 16;

/// How many answers that hold manifests are awaited at a time: each may hold a whole batch of them.
const MANIFESTS_AT_ONCE: usize = 4;

/// The facts: what the tags of a release point to in the source, and what every target has of it already.
///
/// A survey is complete even when something is wrong, so that whoever asked learns of all that is wrong at once.
#[derive(Debug)]
pub struct Survey {
    pub(crate) images: Vec<PinnedImage>,
    pub(crate) shelf: Shelf,
    pub(crate) platforms: HashMap<Digest, Vec<Platform>>,
    pub(crate) targets: Vec<TargetSurvey>,
    pub(crate) problems: Vec<Error>,
}

/// What one target has.
#[derive(Debug, Default)]
pub(crate) struct TargetSurvey {
    pub(crate) name: String,
    /// One for each image of the survey; none where the target could not be asked.
    pub(crate) images: Vec<Option<Presence>>,
    /// The repositories into which something has to be written.
    pub(crate) repositories: BTreeMap<Repository, RepositorySurvey>,
    pub(crate) mounting: bool,
}

/// How far an image has come in a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Presence {
    /// What the tag points to.
    pub(crate) tagged: Option<Digest>,
    /// Whether the pinned digest is there, under whatever name. A registry keeps everything that a manifest needs as long as it keeps
    /// the manifest, so nothing below has to be looked at then.
    pub(crate) staged: bool,
}

/// What one repository of a target has of what it needs.
#[derive(Debug)]
pub(crate) struct RepositorySurvey {
    pub(crate) settings: Settings,
    pub(crate) manifests: HashSet<Digest>,
    pub(crate) blobs: HashSet<Digest>,
}

impl Survey {
    /// Reads the facts of a release with as few requests as they take; writes nothing.
    pub async fn read<S: Source, T: Target>(
        release: Release,
        source: &Arc<Patient<S>>,
        targets: &[Arc<Patient<T>>],
    ) -> Self {
        let mut survey = Self {
            images: vec![],
            shelf: Shelf::default(),
            platforms: HashMap::new(),
            targets: vec![],
            problems: vec![],
        };
        survey.pin(release, source).await;
        let images = &survey.images;
        let mut finding = stream::iter(targets)
            .map(|target| async move { (target, target::find_images(target, images).await) })
            .buffered(AT_ONCE);
        while let Some((target, found)) = finding.next().await {
            survey.problems.extend(found.problems);
            found.manifests.into_iter().for_each(|manifest| survey.shelf.put(manifest));
            survey.targets.push(TargetSurvey {
                name: target.name().to_owned(),
                images: found.images,
                ..TargetSurvey::default()
            });
        }
        drop(finding);
        survey.open_indexes(source).await;
        survey.learn_platforms(source).await;
        let shared = &survey;
        let details: Vec<_> = stream::iter(targets.iter().zip(&survey.targets))
            .map(|(target, known)| target::find_content(target, known, shared))
            .buffered(AT_ONCE)
            .collect()
            .await;
        for (target, detail) in survey.targets.iter_mut().zip(details) {
            survey.problems.extend(detail.problems);
            target.repositories = detail.repositories;
            target.mounting = detail.mounting;
        }
        survey
    }

    /// Lets pass what breaks no rule. See [`Approved`] for the rules.
    ///
    /// # Errors
    /// Everything that is wrong, in one error.
    pub fn judge(self) -> Result<Approved, Error> {
        Approved::judge(self)
    }

    /// The images with the digests they were pinned to: those whose tag the source has.
    #[must_use]
    pub fn images(&self) -> &[PinnedImage] {
        &self.images
    }
}

/// The images that share a repository, in batches, so that one request serves many.
fn batches<'a, T>(items: impl IntoIterator<Item = (&'a Repository, T)>, size: usize) -> Vec<(Repository, Vec<T>)> {
    let mut batches: Vec<(Repository, Vec<T>)> = Vec::new();
    let mut open: HashMap<&Repository, usize> = HashMap::new();
    for (repository, item) in items {
        match open.get(repository).and_then(|at| batches.get_mut(*at)) {
            Some((_, batch)) if batch.len() < size => batch.push(item),
            _ => {
                open.insert(repository, batches.len());
                batches.push((repository.clone(), vec![item]));
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_by_repository_and_size() {
        let [a, b]: [Repository; 2] = ["a", "b"].map(|name| name.parse().unwrap());
        let items = [(&a, 1), (&b, 2), (&a, 3), (&a, 4), (&a, 5)];
        assert_eq!(batches(items, 3), [(a.clone(), vec![1, 3, 4]), (b, vec![2]), (a.clone(), vec![5])]);
    }
}
