//! A source that counts the manifests that are read of it, as Docker Hub does.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod memory;

use memory::Memory;
use memory::images::{attach, list, release, seed_image, seed_index, sign};
use promotion::{Limits, Name, Promotion, Release, RetryPolicy, Until};

/// An index of an index of two images, with referrers of each kind, and images beside it.
fn source(lists_referrers: bool) -> Memory {
    let source = Memory::new("source", &["app", "web"]);
    source.state().counts_pulls = true;
    source.state().one_by_one = true;
    source.state().lists_referrers = lists_referrers;
    let [one, other] = ["amd64", "arm64"].map(|layer| seed_image(&source, "app", &[layer]));
    let inner = seed_index(&source, "app", &[&one, &other], None);
    let root = seed_index(&source, "app", &[&inner], Some("1"));
    let sbom = attach(&source, "app", &root, "sbom");
    attach(&source, "app", &sbom, "signature");
    sign(&source, "app", &root, &["signature"]);
    if lists_referrers {
        // Written before the registry learnt to list.
        list(&source, "app", &root, &[&sbom]);
    }
    let web = seed_image(&source, "web", &["web"]);
    source.seed_manifest("web", &web, Some("1"));
    source
}

fn target(name: &str, lists_referrers: bool) -> Memory {
    let target = Memory::new(name, &["app", "web"]);
    target.state().one_by_one = lists_referrers;
    target.state().lists_referrers = lists_referrers;
    target
}

fn promotion(source: &Memory, targets: &[&Memory]) -> Promotion<Memory, Memory> {
    let targets = targets.iter().map(|target| (*target).clone());
    Promotion::new(source.clone(), targets, RetryPolicy::default(), Limits::default())
}

#[tokio::test]
async fn a_release_that_is_there_costs_no_pull() {
    for lists_referrers in [true, false] {
        let source = source(lists_referrers);
        // Two that keep lists where the source does, and otherwise two that leave them to clients.
        let [one, two] = ["one", "two"].map(|name| target(name, lists_referrers));
        let run = |targets: Vec<Memory>| {
            let source = source.clone();
            async move {
                let before = source.calls("manifests");
                let targets: Vec<_> = targets.iter().collect();
                let promotion = promotion(&source, &targets);
                let report = promotion.run(release(&["app:1", "web:1"]), Until::Tagged, None).await.unwrap();
                assert!(report.notes.is_empty(), "{:?}", report.notes);
                let state = source.state();
                for target in targets {
                    for name in ["app", "web"] {
                        let name = name.parse().unwrap();
                        let held = target.state();
                        let (ours, theirs) = (&state.repositories[&name], &held.repositories[&name]);
                        // A list that clients keep is written anew where it is needed.
                        let wanted =
                            ours.manifests.values().filter(|manifest| manifest.content().children().is_empty());
                        assert!(wanted.into_iter().all(|manifest| theirs.manifests.contains_key(&manifest.digest())));
                        let tag = "1".parse().unwrap();
                        assert_eq!(ours.tags[&tag], theirs.tags[&tag]);
                    }
                }
                drop(state);
                source.calls("manifests") - before
            }
        };
        let first = run(vec![one.clone()]).await;
        assert!(first > 0);
        assert_eq!(run(vec![one.clone()]).await, 0);
        // Another target lacks all of it, and what of it is no image can be had from the first one.
        let second = run(vec![one.clone(), two.clone()]).await;
        assert!(second > 0 && second < first, "{second} and {first}");
        assert_eq!(run(vec![one, two]).await, 0);
    }
}

#[tokio::test]
async fn what_a_tag_points_to_is_checked_all_the_same() {
    let source = source(true);
    let target = target("one", true);
    let run = |release| {
        let promotion = promotion(&source, &[&target]);
        async move { promotion.run(release, Until::Tagged, None).await.unwrap_err() }
    };
    let error = run(release(&["app:2"])).await;
    assert!(error.name() == Name::SourceImageNotFound && error.to_string().contains("app:2"), "{error}");
    let other = oci::Digest::of(b"other");
    let json = format!(r#"{{"images":[{{"repository":"app","tag":"1","digest":"{other}"}}]}}"#);
    let error = run(Release::parse(json.as_bytes()).unwrap()).await;
    assert!(error.name() == Name::DigestMismatch && error.to_string().contains(&other.to_string()), "{error}");
    assert_eq!(source.calls("manifests"), 0);
}
