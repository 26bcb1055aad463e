//! Referrers, on registries in memory that list them themselves and on such that leave it to clients.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod memory;

use image_fixtures::{referrers_tag, signature_tag};
use memory::images::{attach, list, release, seed_image, seed_index, sign};
use memory::{Fault, Memory};
use oci::{Digest, Manifest};
use promotion::{Error, Limits, Name, Promotion, ReferrerPolicy, Report, RetryPolicy, Until};

struct World {
    source: Memory,
    target: Memory,
    root: Manifest,
    leaf: Manifest,
}

/// An index of two images and two more manifests, `app:1`.
fn world(source_lists: bool, target_lists: bool) -> World {
    let (source, target) = (Memory::new("source", &["app"]), Memory::new("target", &["app"]));
    source.state().lists_referrers = source_lists;
    target.state().lists_referrers = target_lists;
    let [leaf, other] = ["amd64", "arm64"].map(|layer| seed_image(&source, "app", &[layer]));
    let attestations = ["amd64's", "arm64's"].map(|layer| seed_image(&source, "app", &[layer]));
    let inner = seed_index(&source, "app", &[&attestations[0], &attestations[1]], None);
    let root = seed_index(&source, "app", &[&leaf, &other, &inner], Some("1"));
    World { source, target, root, leaf }
}

impl World {
    fn promotion(&self) -> Promotion<Memory, Memory> {
        Promotion::new(self.source.clone(), [self.target.clone()], RetryPolicy::default(), Limits::default())
    }

    async fn promote(&self) -> Result<Report, Error> {
        self.promotion().run(release(&["app:1"]), Until::Tagged, None).await
    }

    fn assert_same(&self) {
        let (source, target) = (self.source.state(), self.target.state());
        let app = "app".parse().unwrap();
        assert_eq!(source.repositories[&app].manifests, target.repositories[&app].manifests);
        assert_eq!(source.repositories[&app].tags, target.repositories[&app].tags);
        assert_eq!(source.repositories[&app].blobs, target.repositories[&app].blobs);
    }

    fn target_holds(&self, digest: Digest) -> bool {
        self.target.state().repositories[&"app".parse().unwrap()].manifests.contains_key(&digest)
    }

    /// The entries of the list that clients keep of what refers to this in the target.
    fn listed(&self, subject: &Manifest) -> Vec<Digest> {
        let state = self.target.state();
        let held = &state.repositories[&"app".parse().unwrap()];
        let tag = referrers_tag(subject.digest()).parse().unwrap();
        held.tags.get(&tag).map_or(vec![], |digest| {
            held.manifests[digest].content().children().iter().map(|entry| entry.digest).collect()
        })
    }
}

#[tokio::test]
async fn referrers_of_referrers_and_signature_tags_travel_and_a_second_run_writes_nothing() {
    for (source_lists, target_lists) in [(true, true), (false, false), (true, false), (false, true)] {
        let world = world(source_lists, target_lists);
        let sbom = attach(&world.source, "app", &world.leaf, "sbom");
        let signature = attach(&world.source, "app", &sbom, "signature-of-sbom");
        let bundle = attach(&world.source, "app", &world.root, "bundle");
        sign(&world.source, "app", &world.root, &["one signature"]);
        let report = world.promote().await.unwrap();
        assert_eq!((report.targets[0].referrers, report.notes.len()), (4, 0), "{:?}", report.notes);
        for (subject, referrer) in [(&world.leaf, &sbom), (&sbom, &signature), (&world.root, &bundle)] {
            assert!(world.target_holds(referrer.digest()));
            assert_eq!(world.listed(subject).contains(&referrer.digest()), !target_lists);
        }
        assert!(world.target.tags("app").contains(&signature_tag(world.root.digest())));
        if source_lists == target_lists {
            world.assert_same();
        }
        let again = world.promote().await.unwrap();
        let target = &again.targets[0];
        assert_eq!(
            (target.tally.manifests_put, target.tally.tags_put, target.tally.blobs_copied, target.referrers),
            (0, 0, 0, 4)
        );
    }
}

#[tokio::test]
async fn an_up_to_date_index_with_a_signature_costs_less_than_eighteen_requests() {
    for (lists, most) in [(true, 16), (false, 17)] {
        let world = world(lists, lists);
        world.source.state().one_by_one = true;
        world.target.state().one_by_one = true;
        attach(&world.source, "app", &world.root, "bundle");
        world.promote().await.unwrap();
        world.assert_same();
        let before = world.source.state().calls.len() + world.target.state().calls.len();
        world.promote().await.unwrap();
        let calls = world.source.state().calls.len() + world.target.state().calls.len() - before;
        // A registry that lists referrers is asked for those of each of the six manifests, and of what it lists;
        // another answers the first time that it lists none, and here every time.
        assert!(calls <= most, "{calls} calls, {:?}", world.source.state().calls);
    }
}

#[tokio::test]
async fn nothing_is_looked_for_where_referrers_are_left() {
    let world = world(true, true);
    let sbom = attach(&world.source, "app", &world.root, "sbom");
    world
        .promotion()
        .with_referrers(ReferrerPolicy::Leave)
        .run(release(&["app:1"]), Until::Tagged, None)
        .await
        .unwrap();
    assert!(!world.target_holds(sbom.digest()));
    assert_eq!(world.source.calls("referrers") + world.source.calls("tags"), 0);
}

#[tokio::test]
async fn none_is_never_made_of_a_failure() {
    for operation in ["referrers", "tags"] {
        let world = world(true, true);
        let denied = Error::new(Name::SourceAccessDenied, "no");
        world.source.on_call(move |(called, _)| (*called == operation).then(|| Fault::Fail(denied.clone())));
        let error = world.promote().await.unwrap_err();
        assert_eq!(error.name(), Name::SourceAccessDenied);
        assert!(error.to_string().contains("can be left behind"), "once, for all six manifests: {error}");
        assert!(!error.to_string().contains("problems"), "{error}");
        assert_eq!(world.target.calls("start_upload"), 0);
    }
}

#[tokio::test]
async fn lists_of_clients_grow_and_lose_nothing() {
    let world = world(false, false);
    world.promote().await.unwrap();
    // Somebody has signed in the target, and lists it there.
    let theirs = attach(&world.target, "app", &world.root, "theirs");
    let ours = attach(&world.source, "app", &world.root, "ours");
    world.promote().await.unwrap();
    assert_eq!(world.listed(&world.root), [theirs.digest(), ours.digest()]);
    let again = world.promote().await.unwrap();
    assert_eq!(again.targets[0].tally.tags_put, 0);
}

#[tokio::test]
async fn a_list_that_a_target_needs_says_of_which_type_artifacts_are() {
    let world = world(true, false);
    attach(&world.source, "app", &world.root, "sbom");
    world.promote().await.unwrap();
    let state = world.target.state();
    let held = &state.repositories[&"app".parse().unwrap()];
    let tag = referrers_tag(world.root.digest()).parse().unwrap();
    let list: serde_json::Value = serde_json::from_slice(held.manifests[&held.tags[&tag]].raw()).unwrap();
    assert_eq!(list["manifests"][0]["artifactType"], "application/sbom");
    assert_eq!(list["manifests"][0]["annotations"]["a"], "b");
}

#[tokio::test]
async fn a_tag_that_answers_with_its_subject_is_no_list() {
    let world = world(false, false);
    world.source.seed_manifest("app", &world.root, Some(&referrers_tag(world.root.digest())));
    // A list may name what refers to something else.
    let other = seed_image(&world.source, "app", &["other"]);
    list(&world.source, "app", &world.leaf, &[&other]);
    let report = world.promote().await.unwrap();
    assert_eq!(report.targets[0].referrers, 0);
    assert!(!world.target_holds(other.digest()));
}

#[tokio::test]
async fn what_a_target_does_not_take_is_left_behind_and_told_unless_it_is_required() {
    for referrer_policy in [ReferrerPolicy::Carry, ReferrerPolicy::Require] {
        let world = world(true, true);
        let sbom = attach(&world.source, "app", &world.root, "sbom");
        let bundle = attach(&world.source, "app", &world.root, "bundle");
        let refused = Error::new(Name::RegistryLimit, "ECR does not take this manifest");
        // Referrers come after everything of the images: six manifests.
        let mut puts = 0;
        world.target.on_call(move |(called, _)| {
            puts += i32::from(*called == "put_manifest");
            (*called == "put_manifest" && puts == 7).then(|| Fault::Fail(refused.clone()))
        });
        let result =
            world.promotion().with_referrers(referrer_policy).run(release(&["app:1"]), Until::Tagged, None).await;
        if referrer_policy == ReferrerPolicy::Require {
            assert_eq!(result.unwrap_err().name(), Name::RegistryLimit);
            assert!(world.target.tags("app").is_empty());
        } else {
            let report = result.unwrap();
            assert_eq!(report.targets[0].referrers, 1);
            assert_eq!(report.notes, ["left behind: ECR does not take this manifest"]);
            assert_ne!(world.target_holds(sbom.digest()), world.target_holds(bundle.digest()));
            assert!(world.target.tags("app").contains("1"));
        }
    }
}

#[tokio::test]
async fn a_referrer_that_is_listed_and_gone_is_told() {
    let world = world(false, false);
    let sbom = attach(&world.source, "app", &world.root, "sbom");
    world.source.state().repositories.get_mut(&"app".parse().unwrap()).unwrap().manifests.remove(&sbom.digest());
    let report = world.promote().await.unwrap();
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    assert!(report.notes[0].contains("is not there"));
    let required = world.promotion().with_referrers(ReferrerPolicy::Require);
    let error = required.run(release(&["app:1"]), Until::Tagged, None).await.unwrap_err();
    assert_eq!(error.name(), Name::RegistryLimit, "{error}");
}

#[tokio::test]
async fn a_signature_tag_that_has_to_move_in_an_immutable_repository_is_explained_and_nothing_is_written() {
    let world = world(false, false);
    sign(&world.source, "app", &world.root, &["first"]);
    world.promote().await.unwrap();
    world.target.state().repositories.get_mut(&"app".parse().unwrap()).unwrap().immutable = true;
    sign(&world.source, "app", &world.root, &["first", "second"]);
    let sent = world.target.calls("put_manifest");
    let error = world.promote().await.unwrap_err();
    assert_eq!(error.name(), Name::TagConflict);
    assert!(error.to_string().contains("sha256-*") && error.to_string().contains("referrers"), "{error}");
    assert_eq!(world.target.calls("put_manifest"), sent);
}

#[tokio::test]
async fn a_target_where_more_was_signed_keeps_its_signatures() {
    let world = world(false, false);
    sign(&world.source, "app", &world.root, &["ours"]);
    world.promote().await.unwrap();
    let both = sign(&world.target, "app", &world.root, &["ours", "theirs"]);
    let report = world.promote().await.unwrap();
    assert_eq!(report.targets[0].tally.tags_put, 0);
    let state = world.target.state();
    let held = &state.repositories[&"app".parse().unwrap()];
    assert_eq!(held.tags[&signature_tag(world.root.digest()).parse().unwrap()], both.digest());
}

#[tokio::test]
async fn signatures_are_tagged_before_the_image_they_vouch_for() {
    let world = world(false, false);
    sign(&world.source, "app", &world.root, &["ours"]);
    attach(&world.source, "app", &world.root, "sbom");
    let denied = Error::new(Name::TargetAccessDenied, "no");
    let mut tags = 0;
    world.target.on_call(move |(called, _)| {
        tags += i32::from(*called == "tag");
        (*called == "tag" && tags == 3).then(|| Fault::Fail(denied.clone()))
    });
    world.promote().await.unwrap_err();
    let tags = world.target.tags("app");
    assert_eq!(tags.len(), 2);
    assert!(tags.iter().all(|tag| tag.starts_with("sha256-")), "{tags:?}");
}

#[tokio::test]
async fn where_each_blob_costs_a_request_it_is_asked_for_when_its_turn_comes() {
    let world = world(false, false);
    world.source.state().one_by_one = true;
    world.target.state().one_by_one = true;
    let blobs = world.source.state().repositories[&"app".parse().unwrap()].blobs.clone();
    let (digest, bytes) = blobs.iter().next().unwrap();
    world.target.seed_blob("app", bytes.clone());
    let report = world.promote().await.unwrap();
    world.assert_same();
    assert_eq!(report.targets[0].tally.blobs_present, 1, "{digest}");
    assert_eq!(report.targets[0].tally.blobs_copied, blobs.len() as u64 - 1);
    assert_eq!(world.target.calls("has_blobs"), 0);
    // A request to open each upload, which tells as well whether the blob is there; none to look for it.
    assert_eq!(world.target.calls("mount_blob"), blobs.len());
    assert_eq!(world.target.calls("start_upload"), 0);
}

#[tokio::test]
async fn a_repository_that_is_missing_is_one_problem_whatever_hangs_on_its_images() {
    let world = world(true, true);
    sign(&world.source, "app", &world.root, &["signature"]);
    attach(&world.source, "app", &world.root, "sbom");
    world.target.state().repositories.clear();
    let error = world.promote().await.unwrap_err();
    assert_eq!(error.name(), Name::TargetRepositoryNotFound);
    assert!(!error.to_string().contains("problems"), "{error}");
    assert_eq!(world.target.calls("referrers"), 0);
}

/// A registry that has learnt to list keeps the lists that clients wrote before, and these say no longer all.
#[tokio::test]
async fn a_list_of_the_source_that_is_not_whole_is_not_copied() {
    let world = world(true, false);
    let sbom = attach(&world.source, "app", &world.root, "sbom");
    list(&world.source, "app", &world.root, &[]);
    world.promote().await.unwrap();
    assert_eq!(world.listed(&world.root), [sbom.digest()]);
}

#[tokio::test]
async fn what_a_target_no_longer_has_is_taken_off_its_list() {
    let world = world(false, false);
    world.promote().await.unwrap();
    let [gone, stays] = ["gone", "stays"].map(|text| attach(&world.target, "app", &world.root, text));
    list(&world.target, "app", &world.root, &[&gone, &stays]);
    world.target.state().repositories.get_mut(&"app".parse().unwrap()).unwrap().manifests.remove(&gone.digest());
    let ours = attach(&world.source, "app", &world.root, "ours");
    world.promote().await.unwrap();
    assert_eq!(world.listed(&world.root), [stays.digest(), ours.digest()]);
}

#[tokio::test]
async fn what_stands_where_a_list_should_is_not_overwritten() {
    let world = world(false, false);
    let image = seed_image(&world.target, "app", &["somebody's"]);
    let tag = referrers_tag(world.root.digest());
    world.target.seed_manifest("app", &image, Some(&tag));
    attach(&world.source, "app", &world.root, "sbom");
    let error = world.promote().await.unwrap_err();
    assert!(error.to_string().contains("it is an image and no list"), "{error}");
    let state = world.target.state();
    assert_eq!(state.repositories[&"app".parse().unwrap()].tags[&tag.parse().unwrap()], image.digest());
}

#[tokio::test]
async fn a_signature_tag_that_moves_away_from_signatures_of_the_target_is_told() {
    let world = world(false, false);
    sign(&world.source, "app", &world.root, &["ours"]);
    sign(&world.target, "app", &world.root, &["theirs"]);
    let report = world.promote().await.unwrap();
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    assert!(report.notes[0].contains(".sig in target moves away from sha256:"), "{:?}", report.notes);
}

/// Somebody pushed the index alone, to a registry that takes it so.
#[tokio::test]
async fn an_image_that_was_there_without_all_it_needs_gets_no_tag() {
    let world = world(false, false);
    world.target.state().one_by_one = true;
    world.target.seed_manifest("app", &world.root, None);
    let error = world.promote().await.unwrap_err();
    assert_eq!(error.name(), Name::PullFailed, "{error}");
    assert!(!world.target.tags("app").contains("1"));
}

/// quay#3071: a list that is kept only of what is there, in a target that has nothing yet.
#[tokio::test]
async fn a_target_that_lists_only_what_it_has_gets_no_list_of_clients() {
    for lists in [true, false] {
        let world = world(true, lists);
        world.target.state().hides_absent_subjects = true;
        let sbom = attach(&world.source, "app", &world.root, "sbom");
        attach(&world.source, "app", &sbom, "signature");
        for _ in 0..2 {
            let report = world.promote().await.unwrap();
            assert_eq!((report.targets[0].referrers, report.notes.len()), (2, 0), "{:?}", report.notes);
        }
        let tags = world.target.tags("app");
        // The index, and the lists of the two subjects where the target keeps none.
        assert_eq!(tags.len(), if lists { 1 } else { 3 }, "{tags:?}");
        assert_eq!(world.listed(&world.root).contains(&sbom.digest()), !lists);
    }
}

#[tokio::test]
async fn an_unclear_answer_about_referrers_is_a_note_and_a_refusal_where_they_are_required() {
    for is_source in [true, false] {
        // What clients list is carried all the same.
        let world = world(false, false);
        let sbom = attach(&world.source, "app", &world.root, "sbom");
        let unclear = Error::new(Name::SourceAccessDenied, "listing what refers to it: 403 Forbidden");
        (if is_source { &world.source } else { &world.target }).state().unclear_referrers = Some(unclear);
        let required = world.promotion().with_referrers(ReferrerPolicy::Require);
        let error = required.run(release(&["app:1"]), Until::Tagged, None).await.unwrap_err();
        assert_eq!(error.name(), Name::SourceAccessDenied, "{error}");
        assert!(world.target.tags("app").is_empty());
        let report = world.promote().await.unwrap();
        assert_eq!((report.targets[0].referrers, report.notes.len()), (1, 1), "{:?}", report.notes);
        assert!(report.notes[0].contains("not known: whether there are referrers"), "{:?}", report.notes);
        assert!(report.notes[0].contains("403 Forbidden"), "{:?}", report.notes);
        assert_eq!(world.listed(&world.root), [sbom.digest()]);
    }
}

/// cosign#2973: a registry that denies what is not there is asked for tags that most images do not have.
#[tokio::test]
async fn a_source_that_denies_tags_which_may_not_exist_is_noted() {
    let world = world(true, true);
    world.source.state().one_by_one = true;
    let (mut calls, denied) = (0, Error::new(Name::SourceAccessDenied, "403 Forbidden").inconclusive());
    world.source.on_call(move |(called, _)| {
        calls += i32::from(*called == "manifests");
        // The tag of the index, and what it lists: six manifests.
        match *called {
            "tags" => Some(Fault::Unlisted),
            "manifests" if calls > 6 => Some(Fault::Fail(denied.clone())),
            _ => None,
        }
    });
    let report = world.promote().await.unwrap();
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    assert!(world.target.tags("app").contains("1"));
}

#[tokio::test]
async fn a_referrer_of_another_algorithm_is_noted_in_both_forms_of_the_list() {
    let foreign = format!("sha512:{}", "ab".repeat(64));
    for lists in [true, false] {
        let world = world(lists, false);
        let sbom = attach(&world.source, "app", &world.root, "sbom");
        if lists {
            let mut state = world.source.state();
            state.repositories.get_mut(&"app".parse().unwrap()).unwrap().foreign_referrers =
                vec![foreign.clone().into()];
        } else {
            add_foreign(&world.source, &world.root, &foreign);
        }
        let report = world.promote().await.unwrap();
        assert_eq!((report.targets[0].referrers, report.notes.len()), (1, 1), "{:?}", report.notes);
        assert!(report.notes[0].contains(&foreign), "{:?}", report.notes);
        // The target has no such manifest, so that its list does not name it.
        assert_eq!(world.listed(&world.root), [sbom.digest()]);
        let required = world.promotion().with_referrers(ReferrerPolicy::Require);
        let error = required.run(release(&["app:1"]), Until::Tagged, None).await.unwrap_err();
        assert!(error.name() == Name::RegistryLimit && error.to_string().contains(&foreign), "{error}");
    }
}

/// What others attached in the target stays on its list, in whatever algorithm.
#[tokio::test]
async fn an_entry_of_another_algorithm_is_not_taken_off_the_list_of_a_target() {
    let world = world(true, false);
    world.promote().await.unwrap();
    attach(&world.target, "app", &world.root, "theirs");
    let foreign = format!("sha512:{}", "ab".repeat(64));
    add_foreign(&world.target, &world.root, &foreign);
    let ours = attach(&world.source, "app", &world.root, "ours");
    world.promote().await.unwrap();
    assert_eq!(world.listed(&world.root).len(), 2);
    assert!(world.listed(&world.root).contains(&ours.digest()));
    let state = world.target.state();
    let held = &state.repositories[&"app".parse().unwrap()];
    let list = &held.manifests[&held.tags[&referrers_tag(world.root.digest()).parse().unwrap()]];
    assert_eq!(list.content().others(), [foreign.into_boxed_str()]);
}

/// Adds an entry that is not SHA-256 to the list that clients keep.
fn add_foreign(at: &Memory, subject: &Manifest, digest: &str) {
    let tag = referrers_tag(subject.digest());
    let mut list: serde_json::Value = {
        let state = at.state();
        let held = &state.repositories[&"app".parse().unwrap()];
        serde_json::from_slice(held.manifests[&held.tags[&tag.parse().unwrap()]].raw()).unwrap()
    };
    let entry =
        serde_json::json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 7 });
    list["manifests"].as_array_mut().unwrap().insert(0, entry);
    let list = Manifest::parse(list.to_string().into(), Some(oci::MediaType::OciIndex.as_str())).unwrap();
    at.seed_manifest("app", &list, Some(&tag));
}
