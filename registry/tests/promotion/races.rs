//! What others do in the middle of a promotion. A request of it is held, they do it, and it goes on.

use std::pin::Pin;

use ecr_double::{Hold, RegistryHandle, Status};
use promotion::{Error, Name, Report, Until};

use crate::world::*;

/// The requests at which a promotion is held, and to which registry each goes.
const MOMENTS: [(&str, &str); 8] = [
    ("BatchGetImage", SOURCE),
    ("BatchGetImage", TARGETS[0]),
    ("DescribeRepositories", TARGETS[0]),
    ("BatchCheckLayerAvailability", TARGETS[0]),
    ("v2.StartUpload", TARGETS[0]),
    ("v2.GetBlob", SOURCE),
    ("v2.PutUpload", TARGETS[0]),
    ("PutImage", TARGETS[0]),
];

/// Images of two tags that share a layer, and an index over both.
async fn two_images() -> World {
    let world = World::new(&["app"]).await;
    let [one, two] =
        [1, 2].map(|n| Image::new().layer(bytes(0, 200_000)).layer(bytes(n, 50_000)).build().tagged(n.to_string()));
    let all = Index::of([("linux/amd64", &one), ("linux/arm64", &two)]).build().tagged("all");
    world.at(SOURCE).put("app", &all);
    world
}

type Promoting = Pin<Box<dyn Future<Output = Result<Report, Error>>>>;

/// A promotion that has come to this request, which is the first of its kind.
async fn held_at(world: &World, images: &[&str], operation: &str, account: &str) -> (Promoting, Hold) {
    held(world, images, world.double.hold(operation, account)).await
}

/// Nothing of it moves until it goes on.
async fn held(world: &World, images: &[&str], hold: Hold) -> (Promoting, Hold) {
    let (promotion, release) = (world.promotion(&TARGETS[..1]).await, release(images));
    let mut promoting: Promoting = Box::pin(async move { promotion.run(release, Until::Tagged, None).await });
    tokio::select! {
        ended = &mut promoting => panic!("it was not held: {ended:?}"),
        () = hold.arrived() => {}
    }
    (promoting, hold)
}

async fn go_on((promoting, hold): (Promoting, Hold)) -> Result<Report, Error> {
    hold.release();
    promoting.await
}

/// Every tag of a registry points to something whole.
fn assert_whole(at: &RegistryHandle, source: &RegistryHandle) {
    let blobs = at.blobs("app");
    for (tag, digest) in at.tags("app") {
        let mut open = vec![digest];
        while let Some(digest) = open.pop() {
            let raw = at.manifest("app", &digest).unwrap_or_else(|| panic!("{tag} lacks {digest}"));
            let manifest: serde_json::Value = serde_json::from_slice(&raw).unwrap();
            let named = |entry: &serde_json::Value| entry["digest"].as_str().unwrap().to_owned();
            open.extend(manifest["manifests"].as_array().into_iter().flatten().map(named));
            let layers = manifest["layers"].as_array().into_iter().flatten();
            for blob in layers.chain(manifest.get("config")).map(named) {
                assert!(blobs.contains_key(&blob), "{tag} lacks {blob}");
                let read = |at: &RegistryHandle| std::fs::read(at.blob_path(&blob)).unwrap();
                assert_eq!(read(at), read(source), "{blob}");
            }
        }
    }
}

#[tokio::test]
async fn the_same_release_twice_at_once() {
    for (operation, account) in MOMENTS {
        let world = two_images().await;
        let images = ["app:all", "app:1", "app:2"];
        let first = held_at(&world, &images, operation, account).await;
        world.promote(&images).await.unwrap_or_else(|error| panic!("second, {operation}: {error}"));
        world.assert_same("app", TARGETS[0]);
        go_on(first).await.unwrap_or_else(|error| panic!("first, {operation}: {error}"));
        world.assert_same("app", TARGETS[0]);
    }
    // And with no order between them at all.
    let world = two_images().await;
    let all = (0..4).map(|_| world.promote(&["app:all", "app:1", "app:2"]));
    for report in futures_util::future::join_all(all).await {
        report.unwrap();
    }
    world.assert_same("app", TARGETS[0]);
}

#[tokio::test]
async fn two_releases_that_share_layers() {
    for (operation, account) in MOMENTS {
        let world = two_images().await;
        let first = held_at(&world, &["app:1"], operation, account).await;
        world.promote(&["app:2"]).await.unwrap_or_else(|error| panic!("second, {operation}: {error}"));
        assert_whole(&world.at(TARGETS[0]), &world.at(SOURCE));
        go_on(first).await.unwrap_or_else(|error| panic!("first, {operation}: {error}"));
        assert_whole(&world.at(TARGETS[0]), &world.at(SOURCE));
        let [source, target] = [SOURCE, TARGETS[0]].map(|account| world.at(account).tags("app"));
        assert!(["1", "2"].iter().all(|tag| source[*tag] == target[*tag]), "{operation}: {target:?}");
    }
}

/// Two releases want one tag. Who writes it last has it, and who finds it elsewhere after writing it says so.
#[tokio::test]
async fn two_releases_that_share_a_tag() {
    let mut mismatches = 0;
    // A promotion writes no tag before its second PutImage, and looks at it after that with its own BatchGetImage.
    for (operation, account) in MOMENTS {
        let world = two_images().await;
        let old = world.at(SOURCE).tags("app")["1"].clone();
        let new = world.at(SOURCE).tags("app")["2"].clone();
        let first = held_at(&world, &["app:1"], operation, account).await;
        world.at(SOURCE).set_tag("app", "1", &new);
        world.promote(&["app:1"]).await.unwrap_or_else(|error| panic!("second, {operation}: {error}"));
        assert_eq!(world.at(TARGETS[0]).tags("app")["1"], new);
        match go_on(first).await {
            // It found the tag where it wants it, or moved it back.
            Ok(_) => {
                let held = world.at(TARGETS[0]).tags("app")["1"].clone();
                match (operation, account) {
                    ("BatchGetImage", SOURCE) => assert_eq!(held, new),
                    // The source is asked at the same time, and may have answered or not.
                    ("BatchGetImage", _) => assert!([&old, &new].contains(&&held), "{held}"),
                    _ => assert_eq!(held, old, "{operation}"),
                }
            }
            Err(error) => {
                assert_eq!(error.name(), Name::DigestMismatch, "{operation}: {error}");
                mismatches += 1;
            }
        }
        assert_whole(&world.at(TARGETS[0]), &world.at(SOURCE));
    }
    assert_eq!(mismatches, 0, "nobody wrote between a write and its check");

    // Between the write and the check of it.
    let world = two_images().await;
    let new = world.at(SOURCE).tags("app")["2"].clone();
    world.promote(&["app:2"]).await.unwrap();
    let promoting = held(&world, &["app:1"], world.double.hold_nth("BatchGetImage", TARGETS[0], 4)).await;
    assert!(world.at(TARGETS[0]).tags("app").contains_key("1"), "the tag was written before");
    world.at(TARGETS[0]).set_tag("app", "1", &new);
    let error = go_on(promoting).await.unwrap_err();
    assert_eq!(error.name(), Name::DigestMismatch);
    assert!(
        error.to_string().contains("somebody else moves this tag too") && error.to_string().contains(&new),
        "{error}"
    );
}

#[tokio::test]
async fn a_tag_that_moves_between_pin_and_copy_changes_nothing() {
    for (operation, account) in MOMENTS.into_iter().skip(1) {
        let world = two_images().await;
        let pinned = world.at(SOURCE).tags("app")["1"].clone();
        let promoting = held_at(&world, &["app:1"], operation, account).await;
        let other = Image::new().layer(bytes(9, 1_000)).build().tagged("1");
        world.at(SOURCE).put("app", &other);
        assert_ne!(other.digest(), pinned);
        go_on(promoting).await.unwrap_or_else(|error| panic!("{operation}: {error}"));
        assert_eq!(world.at(TARGETS[0]).tags("app")["1"], pinned, "{operation}");
        assert_whole(&world.at(TARGETS[0]), &world.at(SOURCE));
    }
}

/// The failure of a promotion that is held here while this happens. No tag is written.
async fn fails(operation: &str, account: &str, meanwhile: impl Fn(&World)) -> Error {
    let world = two_images().await;
    let promoting = held_at(&world, &["app:all"], operation, account).await;
    meanwhile(&world);
    let error = go_on(promoting).await.err().unwrap_or_else(|| panic!("{operation} went on"));
    if world.at(TARGETS[0]).repositories().contains(&"app".into()) {
        assert!(world.at(TARGETS[0]).tags("app").is_empty(), "{operation}");
    }
    assert!(error.to_string().contains("app"), "{operation}: {error}");
    error
}

#[tokio::test]
async fn a_target_repository_that_is_deleted_in_the_middle() {
    for (operation, account) in MOMENTS.into_iter().skip(1) {
        let error = fails(operation, account, |world| world.at(TARGETS[0]).delete_repository("app")).await;
        assert_eq!(error.name(), Name::TargetRepositoryNotFound, "{operation}: {error}");
        assert!(error.to_string().contains("aws ecr create-repository"), "{operation}: {error}");
    }
}

#[tokio::test]
async fn a_source_that_is_deleted_in_the_middle() {
    for (operation, account) in MOMENTS.into_iter().take(6) {
        let error = fails(operation, account, |world| world.at(SOURCE).delete_repository("app")).await;
        assert_eq!(error.name(), Name::SourceImageNotFound, "{operation}: {error}");
        // Only the image, and what it alone has.
        let error = fails(operation, account, |world| {
            let at = world.at(SOURCE);
            at.manifests("app").iter().for_each(|held| at.delete_manifest("app", &held.digest));
            at.blobs("app").keys().for_each(|blob| at.delete_blob(blob));
        })
        .await;
        assert_eq!(error.name(), Name::SourceImageNotFound, "{operation}: {error}");
    }
}

fn archive(at: &RegistryHandle) {
    at.manifests("app").iter().for_each(|held| at.set_status("app", &held.digest, Status::Archived));
}

#[tokio::test]
async fn a_source_that_is_archived_in_the_middle() {
    for (operation, account) in MOMENTS.into_iter().take(6) {
        let error = fails(operation, account, |world| archive(&world.at(SOURCE))).await;
        assert_eq!(error.name(), Name::SourceImageNotFound, "{operation}: {error}");
    }
    let error = fails("BatchGetImage", SOURCE, |world| archive(&world.at(SOURCE))).await;
    assert!(error.to_string().contains("aws ecr update-image-storage-class"), "{error}");
}

/// A layer that only archived images have is sent again; an archived image is not replaced, and the failure says how to
/// restore it.
#[tokio::test]
async fn what_a_target_has_archived() {
    let world = two_images().await;
    world.promote(&["app:1"]).await.unwrap();
    let target = world.at(TARGETS[0]);
    archive(&target);
    let report = world.promote(&["app:2"]).await.unwrap();
    assert!(report.targets[0].tally.bytes_copied >= 250_000, "{report:?}");
    assert_whole(&target, &world.at(SOURCE));
    let error = world.promote(&["app:1"]).await.unwrap_err();
    assert_eq!(error.name(), Name::PullFailed, "{error}");
    assert!(error.to_string().contains("aws ecr update-image-storage-class"), "{error}");
    // In the middle: it was staged, and is archived before it is tagged. Whether it gets its tag is up to ECR; that it
    // cannot be pulled is reported.
    let world = two_images().await;
    let promoting = held(&world, &["app:1"], world.double.hold_nth("PutImage", TARGETS[0], 2)).await;
    archive(&world.at(TARGETS[0]));
    let error = go_on(promoting).await.unwrap_err();
    assert_eq!(error.name(), Name::PullFailed, "{error}");
    assert!(error.to_string().contains("aws ecr update-image-storage-class"), "{error}");
}
