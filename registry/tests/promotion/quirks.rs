//! What ECR has been seen to do, and a promotion has to live with.

use std::time::Duration;

use ecr_double::{Fault, FaultRule, SameDigest};
use promotion::{Limits, Promotion, RetryPolicy, Until};
use registry::Side;

use crate::world::*;

async fn one_image() -> World {
    let world = World::new(&["app"]).await;
    let image = Image::new().layer(bytes(1, 400_000)).layer(bytes(2, 1_000)).build();
    world.at(SOURCE).put("app", &image.tagged("1"));
    world
}

#[tokio::test]
async fn whatever_happens_once_to_any_request_the_image_arrives_whole() {
    let status = |status| Fault::Status { status, retry_after: None };
    let faults = [
        status(429),
        status(500),
        status(503),
        Fault::Reset,
        Fault::LoseAnswer,
        Fault::NotFound,
        Fault::CutBody { after: 100 },
        Fault::FlipByte { at: 50 },
    ];
    let operations = [
        "BatchGetImage",
        "BatchCheckLayerAvailability",
        "DescribeRepositories",
        "GetAuthorizationToken",
        "PutImage",
        "v2.StartUpload",
        "v2.PutUpload",
        "v2.GetBlob",
        "s3.GetObject",
    ];
    for operation in operations {
        for fault in &faults {
            // Bytes are checked, and URLs expire, where blobs are; elsewhere a flip is for TLS to find, and "not found"
            // is an answer.
            if matches!(fault, Fault::FlipByte { .. } | Fault::NotFound) && operation != "s3.GetObject" {
                continue;
            }
            let world = one_image().await;
            world.double.fault(FaultRule::once(operation, fault.clone()));
            if let Err(error) = world.promote(&["app:1"]).await {
                panic!("{operation} with {fault:?}: {error:?}");
            }
            world.assert_same("app", TARGETS[0]);
            let met = world.double.requests().iter().filter(|request| request.fault.is_some()).count();
            assert!(met == 1, "{operation} with {fault:?} met {met} requests");
        }
    }
}

#[tokio::test]
async fn a_cut_blob_is_resumed_with_a_range_and_sent_once() {
    let world = one_image().await;
    world.double.fault(FaultRule::once("s3.GetObject", Fault::CutBody { after: 150_000 }));
    world.promote(&["app:1"]).await.unwrap();
    world.assert_same("app", TARGETS[0]);
    assert_eq!(world.double.requests_of("v2.PutUpload").len(), 3);
    let sent: u64 = world.double.requests_of("s3.GetObject").iter().map(|request| request.bytes_out).sum();
    let size: u64 = world.at(SOURCE).blobs("app").values().sum();
    assert!(sent <= size + 1_000, "{sent} bytes were read of {size}");
}

#[tokio::test]
async fn expired_tokens_and_urls_are_renewed() {
    let world = one_image().await;
    let promotion = world.promotion(&TARGETS[..1]).await;
    promotion.run(release(&["app:1"]), Until::Staged, None).await.unwrap();
    world.double.expire_tokens();
    world.at(SOURCE).put("app", &Image::new().layer(bytes(3, 10_000)).build().tagged("2"));
    world.double.fault(FaultRule::once("s3.GetObject", Fault::ExpireUrl));
    promotion.run(release(&["app:1", "app:2"]), Until::Tagged, None).await.unwrap();
    world.assert_same("app", TARGETS[0]);
    // One for each registry at first, one for each after they expired.
    assert_eq!(world.double.requests_of("GetAuthorizationToken").len(), 4);
    // And ahead of time, without any refusal.
    world.double.reset_requests();
    world.double.advance_clock(Duration::from_secs(11 * 3600));
    world.at(SOURCE).put("app", &Image::new().layer(bytes(4, 10_000)).build().tagged("3"));
    promotion.run(release(&["app:3"]), Until::Tagged, None).await.unwrap();
    assert!(world.double.requests().iter().all(|request| request.status != 401 && request.status != 403));
}

#[tokio::test]
async fn the_same_digest_under_an_immutable_tag_is_success_however_ecr_puts_it() {
    for answer in [SameDigest::ImageAlreadyExists, SameDigest::ImageTagAlreadyExists] {
        let world = World::new(&[]).await;
        world.double.switch(|switches| switches.immutable_same_digest = answer);
        world.at(SOURCE).create_repository("app");
        world.at(TARGETS[0]).create_repository_with("app", immutable_but(&[]));
        world.at(SOURCE).put("app", &Image::new().layer(bytes(1, 10)).build().tagged("1"));
        // The answer to the first put is lost on its way: the second finds the tag there.
        world.double.fault(FaultRule::once("PutImage", Fault::LoseAnswer).nth(2));
        world.promote(&["app:1"]).await.unwrap();
        world.promote(&["app:1"]).await.unwrap();
        world.assert_same("app", TARGETS[0]);
    }
}

#[tokio::test]
async fn a_layer_that_is_available_and_yet_not_found_is_sent_again() {
    let world = one_image().await;
    world.at(TARGETS[0]).put_blob("app", &bytes(1, 400_000));
    world.double.fault(FaultRule::once("PutImage", Fault::LayersNotFound));
    world.promote(&["app:1"]).await.unwrap();
    world.assert_same("app", TARGETS[0]);
}

/// More of us than know of each other: each keeps to a pace that the others use up. What keeps to it alone is in
/// `quotas`.
#[tokio::test]
async fn throttled_calls_are_made_again() {
    let world = World::new(&["app"]).await;
    let tags: Vec<String> = (0..12).map(|n| format!("app:{n}")).collect();
    let images: Vec<&str> = tags.iter().map(String::as_str).collect();
    for n in 0..12 {
        world.at(SOURCE).put("app", &Image::new().layer(bytes(n, 64)).build().tagged(n.to_string()));
    }
    world.double.quotas(ecr_double::Config::default().ecr_quotas().quotas);
    let source = world.client(SOURCE, SOURCE, Side::Source).await;
    let target = world.client(TARGETS[0], TARGETS[0], Side::Target).await;
    let promotion = Promotion::new(source, [target], RetryPolicy::default(), Limits::default());
    promotion.run(release(&images), Until::Tagged, None).await.unwrap();
    world.assert_same("app", TARGETS[0]);
    assert!(world.double.requests_of("PutImage").iter().any(|request| request.status == 400), "nothing was throttled");
}

/// ECR answers one form of a registry's address, whatever host was asked (hashicorp/terraform-provider-aws#49276).
#[tokio::test]
async fn the_address_that_comes_with_a_token_need_not_be_the_registrys_own() {
    let world = one_image().await;
    world.double.switch(|switches| {
        switches.proxy_endpoint = Some("http://localhost:{port}".to_owned());
        // A location with the registry's own address would be another host, and be shown no token.
        switches.relative_locations = true;
    });
    world.promote(&["app:1"]).await.unwrap();
    world.assert_same("app", TARGETS[0]);
}
