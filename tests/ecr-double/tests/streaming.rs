//! Large blobs pass through in pieces.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use bytes::Bytes;
use futures_util::StreamExt as _;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use support::*;

const PIECE: usize = 1024 * 1024;
const PIECES: usize = 160;

fn pieces() -> impl Iterator<Item = Bytes> {
    (0..PIECES).map(|number| Bytes::from(vec![u8::try_from(number % 251).unwrap(); PIECE]))
}

/// The high-water mark of a process's memory, in KiB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn memory_does_not_grow_with_a_blob() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecr-double"));
    command.args(["--registry", "111122223333/eu-west-1", "--exit-with-parent"]);
    command.args(["--switch", "v2_blob_needs_image=false"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let control = ready["control"].as_str().unwrap();
    let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let new = json!({ "account": ACCOUNT, "region": REGION, "name": "app" });
    http.post(format!("{control}/repositories")).body(new.to_string()).send().await.unwrap();

    // A token the way clients get one: through the API.
    let config = aws_sdk_ecr::Config::builder()
        .behavior_version(aws_sdk_ecr::config::BehaviorVersion::latest())
        .region(aws_sdk_ecr::config::Region::new(REGION))
        .credentials_provider(aws_sdk_ecr::config::Credentials::new(ACCOUNT, "secret", None, None, "test"))
        .endpoint_url(ready["api"].as_str().unwrap())
        .build();
    let given = aws_sdk_ecr::Client::from_conf(config).get_authorization_token().send().await.unwrap();
    let data = &given.authorization_data()[0];
    let (token, endpoint) = (data.authorization_token().unwrap(), data.proxy_endpoint().unwrap());
    let ask = |method: Method, url: &str| -> RequestBuilder {
        http.request(method, url).header("authorization", format!("Basic {token}"))
    };
    let begun = ask(Method::POST, &format!("{endpoint}/v2/app/blobs/uploads/")).send().await.unwrap();
    let location = begun.headers()["location"].to_str().unwrap().to_owned();
    let before = peak(child.id());
    let whole: Vec<u8> = pieces().flat_map(|piece| piece.to_vec()).collect();
    let digest = ecr_double::sha256(&whole);
    drop(whole);
    let stream = futures_util::stream::iter(pieces().map(Ok::<_, std::io::Error>));
    let patched = ask(Method::PATCH, &location).body(reqwest::Body::wrap_stream(stream)).send().await.unwrap();
    assert_eq!(patched.status(), 201);
    let put = ask(Method::PUT, &format!("{location}?digest={digest}")).send().await.unwrap();
    assert_eq!(put.status(), 201);
    let moved = ask(Method::GET, &format!("{endpoint}/v2/app/blobs/{digest}")).send().await.unwrap();
    let mut body = http.get(moved.headers()["location"].to_str().unwrap()).send().await.unwrap().bytes_stream();
    let mut length = 0;
    while let Some(piece) = body.next().await {
        length += piece.unwrap().len();
    }
    assert_eq!(length, PIECE * PIECES);
    let grown = peak(child.id()) - before;
    assert!(grown < 32 * 1024, "160 MiB passed through, and memory grew by {grown} KiB");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
