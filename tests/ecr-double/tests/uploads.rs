//! Blob uploads and mounts through `/v2`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

mod support;

use ecr_double::{Encryption, LaterChunks, RepositoryOptions, sha256};
use reqwest::Method;
use support::http::{Http, header, v2_error};
use support::*;

#[tokio::test]
async fn chunks_after_the_first_are_lost() {
    let (double, registry) = start().await;
    let http = Http::new(&registry);
    let bytes = vec![7_u8; 12 * 1024 * 1024];
    let (first, rest) = bytes.split_at(6 * 1024 * 1024);
    let chunk = |location: &str, part: &[u8], from: usize| {
        let range = format!("{from}-{}", from + part.len() - 1);
        http.ask(Method::PATCH, location).header("content-range", range).body(part.to_vec()).send()
    };
    for (mode, status) in [(LaterChunks::Dropped, 201), (LaterChunks::Stale, 201), (LaterChunks::Accepted, 201)] {
        double.switch(|switches| switches.later_chunks = mode);
        let location = http.begin("app").await;
        let one = chunk(&location, first, 0).await.unwrap();
        assert_eq!(header(&one, "range"), format!("0-{}", first.len() - 1));
        let two = chunk(&location, rest, first.len()).await.unwrap();
        assert_eq!(two.status(), status);
        let advanced = header(&two, "range") == format!("0-{}", bytes.len() - 1);
        assert_eq!(advanced, mode == LaterChunks::Accepted);
        let done = http.put(&location, b"", &sha256(&bytes)).await;
        assert_eq!(done.status() == 201, mode != LaterChunks::Dropped, "{mode:?}");
        registry.delete_blob(&sha256(&bytes));
    }
    let location = http.begin("app").await;
    assert_eq!(chunk(&location, first, 5).await.unwrap().status(), 416);
    double.switch(|switches| switches.later_chunks = LaterChunks::Accepted);
    let location = http.begin("app").await;
    chunk(&location, b"small", 0).await.unwrap();
    chunk(&location, b"small", 5).await.unwrap();
    let small = http.put(&location, b"", &sha256(b"smallsmall")).await;
    assert_eq!(v2_error(small).await, (400, "BLOB_UPLOAD_INVALID".to_owned()));
}

#[tokio::test]
async fn wrong_empty_and_unfinished_blobs_are_not_kept() {
    let (_double, registry) = start().await;
    let http = Http::new(&registry);
    let wrong = http.put(&http.begin("app").await, b"bytes", &sha256(b"others")).await;
    assert_eq!(v2_error(wrong).await, (400, "DIGEST_INVALID".to_owned()));
    let empty = http.put(&http.begin("app").await, b"", &sha256(b"")).await;
    assert_eq!(v2_error(empty).await, (400, "BLOB_UPLOAD_INVALID".to_owned()));
    let location = http.begin("app").await;
    let pieces = futures_util::stream::iter([Ok(vec![1_u8; 1000]), Err(std::io::Error::other("gone"))]);
    let broken = http.ask(Method::PATCH, &location).body(reqwest::Body::wrap_stream(pieces)).send().await;
    assert!(broken.is_err());
    // The upload is as it was before: the whole blob still fits.
    assert_eq!(http.put(&location, b"bytes", &sha256(b"bytes")).await.status(), 201);
    assert_eq!(registry.blobs("app").len(), 1);
    let gone = http.put(&location, b"bytes", &sha256(b"bytes")).await;
    assert_eq!(v2_error(gone).await, (404, "BLOB_UPLOAD_UNKNOWN".to_owned()));
    assert_eq!(http.ask(Method::GET, &location).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_blob_is_mounted_only_when_all_agrees() {
    let (_double, registry) = start().await;
    seed(&registry, "app", "a", Some("1"));
    let (_, layer) = blobs("a");
    let loose = registry.put_blob("app", b"no image refers to this");
    registry.create_repository("second");
    let encryption = Encryption { encryption_type: "KMS".to_owned(), kms_key: Some("key".to_owned()) };
    registry.create_repository_with("other", RepositoryOptions { encryption, ..RepositoryOptions::default() });
    let http = Http::new(&registry);
    let mount = async |to: &str, digest: &str, from: &str| {
        let path = format!("/v2/{to}/blobs/uploads/?mount={digest}&from={from}");
        let answer = http.ask(Method::POST, &path).send().await.unwrap();
        (answer.status().as_u16(), header(&answer, "location"))
    };
    let (status, location) = mount("second", &sha256(&layer), "app").await;
    assert_eq!(status, 202, "mounting is off by default");
    assert_eq!(http.put(&location, b"else", &sha256(b"else")).await.status(), 201);
    registry.blob_mounting(true);
    assert_eq!(mount("second", &sha256(&layer), "app").await.0, 201);
    assert!(registry.blobs("second").contains_key(&sha256(&layer)));
    assert_eq!(mount("other", &sha256(&layer), "app").await.0, 202);
    assert_eq!(mount("second", &loose, "app").await.0, 202);
    assert_eq!(mount("second", &sha256(b"absent"), "app").await.0, 202);
    assert_eq!(mount("second", &sha256(&layer), "absent").await.0, 202);
}

#[tokio::test]
async fn locations_may_be_relative() {
    let (double, registry) = start().await;
    let http = Http::new(&registry);
    assert!(http.begin("app").await.starts_with(&format!("http://{}/v2/", registry.host())));
    double.switch(|switches| switches.relative_locations = true);
    let location = http.begin("app").await;
    assert!(location.starts_with("/v2/app/blobs/uploads/"), "{location}");
    assert_eq!(http.put(&location, b"bytes", &sha256(b"bytes")).await.status(), 201);
}
