//! Repositories that fill themselves from another registry.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

mod support;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::{ImageIdentifier, SubjectIdentifier};
use ecr_double::{Caller, EcrDouble, RegistryHandle, sha256};
use image_fixtures::{Content, Image, Index};
use reqwest::Method;
use serde_json::json;
use support::http::{Http, header};
use support::*;

/// A cache below `hub/`, and its upstream with an index of one image under the tag `1`.
async fn stage() -> (EcrDouble, RegistryHandle, RegistryHandle, Content) {
    let (double, cache) = start().await;
    let upstream = double.registry(OTHER, REGION);
    upstream.create_repository("team/app");
    let index = Index::of([("linux/amd64", &image("a"))]).build().tagged("1");
    upstream.put("team/app", &index);
    cache.pull_through("hub", &upstream);
    (double, cache, upstream, index)
}

/// The code of a failed pull, or the failure of the image.
async fn pull(ecr: &Client, tag: Option<&str>, digest: Option<&str>) -> String {
    let id = ImageIdentifier::builder().set_image_tag(tag.map(Into::into)).set_image_digest(digest.map(Into::into));
    let asked = ecr.batch_get_image().repository_name("hub/team/app").image_ids(id.build()).send().await;
    match &asked {
        Ok(answer) if !answer.failures().is_empty() => answer.failures()[0].failure_code().unwrap().to_string(),
        _ => code(asked),
    }
}

#[tokio::test]
async fn a_tag_is_imported_with_all_that_its_index_lists_and_a_digest_is_not() {
    let (double, cache, _, index) = stage().await;
    let ecr = client(&double, ACCOUNT);
    let (root, child) = (index.root().digest.clone(), image("a").digest().to_owned());
    assert_eq!(pull(&ecr, None, Some(&root)).await, "RepositoryNotFoundException");
    assert_eq!(pull(&ecr, Some("2"), None).await, "RepositoryNotFoundException");
    // containers-roadmap#2837: not even with the tag beside it.
    assert_eq!(pull(&ecr, Some("1"), Some(&root)).await, "RepositoryNotFoundException");
    assert_eq!(pull(&ecr, Some("1"), None).await, "no error");
    for digest in [&root, &child] {
        assert_eq!(pull(&ecr, None, Some(digest)).await, "no error");
    }
    assert_eq!((cache.tags("hub/team/app").len(), cache.manifests("hub/team/app").len()), (1, 2));
    assert_eq!(pull(&ecr, Some("2"), None).await, "ImageNotFound");
    // What is no pull imports nothing, and what no rule is for is as it was.
    let described = ecr.describe_images().repository_name("other/team/app").send().await;
    assert_eq!(code(described), "RepositoryNotFoundException");
}

#[tokio::test]
async fn v2_imports_by_tag_too() {
    let (_double, cache, _, index) = stage().await;
    let http = Http::new(&cache);
    let head = |reference: &str| http.ask(Method::HEAD, &format!("/v2/hub/team/app/manifests/{reference}")).send();
    assert_eq!(head(&index.root().digest).await.unwrap().status(), 404);
    assert_eq!(header(&head("1").await.unwrap(), "docker-content-digest"), index.root().digest);
    assert_eq!(head(&index.root().digest).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_layer_is_redirected_to_the_upstream_once() {
    let (double, cache, _, _) = stage().await;
    assert_eq!(pull(&client(&double, ACCOUNT), Some("1"), None).await, "no error");
    let (_, layer) = blobs("a");
    let http = Http::new(&cache);
    let path = format!("/v2/hub/team/app/blobs/{}", sha256(&layer));
    assert_eq!(http.ask(Method::HEAD, &path).send().await.unwrap().status(), 404);
    for account in [OTHER, ACCOUNT] {
        let redirect = http.ask(Method::GET, &path).send().await.unwrap();
        let location = header(&redirect, "location");
        assert!(redirect.status() == 307 && location.contains(&format!("/{account}/")), "{location}");
        let bytes = http.client.get(location).send().await.unwrap().bytes().await.unwrap();
        assert_eq!(bytes, layer);
    }
    assert_eq!(http.ask(Method::HEAD, &path).send().await.unwrap().status(), 200);
    let other = http.ask(Method::GET, &format!("/v2/hub/team/app/blobs/{}", sha256(b"other"))).send().await.unwrap();
    assert_eq!(other.status(), 404);
}

#[tokio::test]
async fn importing_needs_permissions_of_its_own() {
    let (double, cache, _, _) = stage().await;
    let key = "ASIAEXAMPLE";
    double.caller(Caller::named(key, ACCOUNT, "puller"));
    let ecr = client(&double, key);
    let allow_all_but = |action: &str| {
        let statement = json!({ "Effect": "Allow", "NotAction": action, "Resource": "*" });
        double.identity_policies("arn:aws:iam::111122223333:role/puller", &[policy(statement)]);
    };
    for action in ["ecr:BatchGetImage", "ecr:BatchImportUpstreamImage", "ecr:CreateRepository"] {
        allow_all_but(action);
        assert_eq!(pull(&ecr, Some("1"), None).await, "AccessDeniedException", "{action}");
        assert!(!cache.repositories().contains(&"hub/team/app".to_owned()));
    }
    cache.create_repository("hub/team/app");
    allow_all_but("ecr:CreateRepository");
    assert_eq!(pull(&ecr, Some("1"), None).await, "no error");
    allow_all_but("ecr:BatchImportUpstreamImage");
    assert_eq!(pull(&ecr, Some("1"), None).await, "no error", "what is here needs no import");
}

#[tokio::test]
async fn referrers_of_the_upstream_are_listed_and_not_imported() {
    let (double, _cache, upstream, index) = stage().await;
    let referrer = Image::new().config("{}").layer("sbom").subject(index.descriptor()).build();
    upstream.put("team/app", &referrer);
    let ecr = client(&double, ACCOUNT);
    assert_eq!(pull(&ecr, Some("1"), None).await, "no error");
    let subject = SubjectIdentifier::builder().image_digest(&index.root().digest).build().unwrap();
    let listed = ecr.list_image_referrers().repository_name("hub/team/app").subject_id(subject).send().await.unwrap();
    assert_eq!(listed.referrers()[0].digest(), referrer.digest());
    assert_eq!(pull(&ecr, None, Some(referrer.digest())).await, "ImageNotFound");
}
