//! The `/v2` endpoint, by a plain HTTP client.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

mod support;

use ecr_double::{Mutability, RepositoryOptions, sha256};
use image_fixtures::media_type::OCI_INDEX;
use image_fixtures::{Index, descriptor};
use reqwest::Method;
use serde_json::Value;
use support::http::{Http, header, v2_error};
use support::*;

#[tokio::test]
async fn without_a_token_there_is_a_challenge() {
    let (_double, registry) = start().await;
    let http = Http::new(&registry);
    let asked = http.client.get(format!("http://{}/v2/", http.host)).send().await.unwrap();
    assert_eq!(asked.status(), 401);
    let challenge = header(&asked, "www-authenticate");
    assert_eq!(challenge, format!("Basic realm=\"http://{}/\",service=\"ecr.amazonaws.com\"", http.host));
    assert_eq!(http.ask(Method::GET, "/v2/").send().await.unwrap().status(), 200);
    let forged = http.client.get(format!("http://{}/v2/", http.host)).header("authorization", "Basic QVdTOmFi");
    assert_eq!(v2_error(forged.send().await.unwrap()).await, (403, "DENIED".to_owned()));
}

#[tokio::test]
async fn an_image_goes_in_and_comes_out() {
    let (double, registry) = start().await;
    let http = Http::new(&registry);
    let (config, layer) = blobs("a");
    let loose = registry.put_blob("app", b"no image refers to this");
    let refused = http.ask(Method::GET, &format!("/v2/app/blobs/{loose}")).send().await.unwrap();
    assert_eq!(v2_error(refused).await, (404, "BLOB_UNKNOWN".to_owned()));
    let location = http.begin("app").await;
    let patched = http.ask(Method::PATCH, &location).body(layer.clone()).send().await.unwrap();
    assert_eq!((patched.status().as_u16(), header(&patched, "range")), (201, format!("0-{}", layer.len() - 1)));
    let done = http.put(&header(&patched, "location"), b"", &sha256(&layer)).await;
    assert_eq!((done.status().as_u16(), header(&done, "docker-content-digest")), (201, sha256(&layer)));
    assert_eq!(http.put(&http.begin("app").await, &config, &sha256(&config)).await.status(), 201);

    let bytes = manifest("a");
    let put = http.put_manifest("1", bytes.clone(), OCI_MANIFEST).await;
    assert_eq!((put.status().as_u16(), header(&put, "location")), (201, String::new()));
    assert_eq!(header(&put, "docker-content-digest"), sha256(&bytes));
    assert_eq!(http.put_manifest("1", bytes.clone(), OCI_MANIFEST).await.status(), 201);

    let head = http.ask(Method::HEAD, "/v2/app/manifests/1").send().await.unwrap();
    assert_eq!(header(&head, "docker-content-digest"), sha256(&bytes));
    assert_eq!(header(&head, "content-length"), bytes.len().to_string());
    let got = http.ask(Method::GET, "/v2/app/manifests/1").send().await.unwrap();
    assert_eq!(
        (header(&got, "docker-content-digest"), header(&got, "content-type")),
        (String::new(), OCI_MANIFEST.into())
    );
    assert_eq!(got.bytes().await.unwrap(), bytes);

    let head = http.ask(Method::HEAD, &format!("/v2/app/blobs/{}", sha256(&layer))).send().await.unwrap();
    assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, layer.len().to_string()));
    let moved = http.ask(Method::GET, &format!("/v2/app/blobs/{}", sha256(&layer))).send().await.unwrap();
    assert_eq!(moved.status(), 307);
    let url = header(&moved, "location");
    assert!(url.starts_with(&double.s3_endpoint()));
    assert_eq!(http.client.get(&url).send().await.unwrap().bytes().await.unwrap(), layer);
}

#[tokio::test]
async fn s3_takes_one_kind_of_permission_and_forgets_it() {
    let (double, registry) = start().await;
    seed(&registry, "app", "a", Some("1"));
    let (_, layer) = blobs("a");
    let http = Http::new(&registry);
    let moved = http.ask(Method::GET, &format!("/v2/app/blobs/{}", sha256(&layer))).send().await.unwrap();
    let url = header(&moved, "location");
    let both = http.ask(Method::GET, &url).send().await.unwrap();
    assert_eq!(both.status(), 400);
    assert!(both.text().await.unwrap().contains("Only one auth mechanism allowed"));
    let part = http.client.get(&url).header("range", "bytes=2-5").send().await.unwrap();
    assert_eq!((part.status().as_u16(), header(&part, "content-range")), (206, format!("bytes 2-5/{}", layer.len())));
    assert_eq!(part.bytes().await.unwrap(), layer[2..6]);
    assert_eq!(http.client.get(&url).header("range", "bytes=9999-").send().await.unwrap().status(), 416);
    assert_eq!(http.client.head(&url).send().await.unwrap().status(), 403);
    assert_eq!(http.client.get(url.replace("Expires=3600", "Expires=9999")).send().await.unwrap().status(), 403);
    double.advance_clock(std::time::Duration::from_secs(3601));
    let late = http.client.get(&url).send().await.unwrap();
    assert_eq!(late.status(), 403);
    assert!(late.text().await.unwrap().contains("Request has expired"));
}

#[tokio::test]
async fn errors_have_the_codes_of_ecr() {
    let (double, registry) = start().await;
    let http = Http::new(&registry);
    let code = async |method: Method, path: &str| v2_error(http.ask(method, path).send().await.unwrap()).await;
    assert_eq!(code(Method::GET, "/v2/app/manifests/none").await, (404, "MANIFEST_UNKNOWN".to_owned()));
    assert_eq!(code(Method::GET, "/v2/none/manifests/1").await, (404, "NAME_UNKNOWN".to_owned()));
    assert_eq!(code(Method::POST, "/v2/none/blobs/uploads/").await, (404, "NAME_UNKNOWN".to_owned()));
    let absent = format!("/v2/app/blobs/{}", sha256(b"absent"));
    assert_eq!(code(Method::GET, &absent).await, (404, "BLOB_UNKNOWN".to_owned()));
    let illegal = http.ask(Method::HEAD, "/v2/app/manifests/1+1").send().await.unwrap();
    assert_eq!(illegal.status(), 400);

    let missing = http.put_manifest("1", manifest("a"), OCI_MANIFEST).await;
    assert_eq!(v2_error(missing).await, (404, "BLOB_UPLOAD_UNKNOWN".to_owned()));
    let garbage = http.put_manifest("1", b"garbage".to_vec(), OCI_MANIFEST).await;
    assert_eq!(v2_error(garbage).await, (405, "UNSUPPORTED".to_owned()));
    let wrong = http.put_manifest(&sha256(b"other"), manifest("a"), OCI_MANIFEST).await;
    assert_eq!(v2_error(wrong).await, (400, "MANIFEST_INVALID".to_owned()));
    let childless = Index::new().entry(descriptor(OCI_MANIFEST, "absent"), serde_json::json!({})).build();
    let childless = http.put_manifest("1", childless.bytes().to_vec(), OCI_INDEX).await;
    assert_eq!(v2_error(childless).await, (404, "MANIFEST_BLOB_UNKNOWN".to_owned()));

    let mutability = Mutability { mode: "IMMUTABLE".to_owned(), exclusions: Vec::new() };
    registry.create_repository_with("frozen", RepositoryOptions { mutability, ..RepositoryOptions::default() });
    seed(&registry, "frozen", "a", Some("1"));
    seed(&registry, "frozen", "b", None);
    let moved =
        http.ask(Method::PUT, "/v2/frozen/manifests/1").header("content-type", OCI_MANIFEST).body(manifest("b"));
    assert_eq!(v2_error(moved.send().await.unwrap()).await, (400, "TAG_INVALID".to_owned()));

    double.switch(|switches| switches.hang_up_on_missing_repository = true);
    assert!(http.ask(Method::POST, "/v2/none/blobs/uploads/").send().await.is_err());
}

#[tokio::test]
async fn tags_are_listed_by_following_the_link() {
    let (_double, registry) = start().await;
    for number in 0..3 {
        seed(&registry, "app", &number.to_string(), Some(&format!("t{number}")));
    }
    let http = Http::new(&registry);
    let first = http.ask(Method::GET, "/v2/app/tags/list?n=2").send().await.unwrap();
    let link = header(&first, "link");
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    let page = |text: String| serde_json::from_str::<Value>(&text).unwrap()["tags"].clone();
    assert_eq!(page(first.text().await.unwrap()), serde_json::json!(["t0", "t1"]));
    let second = http.ask(Method::GET, next).send().await.unwrap();
    assert_eq!(header(&second, "link"), "");
    assert_eq!(page(second.text().await.unwrap()), serde_json::json!(["t2"]));
    for bad in ["n=1001", "n=2&last=t0"] {
        let refused = http.ask(Method::GET, &format!("/v2/app/tags/list?{bad}")).send().await.unwrap();
        assert_eq!(v2_error(refused).await, (405, "UNSUPPORTED".to_owned()), "{bad}");
    }
}
