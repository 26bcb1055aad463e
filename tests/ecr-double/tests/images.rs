//! Images through the ECR API, by the AWS SDK.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

mod support;

use aws_sdk_ecr::types::{
    ImageFailureCode, ImageIdentifier, ImageStatusFilter, ImageTagMutability, ListImagesFilter, TagStatus,
};
use ecr_double::{Mutability, RepositoryOptions, SameDigest, Status, sha256};
use image_fixtures::media_type::DOCKER_FOREIGN;
use image_fixtures::{Index, descriptor};
use serde_json::json;
use support::*;

fn tag(tag: &str) -> ImageIdentifier {
    ImageIdentifier::builder().image_tag(tag).build()
}

fn digest(digest: &str) -> ImageIdentifier {
    ImageIdentifier::builder().image_digest(digest).build()
}

#[tokio::test]
async fn an_image_goes_in_and_comes_out_with_its_bytes() {
    let (double, registry) = start().await;
    let (config, layer) = blobs("a");
    registry.put_blob("app", &config);
    registry.put_blob("app", &layer);
    let bytes = String::from_utf8(manifest("a")).unwrap();
    let ecr = client(&double, ACCOUNT);
    let put = ecr.put_image().repository_name("app").image_manifest(&bytes).image_tag("1").send().await.unwrap();
    let id = put.image().unwrap().image_id().unwrap();
    assert_eq!(id.image_digest(), Some(sha256(bytes.as_bytes()).as_str()));
    let got = ecr.batch_get_image().repository_name("app").image_ids(tag("1")).send().await.unwrap();
    assert_eq!(got.images()[0].image_manifest(), Some(bytes.as_str()));
    assert_eq!(got.images()[0].image_manifest_media_type(), Some(OCI_MANIFEST));
}

#[tokio::test]
async fn trouble_with_single_images_comes_under_200() {
    let (double, registry) = start().await;
    let (one, two) = (seed(&registry, "app", "a", Some("1")), seed(&registry, "app", "b", Some("2")));
    registry.set_status("app", &two, Status::Archived);
    let ecr = client(&double, ACCOUNT);
    let cases = [
        (tag("missing"), ImageFailureCode::ImageNotFound),
        (digest(&sha256(b"missing")), ImageFailureCode::ImageNotFound),
        (digest("sha256:short"), ImageFailureCode::InvalidImageDigest),
        (tag("bad+tag"), ImageFailureCode::InvalidImageTag),
        (ImageIdentifier::builder().build(), ImageFailureCode::MissingDigestAndTag),
        (
            ImageIdentifier::builder().image_tag("1").image_digest(&two).build(),
            ImageFailureCode::ImageTagDoesNotMatchDigest,
        ),
        (tag("2"), ImageFailureCode::ImageInaccessible),
    ];
    let ids = cases.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
    let got = ecr
        .batch_get_image()
        .repository_name("app")
        .set_image_ids(Some(ids))
        .image_ids(ImageIdentifier::builder().image_tag("1").image_digest(&one).build())
        .send()
        .await
        .unwrap();
    assert_eq!(got.images().len(), 1);
    let codes: Vec<_> = got.failures().iter().map(|failure| failure.failure_code().unwrap().clone()).collect();
    assert_eq!(codes, cases.map(|(_, code)| code));
}

#[tokio::test]
async fn at_most_100_images_at_once() {
    let (double, _registry) = start().await;
    let ecr = client(&double, ACCOUNT);
    for ids in [Vec::new(), vec![tag("1"); 101]] {
        let refused = ecr.batch_get_image().repository_name("app").set_image_ids(Some(ids)).send().await;
        assert_eq!(code(refused), "InvalidParameterException");
    }
}

#[tokio::test]
async fn by_tag_a_manifest_may_be_converted_by_digest_never() {
    let (double, registry) = start().await;
    let id = seed(&registry, "app", "a", Some("1"));
    let ecr = client(&double, ACCOUNT);
    let ask =
        |image| ecr.batch_get_image().repository_name("app").image_ids(image).accepted_media_types(DOCKER_MANIFEST);
    let by_tag = ask(tag("1")).send().await.unwrap();
    assert_eq!(by_tag.images()[0].image_manifest_media_type(), Some(DOCKER_MANIFEST));
    assert_ne!(sha256(by_tag.images()[0].image_manifest().unwrap().as_bytes()), id);
    let by_digest = ask(digest(&id)).send().await.unwrap();
    assert_eq!(sha256(by_digest.images()[0].image_manifest().unwrap().as_bytes()), id);
}

#[tokio::test]
async fn put_image_wants_everything_in_place() {
    let (double, registry) = start().await;
    let ecr = client(&double, ACCOUNT);
    let bytes = String::from_utf8(manifest("a")).unwrap();
    let put = |text: &str| ecr.put_image().repository_name("app").image_manifest(text);
    let (code_, message) = error(put(&bytes).send().await);
    assert_eq!(code_, "LayersNotFoundException");
    assert!(message.starts_with("Layers with digests '[sha256:") && message.ends_with("do not exist"), "{message}");
    let (config, layer) = blobs("a");
    registry.put_blob("app", &config);
    assert_eq!(code(put(&bytes).send().await), "LayersNotFoundException");
    registry.put_blob("app", &layer);
    let wrong = put(&bytes).image_digest(sha256(b"other")).send().await;
    assert_eq!(code(wrong), "ImageDigestDoesNotMatchException");
    put(&bytes).image_digest(sha256(bytes.as_bytes())).send().await.unwrap();
    assert_eq!(code(put(&bytes).send().await), "ImageAlreadyExistsException");
    put(&bytes).image_tag("1").send().await.unwrap();
    assert_eq!(code(put(&bytes).image_tag("1").send().await), "ImageAlreadyExistsException");

    let children =
        Index::new().entry(image("a").descriptor(), json!({})).entry(descriptor(OCI_MANIFEST, "no"), json!({}));
    let (code_, message) = error(put(&children.build().json().to_string()).send().await);
    assert_eq!(code_, "ReferencedImagesNotFoundException");
    assert!(message.contains(&sha256(b"no")) && !message.contains(&sha256(bytes.as_bytes())), "{message}");
}

#[tokio::test]
async fn malformed_manifests_are_refused() {
    let (double, registry) = start().await;
    let ecr = client(&double, ACCOUNT);
    let good = image("a").json();
    let (config, layer) = blobs("a");
    registry.put_blob("app", &config);
    registry.put_blob("app", &layer);
    let with = |name: &str, value: serde_json::Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed.to_string()
    };
    let mut without_type = good.clone();
    without_type.as_object_mut().unwrap().remove("mediaType");
    let mut annotated = good.clone();
    annotated["config"]["annotations"] = json!({ "a": "b" });
    let huge = with("annotations", json!({ "a": "x".repeat(4_194_304) }));
    let cases = [
        "garbage".to_owned(),
        "{}".to_owned(),
        without_type.to_string(),
        annotated.to_string(),
        with("schemaVersion", json!(1)),
        with("mediaType", json!("application/vnd.docker.distribution.manifest.v1+json")),
        with("layers", json!([])),
        huge,
    ];
    for text in cases {
        let start: String = text.chars().take(60).collect();
        let refused = ecr.put_image().repository_name("app").image_manifest(text).send().await;
        assert_eq!(code(refused), "InvalidParameterException", "{start}");
    }
    let put = ecr.put_image().repository_name("app").image_manifest(without_type.to_string());
    put.image_manifest_media_type(OCI_MANIFEST).send().await.unwrap();
}

#[tokio::test]
async fn foreign_layers_need_not_be_there() {
    let (double, registry) = start().await;
    let (config, layer) = blobs("a");
    registry.put_blob("app", &config);
    let mut changed = image("a").json();
    changed["layers"] = json!([descriptor(DOCKER_FOREIGN, &layer)]);
    let put = client(&double, ACCOUNT).put_image().repository_name("app").image_manifest(changed.to_string());
    put.send().await.unwrap();
}

#[tokio::test]
async fn immutable_tags_stay_where_they_are() {
    let (double, registry) = start().await;
    let mutability = |mode: &str, filters: &[&str]| Mutability {
        mode: mode.to_owned(),
        exclusions: filters.iter().map(|filter| (*filter).to_owned()).collect(),
    };
    let ecr = client(&double, ACCOUNT);
    let cases = [
        ("frozen", mutability("IMMUTABLE", &[]), "1", false),
        ("loose", mutability("IMMUTABLE_WITH_EXCLUSION", &["latest*", "sha256-*"]), "latest-1", true),
        ("tight", mutability("IMMUTABLE_WITH_EXCLUSION", &["latest*"]), "1", false),
        ("some", mutability("MUTABLE_WITH_EXCLUSION", &["v*"]), "v1", false),
        ("most", mutability("MUTABLE_WITH_EXCLUSION", &["v*"]), "1", true),
    ];
    for (name, mutability, tag, moves) in cases {
        registry.create_repository_with(name, RepositoryOptions { mutability, ..RepositoryOptions::default() });
        let first = seed(&registry, name, "a", Some(tag));
        seed(&registry, name, "b", None);
        let put = |text: Vec<u8>| {
            ecr.put_image().repository_name(name).image_manifest(String::from_utf8(text).unwrap()).image_tag(tag).send()
        };
        assert_eq!(code(put(manifest("a")).await), "ImageAlreadyExistsException", "{name}");
        let other = put(manifest("b")).await;
        assert_eq!(code(other), if moves { "no error" } else { "ImageTagAlreadyExistsException" }, "{name}");
        assert_eq!(registry.tags(name)[tag] == first, !moves);
        if !moves {
            double.switch(|switches| switches.immutable_same_digest = SameDigest::ImageTagAlreadyExists);
            assert_eq!(code(put(manifest("a")).await), "ImageTagAlreadyExistsException");
            double.switch(|switches| switches.immutable_same_digest = SameDigest::ImageAlreadyExists);
        }
    }
    let described = ecr.describe_repositories().repository_names("some").send().await.unwrap();
    let described = &described.repositories()[0];
    assert_eq!(described.image_tag_mutability(), Some(&ImageTagMutability::MutableWithExclusion));
    assert_eq!(described.image_tag_mutability_exclusion_filters()[0].filter(), "v*");
}

#[tokio::test]
async fn limits_are_hard() {
    let (double, registry) = start().await;
    seed(&registry, "app", "a", Some("1"));
    let (config, layer) = blobs("b");
    registry.put_blob("app", &config);
    registry.put_blob("app", &layer);
    let ecr = client(&double, ACCOUNT);
    let put =
        || ecr.put_image().repository_name("app").image_manifest(String::from_utf8(manifest("b")).unwrap()).send();
    double.switch(|switches| switches.max_images_per_repository = 1);
    assert_eq!(code(put().await), "LimitExceededException");
    double.switch(|switches| {
        switches.max_images_per_repository = 2;
        switches.max_layers_per_image = Some(0);
    });
    let (code_, message) = error(put().await);
    assert_eq!(
        (code_.as_str(), message.as_str()),
        ("InvalidParameterException", "Limit on number of layers per image exceeded")
    );
}

#[tokio::test]
async fn listing_has_pages() {
    let (double, registry) = start().await;
    for number in 0..5 {
        seed(&registry, "app", &number.to_string(), (number > 0).then_some(format!("t{number}")).as_deref());
    }
    let ecr = client(&double, ACCOUNT);
    let (mut tags, mut next, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = ecr.list_images().repository_name("app").max_results(2).set_next_token(next).send().await.unwrap();
        tags.extend(page.image_ids().iter().map(|id| id.image_tag().map(str::to_owned)));
        pages += 1;
        next = page.next_token().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    tags.sort();
    let named = |number: usize| Some(format!("t{number}"));
    assert_eq!((pages, tags), (3, vec![None, named(1), named(2), named(3), named(4)]));
    let archived = registry.tags("app")["t4"].clone();
    registry.set_status("app", &archived, Status::Archived);
    for (tags, status, expected) in [
        (TagStatus::Tagged, None, 3),
        (TagStatus::Untagged, None, 1),
        (TagStatus::Any, None, 4),
        (TagStatus::Tagged, Some(ImageStatusFilter::Any), 4),
        (TagStatus::Any, Some(ImageStatusFilter::Archived), 1),
    ] {
        let filter = ListImagesFilter::builder().tag_status(tags).set_image_status(status).build();
        let page = ecr.list_images().repository_name("app").filter(filter.clone()).send().await.unwrap();
        assert_eq!(page.image_ids().len(), expected, "{filter:?}");
    }
    registry.set_status("app", &archived, Status::Active);
    let described = ecr.describe_images().repository_name("app").max_results(3).send().await.unwrap();
    assert_eq!((described.image_details().len(), described.next_token().is_some()), (3, true));
    for bad in
        [ecr.list_images().next_token("t2"), ecr.list_images().max_results(1001), ecr.list_images().max_results(0)]
    {
        assert_eq!(code(bad.repository_name("app").send().await), "InvalidParameterException");
    }
    let whole = ecr.describe_images().repository_name("app").image_ids(tag("t1")).image_ids(tag("no")).send().await;
    assert_eq!(code(whole), "ImageNotFoundException");
}

#[tokio::test]
async fn an_image_of_an_index_is_not_deleted() {
    let (double, registry) = start().await;
    let child = image("a");
    let list = Index::of([("", &child)]).build().tagged("list");
    registry.put("app", &list);
    let ecr = client(&double, ACCOUNT);
    let delete = |id| ecr.batch_delete_image().repository_name("app").image_ids(id).send();
    let failed = delete(digest(child.digest())).await.unwrap();
    assert_eq!(failed.failures()[0].failure_code(), Some(&ImageFailureCode::ImageReferencedByManifestList));
    delete(digest(list.digest())).await.unwrap();
    delete(digest(child.digest())).await.unwrap();
    assert!(registry.manifests("app").is_empty());
}
