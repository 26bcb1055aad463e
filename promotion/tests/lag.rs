//! Registries that take seconds to show what they stored, as ghcr.io and Docker Hub do (junjo#19,
//! docker-manifest-create-action#857, manifest-tool#191).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod memory;

use std::time::Duration;

use memory::images::{release, seed_image, seed_index};
use memory::{Call, Fault, Memory};
use promotion::{Error, Limits, Name, Promotion, Report, RetryPolicy, Until};
use tokio::time::Instant;

/// Two images of an index in a source, and a target whose repository has another image under the same tag.
fn world() -> (Memory, Memory) {
    let (source, target) = (Memory::new("source", &["app"]), Memory::new("target", &["app"]));
    let images = ["a layer", "another"].map(|layer| seed_image(&source, "app", &[layer]));
    seed_index(&source, "app", &[&images[0], &images[1]], Some("1.0"));
    let before = seed_image(&target, "app", &["before"]);
    target.seed_manifest("app", &before, Some("1.0"));
    (source, target)
}

async fn promote(source: &Memory, target: &Memory, time: Option<Duration>) -> Result<Report, Error> {
    let promotion = Promotion::new(source.clone(), [target.clone()], RetryPolicy::default(), Limits::default());
    promotion.run(release(&["app:1.0"]), Until::Tagged, time.map(|time| Instant::now() + time)).await
}

/// Each put shows what it wrote after this time, those that `these` are.
fn late(time: Duration, these: &'static [&'static str]) -> impl FnMut(&Call) -> Option<Fault> + Send + 'static {
    move |(operation, _)| these.contains(operation).then_some(Fault::Late(time))
}

fn assert_promoted(source: &Memory, target: &Memory) {
    let app = "app".parse().unwrap();
    assert_eq!(
        target.state().repositories[&app].tags[&"1.0".parse().unwrap()],
        source.state().repositories[&app].tags[&"1.0".parse().unwrap()]
    );
}

#[tokio::test(start_paused = true)]
async fn tags_and_manifests_that_are_seen_late_are_waited_for_and_nothing_is_staged_again() {
    for (seconds, these) in [
        (25, ["tag"].as_slice()),
        (1, &["put_manifest", "tag"]),
        (20, &["put_manifest", "tag"]),
        (28, &["put_manifest"]),
    ] {
        for one_by_one in [false, true] {
            let (source, target) = world();
            target.state().one_by_one = one_by_one;
            target.on_call(late(Duration::from_secs(seconds), these));
            promote(&source, &target, None).await.unwrap_or_else(|error| panic!("{these:?} {seconds} s: {error}"));
            assert_promoted(&source, &target);
            // Each of the three is put once; what an index lists is put again at most twice, and the index until it is
            // taken.
            assert!(target.calls("put_manifest") <= 3 + 2 * 2 + 6, "{} manifests", target.calls("put_manifest"));
            assert!(target.calls("tag") <= 3, "{} tags", target.calls("tag"));
            assert_eq!(target.calls("put_blob"), 4, "no blob is sent twice");
        }
    }
}

/// A target without the tag shows none for a while.
#[tokio::test(start_paused = true)]
async fn a_new_tag_may_take_half_a_minute() {
    let (source, target) = world();
    target.state().repositories.get_mut(&"app".parse().unwrap()).unwrap().tags.clear();
    target.on_call(late(Duration::from_secs(29), &["tag"]));
    let begin = Instant::now();
    promote(&source, &target, None).await.unwrap();
    assert_promoted(&source, &target);
    assert!(begin.elapsed().as_secs() < 35, "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_is_never_shown_is_not_taken_for_deleted() {
    let year = Duration::from_secs(366 * 24 * 3600);
    // The index is not seen after it was put, and it is not known to be deleted.
    let (source, target) = world();
    let image = seed_image(&source, "app", &["plain"]);
    source.seed_manifest("app", &image, Some("1.0"));
    target.on_call(late(year, &["put_manifest"]));
    let error = promote(&source, &target, None).await.unwrap_err();
    assert_eq!(error.name(), Name::RegistryUnavailable, "{error}");
    let text = error.to_string();
    assert!(text.contains("in target is not shown, though the registry said that it is stored"), "{text}");
    assert!(!text.contains("lifecycle"), "{text}");
    assert_eq!(target.calls("tag"), 0);
    // The tag keeps pointing to what it pointed to.
    let (source, target) = world();
    target.on_call(late(year, &["tag"]));
    let error = promote(&source, &target, None).await.unwrap_err();
    assert_eq!(error.name(), Name::RegistryUnavailable, "{error}");
    assert!(error.to_string().contains("is shown as it was before"), "{error}");
}

/// What was read back and is gone at the next step was deleted.
#[tokio::test(start_paused = true)]
async fn what_was_seen_and_is_gone_is_taken_for_deleted() {
    let (source, target) = world();
    let image = seed_image(&source, "app", &["plain"]);
    source.seed_manifest("app", &image, Some("1.0"));
    target.on_call(|(operation, _)| (*operation == "tag").then_some(Fault::Forgetful));
    let error = promote(&source, &target, None).await.unwrap_err();
    assert_eq!(error.name(), Name::PullFailed, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_waiting() {
    let (source, target) = world();
    target.on_call(late(Duration::from_secs(3600), &["tag"]));
    let begin = Instant::now();
    let error = promote(&source, &target, Some(Duration::from_secs(10))).await.unwrap_err();
    assert_eq!((error.name(), begin.elapsed().as_secs()), (Name::OutOfTime, 10), "{error}");
}
