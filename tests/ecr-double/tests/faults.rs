//! Faults on demand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

mod support;

use std::time::{Duration, Instant};

use ecr_double::{EcrDouble, Fault, FaultRule, RegistryHandle, sha256};
use image_fixtures::Index;
use reqwest::{Client, Method, RequestBuilder, Response};
use support::*;

async fn staged() -> (EcrDouble, RegistryHandle, Vec<u8>) {
    let (double, registry) = start().await;
    seed(&registry, "app", "a", Some("1"));
    (double, registry, manifest("a"))
}

fn ask(registry: &RegistryHandle, method: Method, path: &str) -> RequestBuilder {
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = client.request(method, format!("http://{}{path}", registry.host()));
    request.header("authorization", format!("Basic {}", registry.token()))
}

async fn get(registry: &RegistryHandle) -> Result<Response, reqwest::Error> {
    ask(registry, Method::GET, "/v2/app/manifests/1").send().await
}

#[tokio::test]
async fn a_status_strikes_as_often_as_told() {
    let (double, registry, _) = staged().await;
    let fault = Fault::Status { status: 429, retry_after: Some(7) };
    double.fault(FaultRule::once("v2.GetManifest", fault).nth(2).repository("app"));
    assert_eq!(get(&registry).await.unwrap().status(), 200);
    let struck = get(&registry).await.unwrap();
    assert_eq!((struck.status().as_u16(), struck.headers()["retry-after"].to_str().unwrap()), (429, "7"));
    assert!(struck.text().await.unwrap().contains("TOOMANYREQUESTS"));
    assert_eq!(get(&registry).await.unwrap().status(), 200);
    let ecr = client(&double, ACCOUNT);
    for (fault, expected) in [
        (Fault::Status { status: 503, retry_after: None }, "ServiceUnavailableException"),
        (Fault::Error { code: "KmsException".into(), message: None }, "KmsException"),
        (Fault::ExpireToken, "ExpiredTokenException"),
        (Fault::Reset, "no service error"),
    ] {
        double.fault(FaultRule::once("DescribeRepositories", fault));
        assert_eq!(code(ecr.describe_repositories().send().await), expected);
    }
    assert_eq!(code(ecr.describe_repositories().send().await), "no error");
    assert_eq!(double.requests_of("Describe*")[3].status, 0);
}

#[tokio::test]
async fn bodies_break_in_many_ways() {
    let (double, registry, bytes) = staged().await;
    let once = |fault| double.fault(FaultRule::once("v2.GetManifest", fault));
    once(Fault::CutBody { after: 10 });
    let cut = get(&registry).await.unwrap();
    assert_eq!(cut.content_length(), Some(bytes.len() as u64));
    assert!(cut.bytes().await.is_err());

    once(Fault::FlipByte { at: 10 });
    let flipped = get(&registry).await.unwrap().bytes().await.unwrap();
    let differing: Vec<usize> = (0..bytes.len()).filter(|at| flipped[*at] != bytes[*at]).collect();
    assert_eq!(differing, [10]);

    once(Fault::ContentLength { length: 5 });
    assert_eq!(get(&registry).await.unwrap().bytes().await.unwrap(), bytes[..5]);
    once(Fault::ContentLength { length: 5000 });
    assert!(get(&registry).await.unwrap().bytes().await.is_err());

    once(Fault::StallBody { after: 10 });
    let stalled = get(&registry).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(300), stalled.bytes()).await.is_err());

    once(Fault::Delay { millis: 200 });
    let begun = Instant::now();
    assert_eq!(get(&registry).await.unwrap().bytes().await.unwrap(), bytes);
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn blobs_break_on_the_s3_side() {
    let (double, registry, _) = staged().await;
    let (_, layer) = blobs("a");
    let path = format!("/v2/app/blobs/{}", sha256(&layer));
    let moved = ask(&registry, Method::GET, &path).send().await.unwrap();
    let url = moved.headers()["location"].to_str().unwrap().to_owned();
    double.fault(FaultRule::once("s3.GetObject", Fault::FlipByte { at: 0 }).reference(&sha256(&layer)));
    assert_ne!(reqwest::get(&url).await.unwrap().bytes().await.unwrap(), layer);
    double.fault(FaultRule::once("s3.GetObject", Fault::Error { code: "ThrottlingException".into(), message: None }));
    let slow = reqwest::get(&url).await.unwrap();
    assert_eq!(slow.status(), 503);
    assert!(slow.text().await.unwrap().contains("SlowDown"));
    double.fault(FaultRule::once("s3.GetObject", Fault::ExpireUrl));
    assert_eq!(reqwest::get(&url).await.unwrap().status(), 403);
    assert_eq!(reqwest::get(&url).await.unwrap().status(), 403, "an expired URL stays expired");
    let away = Fault::Redirect { url: "http://127.0.0.1:9/away".into() };
    double.fault(FaultRule::once("v2.GetBlob", away));
    let moved = ask(&registry, Method::GET, &path).send().await.unwrap();
    assert_eq!(
        (moved.status().as_u16(), moved.headers()["location"].to_str().unwrap()),
        (307, "http://127.0.0.1:9/away")
    );
}

#[tokio::test]
async fn answers_and_requests_get_lost() {
    let (double, registry, _) = staged().await;
    seed(&registry, "app", "b", None);
    double.fault(FaultRule::once("v2.PutManifest", Fault::LoseAnswer));
    let put = ask(&registry, Method::PUT, "/v2/app/manifests/2").header("content-type", OCI_MANIFEST);
    assert!(put.body(manifest("b")).send().await.is_err());
    assert!(registry.tags("app").contains_key("2"), "it was carried out all the same");

    double.fault(FaultRule::once("v2.PutUpload", Fault::CutRequest { after: 100_000 }));
    let begun = ask(&registry, Method::POST, "/v2/app/blobs/uploads/").send().await.unwrap();
    let location = url_path(&begun);
    let body = vec![1_u8; 1_000_000];
    let target = format!("{location}?digest={}", sha256(&body));
    assert!(ask(&registry, Method::PUT, &target).body(body.clone()).send().await.is_err());
    assert!(!registry.blobs("app").contains_key(&sha256(&body)));
    assert_eq!(ask(&registry, Method::PUT, &target).body(body.clone()).send().await.unwrap().status(), 201);

    let elsewhere = Fault::Location { url: "http://127.0.0.1:9/elsewhere".into() };
    double.fault(FaultRule::once("v2.StartUpload", elsewhere));
    let begun = ask(&registry, Method::POST, "/v2/app/blobs/uploads/").send().await.unwrap();
    assert_eq!(
        (begun.status().as_u16(), begun.headers()["location"].to_str().unwrap()),
        (202, "http://127.0.0.1:9/elsewhere")
    );
}

fn url_path(begun: &Response) -> String {
    let location = begun.headers()["location"].to_str().unwrap();
    location.split_once("/v2/").map(|(_, path)| format!("/v2/{path}")).unwrap()
}

#[tokio::test]
async fn layers_are_missing_though_available() {
    let (double, registry, _) = staged().await;
    let (config, layer) = blobs("b");
    registry.put_blob("app", &config);
    registry.put_blob("app", &layer);
    double.fault(FaultRule::once("PutImage", Fault::LayersNotFound));
    let ecr = client(&double, ACCOUNT);
    let put =
        || ecr.put_image().repository_name("app").image_manifest(String::from_utf8(manifest("b")).unwrap()).send();
    let (code_, message) = error(put().await);
    assert_eq!(code_, "LayersNotFoundException");
    assert!(message.contains(&sha256(&layer)), "{message}");
    put().await.unwrap();
}

#[tokio::test]
async fn an_expired_token_stays_expired() {
    let (double, registry, _) = staged().await;
    let token = registry.token();
    let get = async || {
        let request = Client::new().get(format!("http://{}/v2/app/manifests/1", registry.host()));
        request.header("authorization", format!("Basic {token}")).send().await.unwrap().status().as_u16()
    };
    double.fault(FaultRule::once("v2.*", Fault::ExpireToken));
    assert_eq!([get().await, get().await], [403, 403]);
    assert_eq!(ask(&registry, Method::GET, "/v2/app/manifests/1").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn content_vanishes() {
    let (_double, registry, _) = staged().await;
    registry.put("app", &Index::of([("", &image("b"))]).build());
    let blobs_before = registry.blobs("app").len();
    assert_eq!(registry.expire_untagged("app").len(), 2);
    assert_eq!(registry.manifests("app").len(), 1);
    assert_eq!((blobs_before, registry.blobs("app").len()), (4, 2));
}

#[tokio::test]
async fn a_held_request_does_nothing_until_it_is_released() {
    let (double, registry, _) = staged().await;
    let hold = double.hold_nth("v2.GetManifest", ACCOUNT, 2);
    assert_eq!(get(&registry).await.unwrap().status(), 200);
    assert!(!hold.has_arrived());
    let held = {
        let registry = registry.clone();
        tokio::spawn(async move { get(&registry).await.unwrap().status().as_u16() })
    };
    hold.arrived().await;
    // Others pass, and what they see changed is what the held one will see.
    assert_eq!(get(&registry).await.unwrap().status(), 200);
    registry.delete_repository("app");
    assert!(!held.is_finished());
    hold.release();
    assert_eq!(held.await.unwrap(), 404);
}
