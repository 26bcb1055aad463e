//! All kinds of images, and what they cost.

use oci::MediaType;
use promotion::{ReferrerPolicy, Until};

use crate::world::*;

#[tokio::test]
async fn every_kind_of_image_arrives_byte_for_byte() {
    let world = World::new(&["app"]).await;
    let source = world.at(SOURCE);
    let shared = bytes(1, 70_000);
    let gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
    let zstd = "application/vnd.oci.image.layer.v1.tar+zstd";
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let amd64 = seed_image(&source, "app", &[(gzip, &shared), (zstd, &bytes(2, 9)), (gzip, &shared)], None);
    let arm64 = seed_image(&source, "app", &[(OCI_LAYER, &bytes(3, 300_000))], None);
    let attestation = seed_image(&source, "app", &[("application/vnd.in-toto+json", b"{\"predicate\":{}}")], None);
    let inner = seed_index(&source, "app", MediaType::OciIndex, &[(&arm64, "linux/arm64")], None);
    let entries = [(&amd64, "linux/amd64"), (&inner, "linux/arm64"), (&attestation, "unknown/unknown")];
    seed_index(&source, "app", MediaType::OciIndex, &entries, Some("nested"));
    let docker = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    let windows = seed_docker_image(&source, "app", &[(foreign, b""), (docker, &bytes(4, 5_000))], Some("windows"));
    seed_index(&source, "app", MediaType::DockerManifestList, &[(&windows, "windows/amd64")], Some("list"));
    seed_image(&source, "app", &[("application/vnd.oci.empty.v1+json", b"{}")], Some("artifact"));

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
        seed_image(&world.at(SOURCE), "app", &[(OCI_LAYER, &bytes(n, 64))], Some(&n.to_string()));
    }
    let images: Vec<&str> = tags.iter().map(String::as_str).collect();
    let first = world.promote(&images).await.unwrap();
    assert_eq!(first.targets[0].tally.tags_put, 100);
    world.assert_same("app", TARGETS[0]);

    // For each manifest the registry lists its referrers, and in each hundred tags there is room for those of twenty-five.
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
            let layers: [(&str, &[u8]); 2] = [(OCI_LAYER, &bytes(1, 50_000)), (OCI_LAYER, repository.as_bytes())];
            seed_image(&world.at(SOURCE), repository, &layers, Some("1"));
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
