//! All kinds of images, and what they cost.

use image_fixtures::media_type::{DOCKER_FOREIGN, OCI_EMPTY, OCI_GZIP, OCI_ZSTD};
use image_fixtures::sha256;
use promotion::{ReferrerPolicy, Until};

use crate::world::*;

#[tokio::test]
async fn every_kind_of_image_arrives_byte_for_byte() {
    let world = World::new(&["app"]).await;
    let source = world.at(SOURCE);
    let shared = bytes(1, 70_000);
    let amd64 =
        Image::new().layer_as(OCI_GZIP, shared.clone()).layer_as(OCI_ZSTD, bytes(2, 9)).layer_as(OCI_GZIP, shared);
    let arm64 = Image::new().layer(bytes(3, 300_000)).build();
    let attestation = Image::new().layer_as("application/vnd.in-toto+json", r#"{"predicate":{}}"#).build();
    let inner = Index::of([("linux/arm64", &arm64)]).build();
    let nested = [("linux/amd64", &amd64.build()), ("linux/arm64", &inner), ("unknown/unknown", &attestation)];
    let windows = Image::docker().absent_layer(DOCKER_FOREIGN, sha256("elsewhere"), 9).layer(bytes(4, 5_000));
    let windows = windows.build().tagged("windows");
    let list = Index::of([("windows/amd64", &windows)]).docker().build();
    let artifact = Image::new().layer_as(OCI_EMPTY, "{}").build();
    for image in [Index::of(nested).build().tagged("nested"), list.tagged("list"), artifact.tagged("artifact")] {
        source.put("app", &image);
    }

    let images = ["app:nested", "app:windows", "app:list", "app:artifact"];
    let report = world.promotion(&TARGETS).await.run(release(&images), Until::Tagged, None).await.unwrap();
    for target in TARGETS {
        world.assert_same("app", target);
    }
    assert_eq!(report.non_distributable, 2, "one in each target");
    assert_eq!(report.targets[0].tally.bytes_copied, source.blobs("app").values().sum::<u64>());
    assert!(world.double.requests_of("s3.GetObject").iter().all(|request| !request.authorised));
    assert!(world.double.requests().iter().all(|request| request.operation != "v2.PatchUpload"));
}

#[tokio::test]
async fn a_hundred_images_that_are_there_cost_two_requests_at_most_in_source_and_target() {
    let world = World::new(&["app"]).await;
    let tags: Vec<String> = (0..100).map(|n| format!("app:{n}")).collect();
    for n in 0..100 {
        world.at(SOURCE).put("app", &Image::new().layer(bytes(n, 64)).build().tagged(n.to_string()));
    }
    let images: Vec<&str> = tags.iter().map(String::as_str).collect();
    let first = world.promote(&images).await.unwrap();
    assert_eq!(first.targets[0].tally.tags_put, 100);
    world.assert_same("app", TARGETS[0]);

    // For each manifest the registry lists its referrers, and in each hundred tags there is room for those of
    // twenty-five.
    for (referrer_policy, more) in [(ReferrerPolicy::Leave, 0), (ReferrerPolicy::Carry, 104)] {
        world.double.reset_requests();
        let promotion = world.promotion(&TARGETS[..1]).await.with_referrers(referrer_policy);
        let again = promotion.run(release(&images), Until::Tagged, None).await.unwrap();
        assert_eq!(again.targets[0].images_present, 100);
        let (source, target) = (world.requests(SOURCE), world.requests(TARGETS[0]));
        assert!(source.len() <= 2 + more, "{source:?}");
        assert!(target.len() <= 2, "{target:?}");
        assert_eq!(again.requests as usize, world.double.requests().len(), "our own count is the double's");
    }
}

#[tokio::test]
async fn a_layer_that_repositories_share_is_read_once_and_mounted_where_the_account_allows_it() {
    for mounting in [true, false] {
        let world = World::new(&["aa", "bb", "cc"]).await;
        world.at(TARGETS[0]).blob_mounting(mounting);
        for repository in ["aa", "bb", "cc"] {
            let image = Image::new().layer(bytes(1, 50_000)).layer(repository).build();
            world.at(SOURCE).put(repository, &image.tagged("1"));
        }
        let report = world.promote(&["aa:1", "bb:1", "cc:1"]).await.unwrap();
        for repository in ["aa", "bb", "cc"] {
            world.assert_same(repository, TARGETS[0]);
        }
        // The shared layer and the config, which is the same in all three.
        let mounted = if mounting { 4 } else { 0 };
        assert_eq!(
            (report.targets[0].tally.blobs_mounted, report.targets[0].tally.blobs_copied),
            (mounted, 9 - mounted)
        );
        assert_eq!(world.double.requests_of("s3.GetObject").len() as u64, 9 - mounted);
    }
}
