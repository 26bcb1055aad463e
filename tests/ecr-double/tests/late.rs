//! Reads that see later what was written, as those of other registries do (junjo#19,
//! docker-manifest-create-action#857). Looks are counted, so that nothing here depends on time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

mod support;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::{ImageIdentifier, LayerAvailability};
use ecr_double::{EcrDouble, Fault, FaultRule, RegistryHandle, sha256};
use image_fixtures::Index;
use reqwest::Method;
use support::http::{Http, header, v2_error};
use support::*;

const TWO: Fault = Fault::SeenLate { looks: 2, millis: 0 };

/// A double whose registry holds the blobs of the images `a` and `b`.
async fn stage() -> (EcrDouble, RegistryHandle, Client) {
    let (double, registry) = start().await;
    for seed in ["a", "b"] {
        let (config, layer) = blobs(seed);
        registry.put_blob("app", &config);
        registry.put_blob("app", &layer);
    }
    let ecr = client(&double, ACCOUNT);
    (double, registry, ecr)
}

async fn put(ecr: &Client, bytes: &[u8], media_type: &str, tag: Option<&str>) -> String {
    let text = std::str::from_utf8(bytes).unwrap();
    let put = ecr.put_image().repository_name("app").image_manifest(text).image_manifest_media_type(media_type);
    code(put.set_image_tag(tag.map(str::to_owned)).send().await)
}

fn by_tag(tag: &str) -> ImageIdentifier {
    ImageIdentifier::builder().image_tag(tag).build()
}

fn by_digest(digest: &str) -> ImageIdentifier {
    ImageIdentifier::builder().image_digest(digest).build()
}

/// The digest that BatchGetImage finds.
async fn found(ecr: &Client, id: ImageIdentifier) -> Option<String> {
    let answer = ecr.batch_get_image().repository_name("app").image_ids(id).send().await.unwrap();
    answer.images().first().map(|image| image.image_id().unwrap().image_digest().unwrap().to_owned())
}

#[tokio::test]
async fn a_new_manifest_is_not_there_for_so_many_looks() {
    let (double, registry, ecr) = stage().await;
    double.fault(FaultRule::once("PutImage", TWO));
    let digest = sha256(&manifest("a"));
    assert_eq!(put(&ecr, &manifest("a"), OCI_MANIFEST, None).await, "no error");
    assert_eq!(found(&ecr, by_digest(&digest)).await, None);
    // A write knows what is there.
    assert_eq!(put(&ecr, &manifest("a"), OCI_MANIFEST, None).await, "ImageAlreadyExistsException");
    let path = format!("/v2/app/manifests/{digest}");
    let missing = Http::new(&registry).ask(Method::GET, &path).send().await.unwrap();
    assert_eq!(v2_error(missing).await, (404, "MANIFEST_UNKNOWN".to_owned()));
    assert_eq!(found(&ecr, by_digest(&digest)).await, Some(digest));
    // The rule was for one request.
    assert_eq!(put(&ecr, &manifest("b"), OCI_MANIFEST, None).await, "no error");
    let other = sha256(&manifest("b"));
    assert_eq!(found(&ecr, by_digest(&other)).await, Some(other));
}

#[tokio::test]
async fn a_tag_points_to_what_it_did_before_for_so_many_looks() {
    let (double, registry, ecr) = stage().await;
    let [old, new] = ["a", "b"].map(|seed| seed_digest(&registry, seed));
    double.fault(FaultRule::always("PutImage", TWO));
    assert_eq!(put(&ecr, &manifest("a"), OCI_MANIFEST, Some("1")).await, "no error");
    assert_eq!((found(&ecr, by_tag("1")).await, found(&ecr, by_tag("1")).await), (None, None));
    assert_eq!(found(&ecr, by_tag("1")).await, Some(old.clone()));
    assert_eq!(put(&ecr, &manifest("b"), OCI_MANIFEST, Some("1")).await, "no error");
    assert_eq!(found(&ecr, by_tag("1")).await, Some(old));
    let listed = ecr.list_images().repository_name("app").send().await.unwrap();
    let tagged = listed.image_ids().iter().find(|id| id.image_tag() == Some("1")).unwrap();
    assert_ne!(tagged.image_digest(), Some(new.as_str()), "a list is late as well, and a look");
    assert_eq!(found(&ecr, by_tag("1")).await, Some(new.clone()));
    assert_eq!(registry.tags("app")["1"], new);
}

fn seed_digest(registry: &RegistryHandle, image: &str) -> String {
    seed(registry, "app", image, None)
}

#[tokio::test]
async fn lists_leave_out_what_is_not_seen() {
    let (double, registry, ecr) = stage().await;
    double.fault(FaultRule::once("PutImage", TWO));
    assert_eq!(put(&ecr, &manifest("a"), OCI_MANIFEST, Some("1")).await, "no error");
    let http = Http::new(&registry);
    for expected in ["[]", "[]", r#"["1"]"#] {
        let tags = http.ask(Method::GET, "/v2/app/tags/list").send().await.unwrap().text().await.unwrap();
        assert!(tags.contains(&format!(r#""tags":{expected}"#)), "{tags}");
    }
}

#[tokio::test]
async fn an_index_is_refused_while_its_child_is_not_seen() {
    let (double, registry, ecr) = stage().await;
    double.fault(FaultRule::once("PutImage", TWO));
    assert_eq!(put(&ecr, &manifest("a"), OCI_MANIFEST, None).await, "no error");
    let index = Index::of([("linux/amd64", &image("a"))]).build();
    let index = index.root();
    for expected in ["ReferencedImagesNotFoundException", "ReferencedImagesNotFoundException", "no error"] {
        assert_eq!(put(&ecr, &index.bytes, index.media_type, None).await, expected);
    }
    assert!(registry.manifest("app", &index.digest).is_some());
}

#[tokio::test]
async fn a_blob_is_not_there_for_so_many_looks() {
    let (double, registry) = start().await;
    let (ecr, http) = (client(&double, ACCOUNT), Http::new(&registry));
    let (config, layer) = blobs("a");
    registry.put_blob("app", &config);
    double.fault(FaultRule::once("v2.PutUpload", Fault::SeenLate { looks: 3, millis: 0 }));
    let digest = sha256(&layer);
    let location = http.begin("app").await;
    assert_eq!(http.put(&location, &layer, &digest).await.status(), 201);
    let checked = ecr.batch_check_layer_availability().repository_name("app").layer_digests(&digest);
    let checked = checked.send().await.unwrap();
    assert_eq!(checked.layers()[0].layer_availability(), Some(&LayerAvailability::Unavailable));
    let head = http.ask(Method::HEAD, &format!("/v2/app/blobs/{digest}")).send().await.unwrap();
    assert_eq!((head.status().as_u16(), header(&head, "content-length").as_str()), (404, ""));
    for expected in ["LayersNotFoundException", "no error"] {
        assert_eq!(put(&ecr, &manifest("a"), OCI_MANIFEST, None).await, expected);
    }
}

#[tokio::test]
async fn time_counts_beside_looks_until_reads_catch_up() {
    let (double, _registry, ecr) = stage().await;
    double.fault(FaultRule::once("PutImage", Fault::SeenLate { looks: 0, millis: u64::MAX }));
    assert_eq!(put(&ecr, &manifest("a"), OCI_MANIFEST, Some("1")).await, "no error");
    for _ in 0..3 {
        assert_eq!(found(&ecr, by_tag("1")).await, None);
    }
    double.catch_up();
    assert!(found(&ecr, by_tag("1")).await.is_some());
}
