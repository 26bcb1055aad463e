//! The plan against a model that knows nothing of plans: a registry as a set of what it holds, which refuses what ECR
//! refuses.

use image_fixtures::Image;
use image_fixtures::media_type::DOCKER_FOREIGN;
use oci::Manifest;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::json;

use super::*;
use crate::{ImmutableTags, RepositorySettings};

/// What a test case is made of. Positions count into the lists before.
#[derive(Debug, Clone)]
struct World {
    /// Sizes of blobs.
    blobs: Vec<usize>,
    /// Blobs of each leaf manifest. A blob may stand there twice.
    leaves: Vec<Vec<Index>>,
    /// What each index lists: leaves, or indexes before it.
    indexes: Vec<Vec<Index>>,
    /// Repository and manifest of each image.
    images: Vec<(usize, Index)>,
    /// Blobs and manifests that the target has, with the repository.
    there: Vec<(usize, Index, bool)>,
    /// Which of two keys encrypts each repository.
    keys: Vec<bool>,
    mounting: Mounting,
    /// Whether the target was asked what it has below the images.
    asked: bool,
    /// The order in which steps that may run do run.
    order: Vec<Index>,
}

const REPOSITORIES: usize = 4;

fn worlds() -> impl Strategy<Value = World> {
    let some = |least, most| vec(any::<Index>(), least..most);
    (
        vec(1..1000_usize, 1..8),
        vec(some(1, 5), 1..6),
        vec(some(0, 4), 0..4),
        vec((0..REPOSITORIES, any::<Index>()), 1..8),
        vec((0..REPOSITORIES, any::<Index>(), any::<bool>()), 0..8),
        vec(any::<bool>(), REPOSITORIES),
        select(vec![Mounting::Never, Mounting::Referenced, Mounting::Any]),
        any::<bool>(),
        some(64, 65),
    )
        .prop_map(|(blobs, leaves, indexes, images, there, keys, mounting, asked, order)| World {
            blobs,
            leaves,
            indexes,
            images,
            there,
            keys,
            mounting,
            asked,
            order,
        })
}

fn repository(at: usize) -> Repository {
    format!("repository{at}").parse().unwrap()
}

impl World {
    /// As long as it is said to be, and unlike all others.
    fn blob(&self, index: &Index) -> Vec<u8> {
        let at = index.index(self.blobs.len());
        vec![u8::try_from(at).unwrap(); self.blobs[at]]
    }

    /// All manifests, children before those that list them.
    fn manifests(&self) -> Vec<Manifest> {
        let mut manifests: Vec<image_fixtures::Content> = Vec::new();
        for (at, blobs) in self.leaves.iter().enumerate() {
            let [config, layers @ ..] = blobs.as_slice() else { panic!("a leaf without a config") };
            let image = Image::new().config(self.blob(config)).with(json!({ "n": at }));
            let image = layers.iter().fold(image, |image, layer| image.layer(self.blob(layer)));
            manifests.push(image.absent_layer(DOCKER_FOREIGN, Digest::of(b"elsewhere"), 9).build());
        }
        for (at, entries) in self.indexes.iter().enumerate() {
            let children = entries.iter().map(|entry| &manifests[entry.index(manifests.len())]);
            let index = image_fixtures::Index::new().with(json!({ "i": at }));
            let index = children.fold(index, |index, child| index.entry(child.descriptor(), json!({})));
            manifests.push(index.build());
        }
        manifests.iter().map(|manifest| Manifest::parse(manifest.bytes().to_vec().into(), None).unwrap()).collect()
    }
}

/// A target as a set of what it holds.
#[derive(Default)]
struct Model {
    blobs: HashSet<(Repository, Digest)>,
    manifests: HashSet<(Repository, Digest)>,
}

impl Model {
    fn hold_all_below(&mut self, repository: &Repository, digest: Digest, store: &ManifestStore) {
        for digest in store.bottom_up(digest) {
            let blobs = store.content(digest).unwrap().blobs().filter(|blob| !blob.is_non_distributable());
            self.blobs.extend(blobs.map(|blob| (repository.clone(), blob.digest)));
            self.manifests.insert((repository.clone(), digest));
        }
    }

    fn may_commit(&self, repository: &Repository, content: &Content) -> bool {
        let has_blob =
            |blob: &Descriptor| blob.is_non_distributable() || self.blobs.contains(&(repository.clone(), blob.digest));
        content.blobs().all(has_blob)
            && content.children().iter().all(|child| self.manifests.contains(&(repository.clone(), child.digest)))
    }

    fn commits(&self, repository: &Repository, blob: Digest, store: &ManifestStore) -> bool {
        let in_repository = self.manifests.iter().filter(|(holder, _)| holder == repository);
        in_repository.flat_map(|(_, digest)| store.content(*digest).unwrap().blobs()).any(|held| held.digest == blob)
    }
}

fn survey(world: &World, images: &[PinnedImage], model: &Model) -> TargetSurvey {
    let holds = |image: &PinnedImage| model.manifests.contains(&(image.repository.clone(), image.digest));
    let presence = |image| Some(Presence { tagged: None, staged: holds(image) });
    let of = |set: &HashSet<(Repository, Digest)>, at: usize| {
        set.iter().filter(|(holder, _)| *holder == repository(at)).map(|(_, digest)| *digest).collect()
    };
    let repositories = (0..REPOSITORIES).filter(|at| images.iter().any(|image| image.repository == repository(*at)));
    TargetSurvey {
        name: "target".into(),
        roots: images.iter().map(presence).collect(),
        repositories: repositories
            .map(|at| {
                let settings = RepositorySettings {
                    immutable_tags: ImmutableTags::Only(vec![]),
                    encryption: world.keys[at].to_string(),
                    blob_bytes: 1..=1000,
                };
                let known = match world.asked {
                    true => RepositorySurvey {
                        settings,
                        manifests: of(&model.manifests, at),
                        blobs: Some(of(&model.blobs, at)),
                    },
                    false => RepositorySurvey { settings, manifests: HashSet::new(), blobs: None },
                };
                (repository(at), known)
            })
            .collect(),
        mounting: world.mounting,
        referrers: BTreeMap::new(),
    }
}

proptest! {
    #[test]
    fn any_order_of_the_steps_ends_with_everything_there_and_nothing_sent_twice(world in worlds()) {
        let manifests = world.manifests();
        let mut store = ManifestStore::default();
        manifests.iter().for_each(|manifest| store.insert(manifest.clone()));
        let images: Vec<PinnedImage> = world
            .images
            .iter()
            .enumerate()
            .map(|(at, (holder, manifest))| PinnedImage {
                repository: repository(*holder),
                tag: format!("t{at}").parse().unwrap(),
                digest: manifests[manifest.index(manifests.len())].digest(),
                parameter: None,
                platforms: vec![],
            })
            .collect();
        let mut model = Model::default();
        for (holder, index, whole) in &world.there {
            if *whole {
                model.hold_all_below(&repository(*holder), manifests[index.index(manifests.len())].digest(), &store);
            } else {
                model.blobs.insert((repository(*holder), Digest::of(&world.blob(index))));
            }
        }
        let there = model.blobs.clone();
        let target = survey(&world, &images, &model);
        let mut survey = Survey::of([target], ReferrerPolicy::Carry);
        survey.roots = images.iter().map(Root::image).collect();
        (survey.images, survey.store) = (images, store);
        let plan = survey.judge().unwrap().plan();

        let mut copied: Vec<(Repository, Digest)> = Vec::new();
        let mut done = plan.steps.map(|_| false);
        for pick in world.order.iter().cycle().take(plan.steps.as_slice().len()) {
            let is_ready = |(at, step): &(StepId, &Step)| !done[*at] && step.after.iter().all(|before| done[*before]);
            let may_run: Vec<StepId> = plan.steps.iter().filter(is_ready).map(|(at, _)| at).collect();
            prop_assert!(!may_run.is_empty(), "the steps wait for each other");
            let at = may_run[pick.index(may_run.len())];
            done[at] = true;
            let step = &plan.steps[at];
            prop_assert!(step.after.iter().all(|before| *before < at));
            match &step.work {
                Work::Manifest(digest) | Work::ListUnlessKept { list: digest, .. } => {
                    prop_assert!(model.may_commit(&step.repository, plan.store.content(*digest).unwrap()));
                    let is_new = model.manifests.insert((step.repository.clone(), *digest));
                    prop_assert!(is_new || !world.asked, "written twice");
                }
                Work::Copy(blob) | Work::CopyUnlessPresent(blob) | Work::Mount { blob, .. } => {
                    let place = (step.repository.clone(), blob.digest);
                    let mut mounted = !world.asked && model.blobs.contains(&place);
                    prop_assert!(!world.asked || !matches!(step.work, Work::CopyUnlessPresent(_)), "it is known");
                    if let Work::Mount { from: sibling, .. } = &step.work {
                        prop_assert!(*sibling != step.repository);
                        let held = (sibling.clone(), blob.digest);
                        mounted |= match world.mounting {
                            Mounting::Any => model.blobs.contains(&held),
                            _ => model.commits(sibling, blob.digest, &plan.store),
                        };
                        let uncommitted = there.contains(&held);
                        prop_assert!(mounted || uncommitted, "a mount that must be declined");
                        let key = |name: &Repository| (0..REPOSITORIES).find(|at| repository(*at) == *name).map(|at| world.keys[at]);
                        prop_assert!(world.mounting != Mounting::Never && key(sibling) == key(&step.repository));
                    }
                    if !mounted {
                        copied.push(place.clone());
                    }
                    prop_assert!(model.blobs.insert(place) || !world.asked, "it was there");
                }
            }
        }
        let mut naive = Model { blobs: there.clone(), ..Model::default() };
        for image in &plan.images {
            prop_assert!(model.manifests.contains(&(image.repository.clone(), image.digest)));
            naive.hold_all_below(&image.repository, image.digest, &plan.store);
        }
        prop_assert!(naive.blobs.is_superset(&model.blobs), "something was sent that nobody asked for");
        prop_assert!(naive.manifests.iter().all(|needed| model.manifests.contains(needed)));

        let planned = plan.tally();
        let blobs = plan.steps.as_slice().iter().filter(|step| step.is_for_blob()).count();
        let sent = plan.steps.as_slice().iter().filter(|step| step.sends().is_some()).count();
        prop_assert_eq!((planned.blobs_mounted, planned.blobs_copied), ((blobs - sent) as u64, sent as u64));
        prop_assert!(!world.asked || sent <= copied.len());
        if world.mounting != Mounting::Never && there.is_empty() {
            let keys: HashSet<_> = world.keys.iter().collect();
            let distinct: HashSet<_> = copied.iter().map(|(_, digest)| digest).collect();
            prop_assert!(copied.len() <= distinct.len() * keys.len(), "read more than once per key: {copied:?}");
        }
        prop_assert_eq!(plan.tags.len(), plan.images.len());
    }
}
