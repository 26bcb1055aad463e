//! Reading manifests and blobs from ECR.

#[cfg(test)]
mod support;

use ecr_double::{Fault, FaultRule, Status};
use image_fixtures::Image;
use image_fixtures::media_type::DOCKER_MANIFEST;
use oci::{Digest, Reference};
use promotion::pull::Consumer as _;
use promotion::{Name, Source};
use registry::Side;
use support::*;

#[tokio::test]
async fn manifests_come_by_tag_and_digest_in_the_order_they_were_asked_for() {
    let stage = Stage::set().await;
    let (one, two) = (hold(&stage.own, b"one", Some("1")), hold(&stage.own, b"two", Some("2")));
    stage.own.set_tag("myapp/api", "also-1", &one.digest().to_string());
    let source = stage.source().await;
    let asked = [
        by_tag("2"),
        Reference::Digest(one.digest()),
        by_tag("missing"),
        by_tag("also-1"),
        Reference::Digest(Digest::of(b"missing")),
        by_tag("1"),
        by_tag("2"),
    ];
    let found = source.manifests(&repository(), &asked).await.unwrap();
    let digests: Vec<_> = found.into_iter().map(|lookup| lookup.unwrap().map(|manifest| manifest.digest())).collect();
    let (one, two) = (Some(one.digest()), Some(two.digest()));
    assert_eq!(digests, [two, one, None, one, None, one, two]);
    assert_eq!((stage.count("*"), source.requests()), (1, 1));
    assert!(source.manifests(&repository(), &[]).await.unwrap().is_empty());
    assert_eq!(stage.count("*"), 1);
}

#[tokio::test]
async fn a_manifest_without_media_type_keeps_its_bytes() {
    let stage = Stage::set().await;
    let image = Image::docker().layer("layer").build().without_media_type();
    stage.own.put("myapp/api", &image.clone().tagged("1"));
    let found =
        stage.source().await.manifests(&repository(), &[by_tag("1")]).await.unwrap().pop().unwrap().unwrap().unwrap();
    assert_eq!((found.raw().as_ref(), found.media_type().as_str()), (image.bytes(), DOCKER_MANIFEST));
}

#[tokio::test]
async fn a_corrupt_or_archived_manifest_fails_alone() {
    let stage = Stage::set().await;
    let (whole, broken, cold) =
        (hold(&stage.own, b"1", Some("1")), hold(&stage.own, b"2", Some("2")), hold(&stage.own, b"3", Some("3")));
    stage.own.corrupt_manifest(&broken.digest().to_string());
    stage.own.set_status("myapp/api", &cold.digest().to_string(), Status::Archived);
    let asked = [by_tag("1"), by_tag("2"), Reference::Digest(broken.digest()), by_tag("3")];
    let found = stage.source().await.manifests(&repository(), &asked).await.unwrap();
    let names: Vec<_> = found.iter().map(|lookup| lookup.as_ref().map_err(promotion::Error::name)).collect();
    assert_eq!(names[0].unwrap().as_ref().unwrap().digest(), whole.digest());
    assert_eq!(names[1..], [Err(Name::CorruptContent), Err(Name::CorruptContent), Err(Name::SourceImageNotFound)]);
    let archived = found[3].as_ref().unwrap_err().to_string();
    assert!(
        archived.contains("aws ecr update-image-storage-class --registry-id 111122223333 --region eu-west-1"),
        "{archived}"
    );
}

#[tokio::test]
async fn all_tags_of_images_that_can_be_pulled_are_listed_page_by_page() {
    let stage = Stage::set().await;
    let digest = hold(&stage.own, b"many", None).digest().to_string();
    let archived = hold(&stage.own, b"archived", Some("t-archived")).digest().to_string();
    stage.own.set_status("myapp/api", &archived, Status::Archived);
    for number in 0..1001 {
        stage.own.set_tag("myapp/api", &format!("t-{number}"), &digest);
    }
    stage.own.set_tag("myapp/api", "sha256-1", &digest);
    let source = stage.source().await;
    let (source, name) = (&source, &repository());
    let tags = |prefix| source.tags(name, prefix);
    assert_eq!(tags("").await.unwrap().unwrap().len(), 1002);
    assert_eq!((stage.count("ListImages"), source.requests()), (2, 2));
    assert_eq!(tags("sha256-").await.unwrap(), Some(vec![tag("sha256-1")]));
    assert!(!source.lists_tags_cheaply());
    let error = source.tags(&"missing".parse().unwrap(), "").await.unwrap_err();
    assert_eq!(error.name(), Name::SourceImageNotFound, "{error}");
}

#[tokio::test]
async fn a_missing_repository_is_named_by_side() {
    let stage = Stage::set().await;
    let missing = "myapp/none".parse().unwrap();
    for (side, name) in [
        (Side::Source, Name::SourceImageNotFound),
        (Side::Target, Name::TargetRepositoryNotFound),
        (Side::Pull, Name::PullFailed),
    ] {
        let ecr = stage.connect(OWN, side).await;
        let error = ecr.manifests(&missing, &[by_tag("1")]).await.unwrap_err();
        assert_eq!((error.name(), error.is_temporary()), (name, false));
        let text = error.to_string();
        assert!(text.contains("repository myapp/none of ECR 111122223333/eu-west-1"), "{text}");
        let create =
            "aws ecr create-repository --registry-id 111122223333 --region eu-west-1 --repository-name myapp/none";
        assert_eq!(text.contains(create) && text.contains("AWS::ECR::Repository"), side == Side::Target, "{text}");
    }
}

#[tokio::test]
async fn a_blob_is_read_from_any_byte_and_s3_sees_no_credential() {
    let stage = Stage::set().await;
    let layer: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    hold(&stage.own, &layer, None);
    let source = stage.source().await;
    assert!(read(&source, &layer, 0).await.unwrap() == layer);
    assert!(read(&source, &layer, 399_990).await.unwrap() == layer[399_990..]);
    assert!(read(&source, &layer, 400_000).await.unwrap().is_empty());
    let storage = stage.double.requests_of("s3.GetObject");
    assert_eq!(storage.iter().map(|request| request.status).collect::<Vec<_>>(), [200, 206]);
    assert!(storage.iter().all(|request| !request.authorised));
    // One token, twice the storage, and the registry once to say where that is.
    assert_eq!((stage.count("*"), source.requests()), (4, 4));
}

#[tokio::test]
async fn troubles_with_blobs_say_whether_opening_again_may_help() {
    let stage = Stage::set().await;
    let layer = [7; 5000];
    hold(&stage.own, &layer, None);
    let source = stage.source().await;
    for (operation, fault, name, temporary) in [
        ("s3.GetObject", Fault::ExpireUrl, Name::RegistryUnavailable, true),
        ("s3.GetObject", Fault::NotFound, Name::SourceImageNotFound, true),
        ("s3.GetObject", Fault::Status { status: 503, retry_after: None }, Name::RegistryUnavailable, true),
        ("s3.GetObject", Fault::Reset, Name::RegistryUnavailable, true),
        ("s3.GetObject", Fault::CutBody { after: 100 }, Name::RegistryUnavailable, true),
        ("s3.GetObject", Fault::ContentLength { length: 4000 }, Name::CorruptContent, false),
        ("v2.GetBlob", Fault::Reset, Name::RegistryUnavailable, true),
        ("v2.GetBlob", Fault::Status { status: 500, retry_after: None }, Name::RegistryUnavailable, true),
        ("v2.GetBlob", Fault::Redirect { url: "http://169.254.169.254/x".into() }, Name::UnexpectedAnswer, false),
        ("v2.GetBlob", Fault::Redirect { url: "http://example.com/x".into() }, Name::UnexpectedAnswer, false),
    ] {
        stage.double.fault(FaultRule::once(operation, fault.clone()));
        let before = stage.count(operation);
        let error = read(&source, &layer, 0).await.unwrap_err();
        assert_eq!((error.name(), error.is_temporary()), (name, temporary), "{fault:?}: {error}");
        assert!(!error.to_string().contains("X-Amz"), "{error}");
        assert_eq!(stage.count(operation), before + 1, "{fault:?} was tried again here");
    }
    assert!(read(&source, &layer, 0).await.unwrap() == layer);
}

#[tokio::test]
async fn a_blob_that_is_gone_is_named_by_side() {
    let stage = Stage::set().await;
    for (side, name) in [(Side::Source, Name::SourceImageNotFound), (Side::Pull, Name::PullFailed)] {
        let error = read(&stage.connect(OWN, side).await, b"never pushed", 0).await.unwrap_err();
        assert_eq!(error.name(), name, "{error}");
        assert!(error.to_string().contains(&Digest::of(b"never pushed").to_string()), "{error}");
    }
}

#[tokio::test]
async fn throttling_is_temporary_and_tells_how_long() {
    let stage = Stage::set().await;
    let source = stage.source().await;
    let throttled = Fault::Status { status: 429, retry_after: Some(7) };
    stage.double.fault(FaultRule::always("*", throttled));
    let errors = [
        source.manifests(&repository(), &[by_tag("1")]).await.unwrap_err(),
        source.registry().await.unwrap_err(),
        source.pull_manifest(&repository(), &by_tag("1")).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.name(), error.is_temporary()), (Name::RegistryUnavailable, true), "{error}");
        assert_eq!(error.retry_after().map(|delay| delay.as_secs()), Some(7), "{error}");
    }
    assert_eq!(stage.count("*"), 3);
}
