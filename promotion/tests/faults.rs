//! What becomes of a promotion when something goes wrong: it ends whole, or with one named error and no tag on anything
//! incomplete.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod memory;

use std::time::Duration;

use memory::images::{release, seed_image, seed_index};
use memory::{Call, Fault, Memory};
use promotion::{Error, Limits, Name, Promotion, Report, RetryPolicy, Until};
use tokio::time::Instant;

const LAYER: &str = "a layer of some bytes";

/// One image of one index in one repository.
fn world() -> (Memory, Memory, Memory) {
    let source = Memory::new("source", &["app"]);
    let image = seed_image(&source, "app", &[LAYER, "another"]);
    seed_index(&source, "app", &[&image], Some("1.0"));
    (source, Memory::new("one", &["app"]), Memory::new("two", &["app"]))
}

async fn promote(source: &Memory, targets: &[&Memory], time: Option<Duration>) -> Result<Report, Error> {
    let targets: Vec<_> = targets.iter().map(|target| (*target).clone()).collect();
    let promotion = Promotion::new(source.clone(), targets, RetryPolicy::default(), Limits::default());
    promotion.run(release(&["app:1.0"]), Until::Tagged, time.map(|time| Instant::now() + time)).await
}

/// Fails the first `times` calls of an operation.
fn first(times: usize, operation: &'static str, fault: Fault) -> impl FnMut(&Call) -> Option<Fault> + Send + 'static {
    let mut left = times;
    move |(name, _)| {
        let hit = *name == operation && left > 0;
        left -= usize::from(hit);
        hit.then(|| fault.clone())
    }
}

fn unavailable() -> Fault {
    Fault::Fail(Error::new(Name::RegistryUnavailable, "503"))
}

fn assert_whole(target: &Memory) {
    let state = target.state();
    let held = &state.repositories[&"app".parse().unwrap()];
    assert_eq!((held.tags.len(), held.manifests.len(), held.blobs.len()), (1, 2, 3));
}

fn assert_no_tag(target: &Memory) {
    assert!(target.tags("app").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_blob_that_is_cut_goes_on_where_it_was_cut_within_the_same_upload() {
    let (source, one, _) = world();
    // So early that none is whole after two cuts, whichever they strike.
    source.on_call(first(3, "open_blob", Fault::Cut(1)));
    promote(&source, &[&one], None).await.unwrap();
    assert_whole(&one);
    assert_eq!(source.calls("open_blob"), 3 + 3);
    assert_eq!(one.calls("put_blob"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_blob_that_is_cut_for_ever_ends_with_an_error() {
    let (source, one, _) = world();
    source.on_call(first(usize::MAX, "open_blob", Fault::Cut(0)));
    let error = promote(&source, &[&one], None).await.unwrap_err();
    assert_eq!(error.name(), Name::RegistryUnavailable);
    assert!(error.to_string().contains("source ended a blob after 0 of"), "{error}");
    assert_no_tag(&one);
}

/// One byte for each connection is no progress, however many bytes there are.
#[tokio::test(start_paused = true)]
async fn a_source_that_drips_a_byte_per_connection_is_given_up_after_a_few() {
    let (source, one, _) = world();
    source.on_call(first(usize::MAX, "open_blob", Fault::Cut(1)));
    let error = promote(&source, &[&one], None).await.unwrap_err();
    assert_eq!(error.name(), Name::RegistryUnavailable);
    assert!(error.to_string().contains("cut 5 times, and 5 bytes came"), "{error}");
    assert!(source.calls("open_blob") <= 3 * 5, "{} connections", source.calls("open_blob"));
    assert_no_tag(&one);
}

/// A layer of so many bytes.
fn world_of(bytes: usize) -> (Memory, Memory) {
    let (source, one) = (Memory::new("source", &["app"]), Memory::new("one", &["app"]));
    let image = seed_image(&source, "app", &[&"x".repeat(bytes)]);
    source.seed_manifest("app", &image, Some("1.0"));
    (source, one)
}

/// As much in 30 seconds as no connection is cut for, which would take 8 hours for 64 MiB, and months for a large blob.
#[tokio::test(start_paused = true)]
async fn who_drips_bytes_or_takes_drops_is_given_up_after_minutes() {
    let drip = || first(usize::MAX, "open_blob", Fault::Drip((64 << 10) + 1, Duration::from_secs(30)));
    for (fault, operation, says) in [
        (drip(), "open_blob", "source brought"),
        (first(usize::MAX, "put_blob", Fault::Drip(0, Duration::from_secs(59))), "put_blob", "one took"),
    ] {
        let (source, one) = world_of(64 << 20);
        let begin = Instant::now();
        if operation == "put_blob" {
            source.on_call(first(usize::MAX, "open_blob", Fault::Drip(64 << 10, Duration::ZERO)));
            one.on_call(fault);
        } else {
            source.on_call(fault);
        }
        let error = promote(&source, &[&one], None).await.unwrap_err();
        assert_eq!(error.name(), Name::RegistryUnavailable, "{error}");
        assert!(error.to_string().contains(says), "{error}");
        let minutes = begin.elapsed().as_secs() / 60;
        assert!((10..12).contains(&minutes), "{minutes} minutes");
        assert_no_tag(&one);
    }
}

/// 64 MiB at 64 KiB per second: an old mobile network.
#[tokio::test(start_paused = true)]
async fn a_slow_line_is_waited_for_and_so_is_one_that_breaks_after_each_mebibyte() {
    let (source, one) = world_of(64 << 20);
    source.on_call(first(usize::MAX, "open_blob", Fault::Drip(64 << 10, Duration::from_secs(1))));
    promote(&source, &[&one], None).await.unwrap();
    let (source, one) = world_of(64 << 20);
    source.on_call(first(usize::MAX, "open_blob", Fault::Cut(1 << 20)));
    promote(&source, &[&one], None).await.unwrap();
    assert_eq!(one.tags("app").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_came_corrupt_is_read_again_and_not_for_ever() {
    let (source, one, two) = world();
    source.on_call(first(2, "manifests", Fault::Flip(0)));
    promote(&source, &[&one], None).await.unwrap();
    assert_whole(&one);
    let before = source.calls("manifests");
    source.on_call(first(usize::MAX, "manifests", Fault::Flip(0)));
    let error = promote(&source, &[&two], None).await.unwrap_err();
    assert_eq!((error.name(), source.calls("manifests") - before), (Name::CorruptContent, 3), "{error}");
    assert_no_tag(&two);
}

#[tokio::test(start_paused = true)]
async fn a_flipped_byte_never_arrives_and_a_lasting_one_is_corrupt_content() {
    let (source, one, _) = world();
    source.on_call(first(1, "open_blob", Fault::Flip(2)));
    promote(&source, &[&one], None).await.unwrap();
    assert_whole(&one);
    // The last piece was held back: no body of the corrupt blob was complete.
    let received = one.state().received.clone();
    let sizes: Vec<u64> =
        source.state().repositories[&"app".parse().unwrap()].blobs.values().map(|blob| blob.len() as u64).collect();
    assert_eq!(received.iter().filter(|bytes| sizes.contains(bytes)).count(), 3, "{received:?} of {sizes:?}");
    assert_eq!(received.len(), 4);

    let (source, one, _) = world();
    source.on_call(first(usize::MAX, "open_blob", Fault::Flip(0)));
    let error = promote(&source, &[&one], None).await.unwrap_err();
    assert_eq!(error.name(), Name::CorruptContent);
    assert!(error.to_string().contains("its bytes have the digest"), "{error}");
    assert!(one.state().repositories[&"app".parse().unwrap()].blobs.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_sends_more_than_it_promised_is_corrupt() {
    let (source, one, _) = world();
    for blob in source.state().repositories.get_mut(&"app".parse().unwrap()).unwrap().blobs.values_mut() {
        *blob = [blob.clone(), bytes::Bytes::from_static(b"more")].concat().into();
    }
    let error = promote(&source, &[&one], None).await.unwrap_err();
    assert_eq!(error.name(), Name::CorruptContent);
    assert!(error.to_string().contains("more than its"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn every_operation_is_asked_again_when_it_fails_for_a_while() {
    for operation in [
        "manifests",
        "open_blob",
        "repository_settings",
        "has_blobs",
        "start_upload",
        "put_blob",
        "put_manifest",
        "tag",
    ] {
        let (source, one, _) = world();
        source.on_call(first(2, operation, unavailable()));
        one.on_call(first(2, operation, unavailable()));
        promote(&source, &[&one], None).await.unwrap_or_else(|error| panic!("{operation}: {error}"));
        assert_whole(&one);
    }
}

#[tokio::test(start_paused = true)]
async fn layers_that_the_target_forgot_are_sent_again() {
    let (source, one, _) = world();
    one.on_call(first(1, "put_manifest", Fault::Forgetful));
    promote(&source, &[&one], None).await.unwrap();
    assert_whole(&one);
    assert_eq!(one.calls("put_blob"), 3 + 3);
}

#[tokio::test(start_paused = true)]
async fn content_that_is_gone_before_tagging_is_staged_again_but_not_for_ever() {
    // An image, not an index: only a manifest with layers can lack some.
    let plain = || {
        let (source, one, _) = world();
        let image = seed_image(&source, "app", &["plain"]);
        source.seed_manifest("app", &image, Some("1.0"));
        (source, one)
    };
    let (source, one) = plain();
    one.on_call(first(1, "tag", Fault::Forgetful));
    promote(&source, &[&one], None).await.unwrap();
    assert_eq!((one.calls("tag"), one.tags("app").len()), (2, 1));

    let (source, one) = plain();
    one.on_call(first(usize::MAX, "tag", Fault::Expired));
    let error = promote(&source, &[&one], None).await.unwrap_err();
    assert_eq!(error.name(), Name::RegistryUnavailable);
    assert!(error.to_string().contains("keeps disappearing"), "{error}");
    assert_eq!(one.calls("put_manifest"), 3);
    assert_no_tag(&one);

    let (source, one) = plain();
    one.on_call(first(usize::MAX, "put_manifest", Fault::Lost));
    let error = promote(&source, &[&one], None).await.unwrap_err();
    assert_eq!(error.name(), Name::RegistryUnavailable);
    assert!(error.to_string().contains("is not shown, though"), "{error}");
    assert_eq!((one.calls("put_manifest"), one.calls("tag")), (3, 0));
    assert_no_tag(&one);
}

#[tokio::test(start_paused = true)]
async fn what_a_target_says_it_stored_is_read_back_before_and_after_tagging() {
    let (source, one, _) = world();
    // The last put of staging is the index, which nothing else misses.
    let mut puts = 0;
    one.on_call(move |(name, _)| {
        puts += usize::from(*name == "put_manifest");
        (*name == "put_manifest" && puts == 2).then_some(Fault::Lost)
    });
    promote(&source, &[&one], None).await.unwrap();
    assert_eq!((one.calls("put_manifest"), one.calls("tag")), (3, 1));
    assert_whole(&one);

    let (source, one, _) = world();
    one.on_call(first(1, "tag", Fault::Lost));
    promote(&source, &[&one], None).await.unwrap();
    assert_eq!(one.calls("tag"), 2);
    assert_whole(&one);

    let (source, one, _) = world();
    let other = seed_image(&one, "app", &["other"]);
    one.seed_manifest("app", &other, None);
    one.on_call(first(1, "tag", Fault::Moved(other.digest())));
    let error = promote(&source, &[&one], None).await.unwrap_err();
    assert_eq!(error.name(), Name::DigestMismatch);
    assert!(error.to_string().contains(&format!("points to {} now", other.digest())), "{error}");
}

#[tokio::test(start_paused = true)]
async fn one_failing_target_keeps_the_others_from_showing_anything() {
    for operation in ["manifests", "repository_settings", "has_blobs", "start_upload", "put_blob", "put_manifest"] {
        let (source, one, two) = world();
        let denied = Error::new(Name::TargetAccessDenied, "no");
        two.on_call(first(usize::MAX, operation, Fault::Fail(denied)));
        let error = promote(&source, &[&one, &two], None).await.unwrap_err();
        assert_eq!(error.name(), Name::TargetAccessDenied, "{operation}");
        assert_no_tag(&one);
        assert_no_tag(&two);
        two.heal();
        promote(&source, &[&one, &two], None).await.unwrap();
        assert_whole(&one);
        assert_whole(&two);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_cannot_be_written_is_listed_and_the_others_stay() {
    let (source, one, two) = world();
    two.on_call(first(usize::MAX, "tag", Fault::Fail(Error::new(Name::TargetAccessDenied, "ecr:PutImage"))));
    let error = promote(&source, &[&one, &two], None).await.unwrap_err();
    assert_eq!(error.name(), Name::TargetAccessDenied);
    let text = error.to_string();
    assert!(text.starts_with("1 of 2 tags are not written"), "{text}");
    assert!(text.contains("\napp:1.0 in two, pointing to nothing, wanted sha256:"), "{text}");
    assert!(text.contains("TargetAccessDenied: ecr:PutImage"), "{text}");
    assert_whole(&one);
    assert_no_tag(&two);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_says_whether_another_run_would_help() {
    let minute = Some(Duration::from_secs(60));
    for (operation, times, expected) in [
        ("manifests", 0, Name::RegistryUnavailable),
        ("put_blob", 0, Name::RegistryUnavailable),
        ("put_blob", 1, Name::OutOfTime),
        ("tag", 0, Name::OutOfTime),
    ] {
        let (source, one, _) = world();
        let mut passed = 0;
        one.on_call(move |(name, _)| {
            passed += usize::from(*name == operation);
            (*name == operation && passed > times).then_some(Fault::Hang)
        });
        let error = promote(&source, &[&one], minute).await.unwrap_err();
        assert_eq!(error.name(), expected, "{operation} after {times}: {error}");
        assert_no_tag(&one);
        one.heal();
        promote(&source, &[&one], minute).await.unwrap();
        assert_whole(&one);
    }
}

#[tokio::test(start_paused = true)]
async fn a_blob_that_moves_and_does_not_arrive_in_a_whole_invocation_is_too_large() {
    let (source, one, _) = world();
    source.on_call(first(usize::MAX, "open_blob", Fault::Stall(9)));
    let error = promote(&source, &[&one], Some(Duration::from_secs(900))).await.unwrap_err();
    assert_eq!(error.name(), Name::TooLargeForLambda, "{error}");
    assert_no_tag(&one);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_lost_a_blob_of_a_manifest_it_keeps_is_told_from_one_that_expires_what_is_staged() {
    let (source, one, _) = world();
    promote(&source, &[&one], None).await.unwrap();
    {
        let mut state = one.state();
        let held = state.repositories.get_mut(&"app".parse().unwrap()).unwrap();
        held.tags.clear();
        held.blobs.clear();
    }
    let error = promote(&source, &[&one], None).await.unwrap_err();
    assert_eq!(error.name(), Name::PullFailed, "{error}");
    assert_no_tag(&one);
}

#[tokio::test(start_paused = true)]
async fn what_is_staged_is_tagged_without_the_source_where_nothing_is_to_hang_on_it() {
    let (source, one, _) = world();
    one.on_call(first(usize::MAX, "tag", Fault::Fail(Error::new(Name::TargetAccessDenied, "no"))));
    let pins = promotion::Release::pinned(vec![promotion::PinnedImage {
        repository: "app".parse().unwrap(),
        tag: "1.0".parse().unwrap(),
        digest: *source.state().repositories[&"app".parse().unwrap()].tags.values().next().unwrap(),
        parameter: None,
        platforms: vec![],
    }])
    .unwrap();
    let promotion = Promotion::new(source.clone(), [one.clone()], RetryPolicy::default(), Limits::default());
    let promotion = promotion.with_referrers(promotion::ReferrerPolicy::Leave);
    promotion.run(pins.clone(), Until::Tagged, None).await.unwrap_err();
    one.heal();
    source.state().repositories.clear();
    promotion.run(pins, Until::Tagged, None).await.unwrap();
    assert_whole(&one);
}

#[tokio::test(start_paused = true)]
async fn stopped_at_any_call_the_next_run_goes_on_and_no_tag_is_ever_on_something_incomplete() {
    let minute = Some(Duration::from_secs(60));
    for stop in 0.. {
        let (source, one, two) = world();
        let calls = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        for registry in [&source, &one, &two] {
            let calls = calls.clone();
            registry.on_call(move |_| {
                (calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= stop).then_some(Fault::Hang)
            });
        }
        let stopped = promote(&source, &[&one, &two], minute).await;
        for target in [&one, &two] {
            if !target.tags("app").is_empty() {
                assert_whole(target);
            }
            target.heal();
        }
        source.heal();
        let sent = one.calls("put_blob") + two.calls("put_blob");
        promote(&source, &[&one, &two], minute).await.unwrap_or_else(|error| panic!("after a stop at {stop}: {error}"));
        assert_whole(&one);
        assert_whole(&two);
        let again = one.calls("put_blob") + two.calls("put_blob") - sent;
        assert!(sent <= 6 && again <= 6, "{sent} blobs were sent before and {again} after the stop at {stop}");
        if stopped.is_ok() {
            assert!(stop > 20, "only {stop} calls were tried");
            return;
        }
    }
}
