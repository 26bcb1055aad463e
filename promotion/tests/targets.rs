//! Targets that do not say what they have: the write decides.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod memory;

use memory::images::{release, seed_image, seed_index};
use memory::{Fault, Memory};
use promotion::{Error, Limits, Name, Promotion, RetryPolicy, Until};

struct World {
    source: Memory,
    target: Memory,
}

/// An index of two images, `app:1`, and a target in which everything has to be asked for by itself.
fn world() -> World {
    let (source, target) = (Memory::new("source", &["app"]), Memory::new("target", &["app"]));
    source.state().lists_referrers = true;
    target.state().lists_referrers = true;
    target.state().one_by_one = true;
    let [one, other] = ["amd64", "arm64"].map(|layer| seed_image(&source, "app", &[layer]));
    seed_index(&source, "app", &[&one, &other], Some("1"));
    World { source, target }
}

impl World {
    fn promotion(&self) -> Promotion<Memory, Memory> {
        Promotion::new(self.source.clone(), [self.target.clone()], RetryPolicy::default(), Limits::default())
    }

    fn assert_same(&self) {
        let (source, target) = (self.source.state(), self.target.state());
        let app = "app".parse().unwrap();
        assert_eq!(source.repositories[&app].manifests, target.repositories[&app].manifests);
        assert_eq!(source.repositories[&app].tags, target.repositories[&app].tags);
    }
}

/// What a registry answers to a look-up that leaves open whether there is anything.
fn answers() -> [Error; 2] {
    [
        // cosign#2973
        Error::new(Name::TargetAccessDenied, "403 Forbidden").inconclusive(),
        // A file of its storage is empty, after a full disk.
        Error::new(Name::RegistryUnavailable, "500 Internal Server Error").inconclusive(),
    ]
}

#[tokio::test(start_paused = true)]
async fn what_a_target_does_not_say_that_it_has_is_written() {
    for answer in answers() {
        for operation in ["manifests", "has_blobs"] {
            let world = world();
            let (said, mut is_written) = (answer.clone(), false);
            world.target.on_call(move |(called, _)| {
                is_written |= *called == "put_manifest";
                (*called == operation && !is_written).then(|| Fault::Fail(said.clone()))
            });
            let survey = world.promotion().survey(release(&["app:1"])).await;
            let plan = survey.judge().unwrap().plan();
            assert_eq!(plan.tally().manifests_put, 3, "{operation} {answer:?}");
            assert_eq!(plan.notes().len(), 1, "{:?}", plan.notes());
            assert!(plan.notes()[0].contains("not known: what target has"), "{:?}", plan.notes());
            let report = world.promotion().run(release(&["app:1"]), Until::Tagged, None).await.unwrap();
            world.assert_same();
            assert_eq!(report.targets[0].tally.tags_put, 1);
        }
    }
}

/// A denial, or a failure, that is not of one thing stays one.
#[tokio::test(start_paused = true)]
async fn what_holds_for_the_whole_target_is_a_failure() {
    for name in [Name::TargetAccessDenied, Name::RegistryUnavailable] {
        let world = world();
        world
            .target
            .on_call(move |(called, _)| (*called == "manifests").then(|| Fault::Fail(Error::new(name, "no token"))));
        let error = world.promotion().run(release(&["app:1"]), Until::Tagged, None).await.unwrap_err();
        assert_eq!(error.name(), name, "{error}");
        assert_eq!(world.target.calls("put_manifest"), 0);
    }
}

/// What is damaged in a target is written again.
#[tokio::test]
async fn a_manifest_that_is_damaged_in_a_target_is_put_again() {
    let world = world();
    world.promotion().run(release(&["app:1"]), Until::Tagged, None).await.unwrap();
    let puts = world.target.calls("put_manifest");
    let mut is_written = false;
    world.target.on_call(move |(called, _)| {
        is_written |= *called == "put_manifest";
        (*called == "manifests" && !is_written).then_some(Fault::Flip(0))
    });
    world.promotion().run(release(&["app:1"]), Until::Tagged, None).await.unwrap();
    assert_eq!(world.target.calls("put_manifest"), puts + 3);
}
