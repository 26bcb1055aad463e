//! Callers that an STS knows. The STS here is a few lines; MiniStack answers in the same form.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use ecr_double::{Config, EcrDouble};
use support::*;

/// Answers every request by its action; with `400` what it does not know.
fn fake_sts() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut seen) = (stream.unwrap(), String::new());
            while !seen.contains("Action=") {
                let mut piece = [0; 4096];
                let read = stream.read(&mut piece).unwrap();
                seen.push_str(&String::from_utf8_lossy(&piece[..read]));
            }
            let account = format!("<Account>{ACCOUNT}</Account>");
            let session = format!(
                "<AccessKeyId>ASIAASSUMED00000</AccessKeyId><Arn>arn:aws:sts::{OTHER}:assumed-role/promoter/deploy</Arn>"
            );
            let (status, body) = match seen.as_str() {
                seen if seen.contains("Action=AssumeRole") => (200, session),
                seen if seen.contains("AccessKeyId=ASIAKNOWN") => (200, account),
                _ => (400, "<Code>ValidationError</Code>".to_owned()),
            };
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).unwrap();
        }
    });
    endpoint
}

#[tokio::test]
async fn keys_are_looked_up_and_sessions_overheard() {
    let config = Config { sts_endpoint: Some(fake_sts()), ..Config::default() };
    let double = EcrDouble::start(config).await.unwrap();
    let ask = async |key: &str| code(client(&double, key).describe_repositories().send().await);
    // Who it is in that account, nothing says, and so no policy is its own.
    assert_eq!(ask("ASIAKNOWN0000000").await, "AccessDeniedException");
    assert_eq!(double.requests()[0].caller_account.as_deref(), Some(ACCOUNT));
    assert_eq!(ask("ASIANOBODY000000").await, "UnrecognizedClientException");
    assert_eq!(ask("ASIAASSUMED00000").await, "UnrecognizedClientException");
    let relay = double.sts_endpoint().unwrap();
    let assumed = reqwest::Client::new().post(relay).body("Action=AssumeRole").send().await.unwrap();
    assert!(assumed.text().await.unwrap().contains("ASIAASSUMED00000"));
    double.identity_policies(&format!("arn:aws:iam::{OTHER}:role/promoter"), &[everything()]);
    assert_eq!(ask("ASIAASSUMED00000").await, "no error");
    let arn = format!("arn:aws:sts::{OTHER}:assumed-role/promoter/deploy");
    assert_eq!(double.requests().last().unwrap().caller.as_deref(), Some(arn.as_str()));
}
