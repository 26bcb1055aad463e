//! Writing blobs and manifests to ECR.

#[cfg(test)]
mod support;

use bytes::Bytes;
use ecr_double::{Encryption, Fault, FaultRule, Mutability, RepositoryOptions, SameDigest};
use futures_util::stream;
use image_fixtures::Index;
use oci::Digest;
use promotion::{Error, ImmutableTags, MountOutcome, Mounting, Name, PutOutcome, Target};
use registry::UntaggedExpiry;
use support::*;

#[tokio::test]
async fn an_image_is_put_together_from_the_bottom() {
    let stage = Stage::set().await;
    let target = stage.target().await;
    let (layer, image) = (b"layer".as_slice(), image(b"layer"));
    let (manifest, whole) = (parsed(&image), parsed(&Index::of([("", &image)]).build()));
    let blobs = [Digest::of(CONFIG), Digest::of(layer)];
    assert_eq!(target.has_blobs(&repository(), &blobs).await.unwrap(), [false, false]);
    assert_eq!(
        target.put_manifest(&repository(), &manifest, None).await.unwrap(),
        PutOutcome::LacksBlobs(sorted(blobs))
    );
    send(&target, &descriptor(layer), layer).await.unwrap();
    assert_eq!(target.has_blobs(&repository(), &blobs).await.unwrap(), [false, true]);
    assert_eq!(
        target.put_manifest(&repository(), &manifest, None).await.unwrap(),
        PutOutcome::LacksBlobs(vec![blobs[0]])
    );
    send(&target, &descriptor(CONFIG), CONFIG).await.unwrap();
    assert_eq!(target.put_manifest(&repository(), &whole, None).await.unwrap(), PutOutcome::LacksManifests);
    for tag in [None, None, Some(tag("1")), Some(tag("1"))] {
        assert_eq!(target.put_manifest(&repository(), &manifest, tag.as_ref()).await.unwrap(), PutOutcome::Stored);
        assert_eq!(target.put_manifest(&repository(), &whole, None).await.unwrap(), PutOutcome::Stored);
    }
    assert_eq!(stage.own.manifest("myapp/api", &whole.digest().to_string()).unwrap(), whole.raw().as_ref());
    assert_eq!(stage.own.tags("myapp/api")["1"], manifest.digest().to_string());
    assert_eq!(stage.count("v2.PatchUpload"), 0);
}

fn frozen() -> Mutability {
    Mutability { mode: "IMMUTABLE".into(), exclusions: vec![] }
}

fn sorted(mut digests: [Digest; 2]) -> Vec<Digest> {
    digests.sort_unstable();
    digests.into()
}

#[tokio::test]
async fn an_immutable_tag_that_holds_the_image_is_success_in_either_wording() {
    let stage = Stage::set().await;
    let immutable = RepositoryOptions { mutability: frozen(), ..RepositoryOptions::default() };
    stage.own.delete_repository("myapp/api");
    stage.own.create_repository_with("myapp/api", immutable);
    let (held, other) = (hold(&stage.own, b"one", Some("1")), hold(&stage.own, b"two", None));
    let target = stage.target().await;
    for wording in [SameDigest::ImageAlreadyExists, SameDigest::ImageTagAlreadyExists] {
        stage.double.switch(|switches| switches.immutable_same_digest = wording);
        assert_eq!(target.put_manifest(&repository(), &held, Some(&tag("1"))).await.unwrap(), PutOutcome::Stored);
    }
    let error = target.put_manifest(&repository(), &other, Some(&tag("1"))).await.unwrap_err();
    let text = error.to_string();
    assert_eq!((error.name(), error.is_temporary()), (Name::TagConflict, false), "{text}");
    assert!(text.contains(&held.digest().to_string()) && text.contains(&other.digest().to_string()), "{text}");
}

#[tokio::test]
async fn layers_may_be_not_found_though_available() {
    let stage = Stage::set().await;
    let manifest = hold(&stage.own, b"layer", None);
    stage.own.delete_manifest("myapp/api", &manifest.digest().to_string());
    let target = stage.target().await;
    stage.double.fault(FaultRule::once("PutImage", Fault::LayersNotFound));
    let blobs = [Digest::of(CONFIG), Digest::of(b"layer")];
    assert_eq!(target.has_blobs(&repository(), &blobs).await.unwrap(), [true, true]);
    assert_eq!(
        target.put_manifest(&repository(), &manifest, None).await.unwrap(),
        PutOutcome::LacksBlobs(sorted(blobs))
    );
    assert_eq!(target.put_manifest(&repository(), &manifest, None).await.unwrap(), PutOutcome::Stored);
}

#[tokio::test]
async fn refusals_of_put_image_have_names_and_are_not_retried() {
    let stage = Stage::set().await;
    let manifest = hold(&stage.own, b"layer", None);
    let target = stage.target().await;
    for (code, name, temporary) in [
        ("ImageDigestDoesNotMatchException", Name::CorruptContent, false),
        ("InvalidParameterException", Name::RegistryLimit, false),
        ("KmsException", Name::TargetAccessDenied, false),
        ("LimitExceededException", Name::RegistryLimit, false),
        ("RepositoryNotFoundException", Name::TargetRepositoryNotFound, false),
        ("ServerException", Name::RegistryUnavailable, true),
        ("ThrottlingException", Name::RegistryUnavailable, true),
        ("AccessDeniedException", Name::TargetAccessDenied, false),
        ("SomethingNewException", Name::UnexpectedAnswer, false),
    ] {
        stage.double.reset_requests();
        stage.double.fault(FaultRule::once("PutImage", Fault::Error { code: code.into(), message: None }));
        let error = target.put_manifest(&repository(), &manifest, None).await.unwrap_err();
        assert_eq!((error.name(), error.is_temporary()), (name, temporary), "{code}: {error}");
        assert!(error.to_string().contains(&manifest.digest().to_string()), "{error}");
        assert_eq!(stage.count("PutImage"), 1, "{code}");
    }
    for fault in [Fault::Reset, Fault::LoseAnswer] {
        stage.double.fault(FaultRule::once("PutImage", fault));
        let error = target.put_manifest(&repository(), &manifest, None).await.unwrap_err();
        assert!(error.is_temporary(), "{error}");
    }
}

#[tokio::test]
async fn a_blob_arrives_whole_or_not_at_all() {
    let stage = Stage::set().await;
    let target = stage.target().await;
    let layer = [3; 100_000];
    let cases = [
        ("v2.PutUpload", Fault::CutRequest { after: 5000 }, Name::RegistryUnavailable),
        ("v2.PutUpload", Fault::Status { status: 500, retry_after: None }, Name::RegistryUnavailable),
        ("v2.PutUpload", Fault::NotFound, Name::RegistryUnavailable),
        ("v2.PutUpload", Fault::Status { status: 429, retry_after: None }, Name::RegistryUnavailable),
    ];
    for (operation, fault, name) in cases {
        stage.double.fault(FaultRule::once(operation, fault.clone()));
        let error = send(&target, &descriptor(&layer), &layer).await.unwrap_err();
        assert_eq!((error.name(), error.is_temporary()), (name, true), "{fault:?}: {error}");
        assert!(stage.own.blobs("myapp/api").is_empty(), "{fault:?}");
    }
    for relative in [true, false] {
        stage.double.switch(|switches| switches.relative_locations = relative);
        send(&target, &descriptor(&layer), &layer).await.unwrap();
    }
    assert_eq!(stage.own.blobs("myapp/api").len(), 1);
}

#[tokio::test]
async fn a_body_that_is_not_what_was_announced_stores_nothing() {
    let stage = Stage::set().await;
    let target = stage.target().await;
    let blob = descriptor(b"0123456789");
    for bytes in [b"012345678".as_slice(), b"01234567890", b"9876543210"] {
        let error = send(&target, &blob, bytes).await.unwrap_err();
        assert_eq!(error.name(), Name::CorruptContent, "{error}");
    }
    let upload = target.start_upload(&repository()).await.unwrap();
    let pieces = [Ok(Bytes::from_static(b"01234")), Err(Error::new(Name::SourceAccessDenied, "no more"))];
    let error = target.put_blob(upload, &blob, stream::iter(pieces)).await.unwrap_err();
    assert_eq!((error.name(), error.to_string().contains("no more")), (Name::SourceAccessDenied, true), "{error}");
    assert!(stage.own.blobs("myapp/api").is_empty());
    let before = stage.count("v2.*");
    let upload = target.start_upload(&repository()).await.unwrap();
    let error = target.put_blob(upload, &descriptor(b""), stream::empty()).await.unwrap_err();
    assert_eq!((error.name(), stage.count("v2.*")), (Name::RegistryLimit, before + 1), "{error}");
}

#[tokio::test]
async fn an_upload_that_is_forgotten_is_a_temporary_failure() {
    let stage = Stage::set().await;
    let target = stage.target().await;
    let upload = target.start_upload(&repository()).await.unwrap();
    assert_eq!(stage.double.drop_uploads(), 1);
    let error =
        target.put_blob(upload, &descriptor(b"x"), stream::iter([Ok(Bytes::from_static(b"x"))])).await.unwrap_err();
    assert_eq!((error.name(), error.is_temporary()), (Name::RegistryUnavailable, true), "{error}");
}

#[tokio::test]
async fn mounting_saves_bytes_where_the_account_allows_it() {
    let stage = Stage::set().await;
    hold(&stage.own, b"layer", None);
    stage.own.create_repository("myapp/web");
    let (target, web, blob) = (stage.target().await, "myapp/web".parse().unwrap(), descriptor(b"layer"));
    assert_eq!(target.mounting().await.unwrap(), Mounting::Never);
    let MountOutcome::Declined(upload) = target.mount_blob(&web, &blob, &repository()).await.unwrap() else {
        panic!("mounted")
    };
    target.put_blob(upload, &descriptor(b"other"), stream::iter([Ok(Bytes::from_static(b"other"))])).await.unwrap();
    stage.own.blob_mounting(true);
    assert_eq!(target.mounting().await.unwrap(), Mounting::Referenced);
    assert!(matches!(target.mount_blob(&web, &blob, &repository()).await.unwrap(), MountOutcome::Mounted));
    assert_eq!(target.has_blobs(&web, &[blob.digest]).await.unwrap(), [true]);
    // A sibling that may not be read is no reason to fail.
    stage.deny("ecr:GetDownloadUrlForLayer");
    assert!(matches!(
        target.mount_blob(&web, &descriptor(CONFIG), &repository()).await.unwrap(),
        MountOutcome::Declined(_)
    ));
    stage.own.blob_mounting(false);
    stage.take("ecr:GetAccountSetting");
    assert_eq!(target.mounting().await.unwrap(), Mounting::Referenced);
}

#[tokio::test]
async fn settings_come_in_order_and_missing_repositories_are_none() {
    let stage = Stage::set().await;
    let kms =
        Encryption { encryption_type: "KMS".into(), kms_key: Some("arn:aws:kms:eu-west-1:111122223333:key/1".into()) };
    let immutable = RepositoryOptions { mutability: frozen(), encryption: kms, ..RepositoryOptions::default() };
    stage.own.create_repository_with("bb", immutable);
    for number in 0..120 {
        stage.own.create_repository(&format!("many/{number}"));
    }
    let target = stage.target().await;
    let named = |name: &str| name.parse().unwrap();
    let found = target.repository_settings(&["xx", "bb", "yy", "myapp/api"].map(named)).await.unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false, true]);
    let b = found[1].as_ref().unwrap();
    assert_eq!(b.encryption, "KMS:arn:aws:kms:eu-west-1:111122223333:key/1");
    assert_eq!(b.immutable_tags, ImmutableTags::AllBut(vec![]));
    assert_eq!(found[3].as_ref().unwrap().encryption, "AES256");
    assert_eq!(stage.count("DescribeRepositories"), 3);
    let many: Vec<_> = (0..120).map(|number| named(&format!("many/{number}"))).collect();
    assert!(target.repository_settings(&many).await.unwrap().iter().all(Option::is_some));
    assert_eq!(stage.count("DescribeRepositories"), 5);
}

#[tokio::test]
async fn lifecycle_rules_that_may_take_staged_images_are_found() {
    let stage = Stage::set().await;
    let target = stage.target().await;
    assert!(target.untagged_expiry(&repository()).await.unwrap().is_empty());
    let policy = r#"{"rules":[{"rulePriority":7,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed",
        "countUnit":"days","countNumber":1},"action":{"type":"expire"}}]}"#;
    let options = RepositoryOptions { lifecycle: Some(policy.into()), ..RepositoryOptions::default() };
    stage.own.create_repository_with("short", options);
    let rules = target.untagged_expiry(&"short".parse().unwrap()).await.unwrap();
    assert_eq!(rules, [UntaggedExpiry { priority: 7, after_days: Some(1), keeps: None }]);
    let missing = target.untagged_expiry(&"none".parse().unwrap()).await.unwrap_err();
    assert_eq!(missing.name(), Name::TargetRepositoryNotFound);
}

#[tokio::test]
async fn an_early_refusal_is_heard_over_a_large_body() {
    let stage = Stage::set().await;
    stage.double.switch(|switches| switches.early_refusals = true);
    let target = stage.target().await;
    let layer = vec![1; 8 << 20];
    let body = || {
        let pieces: Vec<_> = layer.chunks(1 << 16).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        stream::iter(pieces)
    };
    let upload = target.start_upload(&repository()).await.unwrap();
    stage.double.drop_uploads();
    let error = target.put_blob(upload, &descriptor(&layer), body()).await.unwrap_err();
    assert_eq!((error.name(), error.is_temporary()), (Name::RegistryUnavailable, true), "{error}");
    let upload = target.start_upload(&repository()).await.unwrap();
    stage.take("ecr:UploadLayerPart");
    let error = target.put_blob(upload, &descriptor(&layer), body()).await.unwrap_err();
    assert_eq!((error.name(), error.is_temporary()), (Name::TargetAccessDenied, false), "{error}");
}

#[tokio::test]
async fn a_connection_that_is_closed_on_a_missing_repository_is_a_temporary_failure() {
    let stage = Stage::set().await;
    stage.double.switch(|switches| switches.hang_up_on_missing_repository = true);
    let missing = "myapp/none".parse().unwrap();
    let error = stage.target().await.start_upload(&missing).await.unwrap_err();
    assert_eq!((error.name(), error.is_temporary()), (Name::RegistryUnavailable, true), "{error}");
}

#[tokio::test]
async fn manifests_are_put_within_the_quota() {
    let stage = Stage::set().await;
    stage.double.quotas([("PutImage".to_owned(), 10.0)].into());
    let manifest = hold(&stage.own, b"layer", None);
    let (connector, place) = (stage.connector(), registry::RegistryId::new(OWN, REGION));
    let puts = (0..25).map(|number| {
        let (connector, place, manifest) = (connector.clone(), place.clone(), manifest.clone());
        async move {
            let target = connector.connect(place, registry::Side::Target, None).await?;
            target.put_manifest(&repository(), &manifest, Some(&tag(&format!("v{number}")))).await
        }
    });
    for put in futures_util::future::join_all(puts).await {
        assert_eq!(put.unwrap(), PutOutcome::Stored);
    }
}
