//! Every failure that registries can cause, by its name, with what its message has to say; and nothing is tagged.
//!
//! The names that the event, S3, STS and Lambda cause are provoked where those are: in `tests/pipeline` and `lambdas`.

use std::time::Duration;

use ecr_double::{Fault, FaultRule};
use image_fixtures::media_type::OCI_TAR;
use oci::{Descriptor, Digest, Reference};
use promotion::pull::Consumer as _;
use promotion::{Error, Name, Source as _, Until};
use registry::Side;
use tokio::time::Instant;

use crate::world::*;

async fn one_image() -> World {
    let world = World::new(&["app"]).await;
    world.at(SOURCE).put("app", &Image::new().layer(bytes(1, 200_000)).build().tagged("1"));
    world
}

/// Promotes, fails, and leaves no tag.
async fn fail(world: &World, name: Name, says: &[&str]) -> Error {
    let error = world.promote(&["app:1"]).await.unwrap_err();
    assert_eq!(error.name(), name, "{error}");
    for text in says {
        assert!(error.to_string().contains(text), "{text:?} is missing in: {error}");
    }
    if world.at(TARGETS[0]).repositories().contains(&"app".into()) {
        assert!(world.at(TARGETS[0]).tags("app").is_empty());
    }
    error
}

fn written(world: &World) -> Vec<String> {
    let mut requests = world.requests(TARGETS[0]);
    requests.retain(|operation| matches!(operation.as_str(), "PutImage" | "v2.StartUpload" | "v2.PutUpload"));
    requests
}

#[tokio::test]
async fn source_image_not_found() {
    let world = one_image().await;
    let error = world.promote(&["app:2", "app:1", "nowhere:1"]).await.unwrap_err();
    assert_eq!(error.name(), Name::SourceImageNotFound);
    for text in ["2 problems", "app:2", "nowhere", SOURCE] {
        assert!(error.to_string().contains(text), "{text:?} is missing in: {error}");
    }
    assert!(written(&world).is_empty());
}

#[tokio::test]
async fn source_access_denied_says_which_policy_is_missing() {
    let world = one_image().await;
    world.take(SOURCE, "ecr:BatchGetImage");
    fail(&world, Name::SourceAccessDenied, &["ecr:BatchGetImage", "\"Allow\"", "repository/app"]).await;
    world.deny(SOURCE, "ecr:BatchGetImage");
    fail(&world, Name::SourceAccessDenied, &["explicit deny"]).await;
    world.take(SOURCE, "ecr:GetDownloadUrlForLayer");
    fail(&world, Name::SourceAccessDenied, &["ecr:GetDownloadUrlForLayer"]).await;
}

#[tokio::test]
async fn source_access_denied_from_another_account_asks_for_a_repository_policy() {
    let world = one_image().await;
    let stranger = world.client(TARGETS[1], SOURCE, Side::Source).await;
    let app = "app".parse().unwrap();
    let error = stranger.manifests(&app, &[Reference::Tag("1".parse().unwrap())]).await.unwrap_err();
    assert_eq!(error.name(), Name::SourceAccessDenied);
    for text in ["policy of repository app", "\"Principal\"", TARGETS[1]] {
        assert!(error.to_string().contains(text), "{text:?} is missing in: {error}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_asked_for_again() {
    for operation in ["BatchGetImage", "DescribeRepositories", "BatchCheckLayerAvailability", "PutImage"] {
        let world = one_image().await;
        world.double.fault(FaultRule::once(operation, Fault::ContentLength { length: 10 }));
        world.promote(&["app:1"]).await.unwrap();
        world.assert_same("app", TARGETS[0]);
    }
    let world = one_image().await;
    world.double.fault(FaultRule::always("DescribeRepositories", Fault::ContentLength { length: 10 }));
    fail(&world, Name::RegistryUnavailable, &["after 6 attempts", "an answer that cannot be read"]).await;
}

#[tokio::test]
async fn digest_mismatch() {
    let world = one_image().await;
    let pinned = Digest::of(b"what it was");
    let release = release_with(&["app:1"], &format!(r#","digest":"{pinned}""#));
    let error = world.promotion(&TARGETS[..1]).await.run(release, Until::Tagged, None).await.unwrap_err();
    assert_eq!(error.name(), Name::DigestMismatch);
    assert!(error.to_string().contains(&pinned.to_string()), "{error}");
    assert!(written(&world).is_empty());
}

#[tokio::test]
async fn target_repository_not_found_says_how_to_create_it() {
    let world = one_image().await;
    world.at(TARGETS[0]).delete_repository("app");
    let says = ["aws ecr create-repository", "--repository-name app", "--region eu-west-1"];
    fail(&world, Name::TargetRepositoryNotFound, &says).await;
    assert!(written(&world).is_empty());
}

#[tokio::test]
async fn target_access_denied_prints_the_statement() {
    for (action, moved) in [
        ("ecr:BatchGetImage", false),
        ("ecr:BatchCheckLayerAvailability", false),
        ("ecr:DescribeRepositories", false),
        ("ecr:InitiateLayerUpload", false),
        ("ecr:UploadLayerPart", true),
        ("ecr:CompleteLayerUpload", true),
        ("ecr:PutImage", true),
    ] {
        let world = one_image().await;
        world.take(TARGETS[0], action);
        fail(&world, Name::TargetAccessDenied, &[action, "\"Effect\"", TARGETS[0]]).await;
        let bodies: u64 = world.double.requests_of("s3.GetObject").iter().map(|request| request.bytes_out).sum();
        assert!(moved || bodies == 0, "{bodies} bytes were read before {action} was found to be denied");
    }
}

#[tokio::test]
async fn tag_conflict_is_found_before_a_byte_moves() {
    let world = World::new(&[]).await;
    world.at(SOURCE).create_repository("app");
    world.at(TARGETS[0]).create_repository_with("app", immutable_but(&["dev-*"]));
    let [old, older, new, newer] = [("old", "1"), ("older", "dev-1"), ("new", "1"), ("newer", "dev-1")]
        .map(|(layer, tag)| Image::new().layer(layer).build().tagged(tag));
    [old.clone(), older].iter().for_each(|image| world.at(TARGETS[0]).put("app", image));
    [new.clone(), newer].iter().for_each(|image| world.at(SOURCE).put("app", image));
    let error = world.promote(&["app:1", "app:dev-1"]).await.unwrap_err();
    assert_eq!(error.name(), Name::TagConflict);
    assert!(error.to_string().contains(old.digest()) && error.to_string().contains(new.digest()), "{error}");
    assert!(!error.to_string().contains("dev-1"), "{error}");
    assert!(written(&world).is_empty());
    world.promote(&["app:dev-1"]).await.unwrap();
}

#[tokio::test]
async fn policy_violation() {
    let world = one_image().await;
    let release = release_with(&["app:1"], r#","platforms":["linux/amd64","linux/arm64"]"#);
    let error = world.promotion(&TARGETS[..1]).await.run(release, Until::Tagged, None).await.unwrap_err();
    assert_eq!(error.name(), Name::PolicyViolation);
    assert!(error.to_string().contains("linux/arm64"), "{error}");
    assert!(written(&world).is_empty());
}

#[tokio::test]
async fn pull_failed() {
    let world = one_image().await;
    let at = world.at(SOURCE);
    let (digest, size) = at.blobs("app").into_iter().max_by_key(|(_, size)| *size).unwrap();
    let blob = Descriptor { media_type: OCI_TAR.into(), digest: digest.parse().unwrap(), size, platform: None };
    let (app, consumer) = ("app".parse().unwrap(), world.client(SOURCE, SOURCE, Side::Pull).await);
    consumer.probe_blob(&app, &blob).await.unwrap();
    // The one byte that was asked for may still be on its way.
    assert!(world.double.requests_of("s3.GetObject")[0].bytes_out <= 1, "nothing is downloaded");
    let lying = Descriptor { size: size + 1, ..blob.clone() };
    assert_eq!(consumer.probe_blob(&app, &lying).await.unwrap_err().name(), Name::PullFailed);
    at.delete_blob(&digest);
    assert_eq!(consumer.probe_blob(&app, &blob).await.unwrap_err().name(), Name::PullFailed);
    let by_tag = Reference::Tag("2".parse().unwrap());
    assert_eq!(consumer.pull_manifest(&app, &by_tag).await.unwrap_err().name(), Name::PullFailed);
}

#[tokio::test]
async fn corrupt_content() {
    let world = one_image().await;
    let (digest, _) = world.at(SOURCE).blobs("app").into_iter().max_by_key(|(_, size)| *size).unwrap();
    world.at(SOURCE).corrupt_blob(&digest);
    fail(&world, Name::CorruptContent, &[&digest, "app"]).await;
    assert!(!world.at(TARGETS[0]).blobs("app").contains_key(&digest));

    let world = one_image().await;
    let digest = world.at(SOURCE).tags("app")["1"].clone();
    world.at(SOURCE).corrupt_manifest(&digest);
    fail(&world, Name::CorruptContent, &["app"]).await;
}

#[tokio::test]
async fn registry_limit_is_not_taken_for_throttling() {
    let world = one_image().await;
    world.double.switch(|switches| switches.max_images_per_repository = 0);
    fail(&world, Name::RegistryLimit, &["app"]).await;
    assert_eq!(world.double.requests_of("PutImage").len(), 1, "asking again does not help");

    let world = one_image().await;
    world.double.switch(|switches| switches.max_layers_per_image = Some(0));
    fail(&world, Name::RegistryLimit, &["layers"]).await;
}

#[tokio::test]
async fn out_of_time_and_too_large_for_lambda() {
    let world = one_image().await;
    let config = FaultRule::always("s3.GetObject", Fault::StallBody { after: 150_000 });
    let promotion = world.promotion(&TARGETS[..1]).await;
    // The config is shorter than what still arrives.
    world.double.fault(config);
    let soon = || Some(Instant::now() + Duration::from_secs(2));
    let error = promotion.run(release(&["app:1"]), Until::Tagged, soon()).await.unwrap_err();
    assert_eq!(error.name(), Name::OutOfTime, "{error}");
    let error = promotion.run(release(&["app:1"]), Until::Tagged, soon()).await.unwrap_err();
    assert_eq!(error.name(), Name::TooLargeForLambda, "{error}");
    assert!(error.to_string().contains("200000 bytes"), "{error}");
    world.double.clear_faults();
    promotion.run(release(&["app:1"]), Until::Tagged, None).await.unwrap();
    world.assert_same("app", TARGETS[0]);
}

#[tokio::test]
async fn registry_unavailable() {
    for operation in ["BatchGetImage", "PutImage", "v2.StartUpload", "v2.PutUpload", "s3.GetObject"] {
        let world = one_image().await;
        world.double.fault(FaultRule::always(operation, Fault::Status { status: 503, retry_after: None }));
        let error = fail(&world, Name::RegistryUnavailable, &["503"]).await;
        assert!(error.is_temporary(), "{operation}: {error}");
    }
}

#[tokio::test]
async fn no_message_shows_a_token_or_a_signed_url() {
    let world = one_image().await;
    let token = world.at(SOURCE).token();
    for operation in ["v2.GetBlob", "s3.GetObject", "v2.PutUpload"] {
        for status in [400, 403, 404, 500] {
            world.double.clear_faults();
            world.double.fault(FaultRule::always(operation, Fault::Status { status, retry_after: None }));
            let error = world.promote(&["app:1"]).await.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("X-Amz-") && !shown.contains(&token), "{operation} {status}: {shown}");
        }
    }
}
