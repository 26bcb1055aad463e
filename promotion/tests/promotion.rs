//! What a promotion does and leaves undone, on registries in memory. `tests/faults.rs` is about what goes wrong.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod memory;

use memory::images::{release, seed_image, seed_index};
use memory::{Fault, Memory};
use oci::Digest;
use promotion::{
    Before, Error, Limits, Mounting, Name, Outcome, Promotion, ReferrerPolicy, Release, RetryPolicy, Until,
};

const REPOSITORIES: [&str; 2] = ["app/api", "app/web"];

/// An index in `app/api`, and an image in `app/web` that shares a layer with it.
fn world() -> (Memory, Memory, Memory) {
    let source = Memory::new("source", &REPOSITORIES);
    let amd64 = seed_image(&source, "app/api", &["a shared layer", "amd64"]);
    let arm64 = seed_image(&source, "app/api", &["a shared layer", "arm64"]);
    let nested = seed_index(&source, "app/api", &[&arm64], None);
    seed_index(&source, "app/api", &[&amd64, &nested], Some("1.0"));
    let web = seed_image(&source, "app/web", &["a shared layer", "web"]);
    source.seed_manifest("app/web", &web, Some("1.0"));
    (source, Memory::new("one", &REPOSITORIES), Memory::new("two", &REPOSITORIES))
}

fn promotion(source: &Memory, targets: &[&Memory]) -> Promotion<Memory, Memory> {
    let targets: Vec<_> = targets.iter().map(|target| (*target).clone()).collect();
    Promotion::new(source.clone(), targets, RetryPolicy::default(), Limits::default())
}

fn both() -> Release {
    release(&["app/api:1.0", "app/web:1.0"])
}

fn assert_same(source: &Memory, target: &Memory) {
    let (source, target) = (source.state(), target.state());
    for (repository, held) in &source.repositories {
        let copy = &target.repositories[repository];
        assert_eq!(held.manifests, copy.manifests, "{repository}");
        assert_eq!(held.tags, copy.tags, "{repository}");
        assert_eq!(held.blobs, copy.blobs, "{repository}");
    }
}

#[tokio::test]
async fn every_target_gets_the_same_bytes_and_a_second_run_writes_nothing() {
    let (source, one, two) = world();
    let promotion = promotion(&source, &[&one, &two]).with_referrers(ReferrerPolicy::Leave);
    let report = promotion.run(both(), Until::Tagged, None).await.unwrap();
    assert_same(&source, &one);
    assert_same(&source, &two);
    assert_eq!(report.images.len(), 2);
    assert_eq!(report.targets[0].tally.tags_put, 2);
    assert_eq!(report.targets[0].images_present, 0);
    let size = |memory: &Memory| {
        memory
            .state()
            .repositories
            .values()
            .flat_map(|held| held.blobs.values())
            .map(|blob| blob.len() as u64)
            .sum::<u64>()
    };
    assert_eq!(report.targets[1].tally.bytes_copied, size(&two));

    let (calls, reads) = (one.state().calls.len(), source.state().calls.len());
    let again = promotion.run(both(), Until::Tagged, None).await.unwrap();
    assert_eq!(again.targets[0].images_present, 2);
    assert_eq!(
        again
            .targets
            .iter()
            .map(|target| target.tally.blobs_copied + target.tally.manifests_put + target.tally.tags_put)
            .sum::<u64>(),
        0
    );
    assert_eq!(one.state().calls.len() - calls, 2, "one request for each repository");
    assert_eq!(source.state().calls.len() - reads, 2, "one request for each repository");
}

#[tokio::test]
async fn staging_shows_nothing_and_tagging_pinned_images_reads_no_blob_again() {
    let (source, one, two) = world();
    let promotion = promotion(&source, &[&one, &two]);
    let staged = promotion.run(both(), Until::Staged, None).await.unwrap();
    assert!(REPOSITORIES.iter().all(|repository| one.tags(repository).is_empty() && two.tags(repository).is_empty()));
    let blobs_read = source.calls("open_blob");
    // By now the tag in the source is elsewhere: what was pinned counts.
    let other = seed_image(&source, "app/web", &["newer"]);
    source.seed_manifest("app/web", &other, Some("1.0"));
    let pins = serde_json::to_string(&staged.images).unwrap();
    let pinned = Release::pinned(serde_json::from_str(&pins).unwrap()).unwrap();
    promotion.run(pinned, Until::Tagged, None).await.unwrap();
    assert_eq!(source.calls("open_blob"), blobs_read);
    let web = "app/web".parse().unwrap();
    let tagged = one.state().repositories[&web].tags[&"1.0".parse().unwrap()];
    assert_eq!(tagged, staged.images[1].digest);
}

#[tokio::test]
async fn a_shared_layer_is_read_once_and_mounted() {
    let (source, one, _) = world();
    one.state().mounting = Mounting::Referenced;
    let report = promotion(&source, &[&one]).run(both(), Until::Tagged, None).await.unwrap();
    assert_eq!(report.targets[0].tally.blobs_mounted, 1);
    assert_same(&source, &one);
    let distinct: std::collections::HashSet<Digest> =
        source.state().repositories.values().flat_map(|held| held.blobs.keys().copied()).collect();
    assert_eq!(source.calls("open_blob"), distinct.len());
}

/// Nothing depends on a mount. One after the other, so that what came of the first is known to the others.
#[tokio::test(start_paused = true)]
async fn a_registry_that_fails_at_mounts_alone_is_sent_the_bytes_and_not_asked_again() {
    for fault in [Error::new(Name::RegistryUnavailable, "500"), Error::new(Name::UnexpectedAnswer, "no Location")] {
        let repositories = ["a", "b", "c", "d"];
        let (source, one) = (Memory::new("source", &repositories), Memory::new("one", &repositories));
        for repository in repositories {
            let image = seed_image(&source, repository, &["a shared layer", repository]);
            source.seed_manifest(repository, &image, Some("1.0"));
        }
        one.state().mounting = Mounting::Referenced;
        let attempts = if fault.is_temporary() { RetryPolicy::default().attempts } else { 1 };
        one.on_call(move |(call, _)| (*call == "mount_blob").then(|| Fault::Fail(fault.clone())));
        let limits = Limits { steps_in_flight: 1, ..Limits::default() };
        let promotion = Promotion::new(source.clone(), [one.clone()], RetryPolicy::default(), limits);
        let release = release(&["a:1.0", "b:1.0", "c:1.0", "d:1.0"]);
        let report = promotion.run(release, Until::Tagged, None).await.unwrap();
        assert_same(&source, &one);
        assert_eq!((report.targets[0].tally.blobs_mounted, one.calls("mount_blob")), (0, attempts as usize));
    }
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once_and_nothing_is_written() {
    let (source, one, two) = world();
    two.state().repositories.remove(&"app/web".parse().unwrap());
    let other = seed_image(&one, "app/api", &["something else"]);
    one.seed_manifest("app/api", &other, Some("1.0"));
    one.state().repositories.get_mut(&"app/api".parse().unwrap()).unwrap().immutable = true;
    let before = one.state().repositories.values().map(|held| held.blobs.len()).sum::<usize>();
    let release = release(&["app/api:1.0", "app/web:1.0", "app/web:2.0"]);
    let error = promotion(&source, &[&one, &two]).run(release, Until::Tagged, None).await.unwrap_err();
    let text = error.to_string();
    for expected in
        ["SourceImageNotFound: app/web:2.0", "TargetRepositoryNotFound: two has no", "TagConflict: app/api:1.0 in one"]
    {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    assert_eq!(one.state().repositories.values().map(|held| held.blobs.len()).sum::<usize>(), before);
    assert_eq!(one.calls("start_upload") + two.calls("start_upload"), 0);
}

#[tokio::test]
async fn a_mutable_tag_moves_and_an_immutable_one_with_the_same_digest_is_fine() {
    let (source, one, _) = world();
    let other = seed_image(&one, "app/web", &["something else"]);
    one.seed_manifest("app/web", &other, Some("1.0"));
    let promotion = promotion(&source, &[&one]);
    // What it moves away from is reported beforehand, while it is staged, and when it is done.
    let plan = promotion.survey(both()).await.judge().unwrap().plan();
    assert_eq!(plan.targets().next().unwrap().before, [Before::Nothing, Before::Other(other.digest())]);
    let moving: Vec<_> =
        plan.moving_tags().map(|(target, image, digest)| (target.name.as_str(), image.to_string(), digest)).collect();
    assert_eq!(moving, [("one", "app/web:1.0".into(), other.digest())]);
    let staged = promotion.run(both(), Until::Staged, None).await.unwrap();
    let previous = Some(other.digest());
    assert_eq!(staged.targets[0].outcomes, [Outcome::Staged { previous: None }, Outcome::Staged { previous }]);
    let tagged = promotion.run(both(), Until::Tagged, None).await.unwrap();
    assert_eq!(tagged.targets[0].outcomes, [Outcome::Promoted { previous: None }, Outcome::Promoted { previous }]);
    for held in one.state().repositories.values_mut() {
        held.immutable = true;
    }
    let again = promotion.run(both(), Until::Tagged, None).await.unwrap();
    assert_eq!(again.targets[0].outcomes, [Outcome::Present, Outcome::Present]);
}

#[tokio::test]
async fn a_digest_and_platforms_that_do_not_hold_are_refused() {
    let (source, one, _) = world();
    let promotion = promotion(&source, &[&one]);
    let entry = |more: &str| {
        let json = format!(
            r#"{{"images":[{{"repository":"app/api","tag":"1.0",{more}}},{{"repository":"app/web","tag":"1.0",{more}}}]}}"#
        );
        Release::parse(json.as_bytes()).unwrap()
    };
    let moved =
        promotion.run(entry(&format!(r#""digest":"{}""#, Digest::of(b"old"))), Until::Tagged, None).await.unwrap_err();
    assert_eq!(moved.name(), Name::DigestMismatch);
    assert!(moved.to_string().contains("2 problems"), "{moved}");
    let platforms = entry(r#""platforms":["linux/amd64","linux/arm64"]"#);
    let missing = promotion.run(platforms, Until::Tagged, None).await.unwrap_err();
    assert_eq!(missing.name(), Name::PolicyViolation);
    assert!(
        missing.to_string().starts_with("app/web:1.0 has no image for linux/arm64, only for linux/amd64"),
        "{missing}"
    );
    promotion.run(entry(r#""platforms":["linux/amd64"]"#), Until::Tagged, None).await.unwrap();
}

#[tokio::test]
async fn an_empty_blob_is_refused_before_anything_is_written() {
    let source = Memory::new("source", &["app"]);
    let image = seed_image(&source, "app", &["", "more"]);
    source.seed_manifest("app", &image, Some("1"));
    let target = Memory::new("target", &["app"]);
    let error = promotion(&source, &[&target]).run(release(&["app:1"]), Until::Tagged, None).await.unwrap_err();
    assert_eq!(error.name(), Name::RegistryLimit);
    assert!(error.to_string().contains("is empty"), "{error}");
    assert_eq!(target.calls("start_upload"), 0);
}

#[tokio::test]
async fn an_index_without_one_of_its_manifests_is_refused() {
    let (source, one, _) = world();
    source.state().repositories.get_mut(&"app/api".parse().unwrap()).unwrap().manifests.pop_first();
    let error = promotion(&source, &[&one]).run(both(), Until::Tagged, None).await;
    // Whichever went missing: the index itself, or something that it lists.
    assert_eq!(error.unwrap_err().name(), Name::SourceImageNotFound);
}
