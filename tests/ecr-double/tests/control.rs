//! The binary and its control endpoint.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use support::*;

struct Process {
    child: Child,
    ready: Value,
}

impl Process {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ecr-double"));
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, ready: serde_json::from_str(&line).unwrap() }
    }

    async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("{}{path}", self.ready["control"].as_str().unwrap());
        let request = Client::new().request(method, url).body(body.to_string());
        serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
    }

    fn ended_well(mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        false
    }
}

#[tokio::test]
async fn a_script_sets_the_stage() {
    let process = Process::start(&["--registry", "111122223333/eu-west-1", "--switch", "relative_locations=true"]);
    assert_eq!(process.control(Method::GET, "/switches", json!(null)).await["relative_locations"], true);
    let new = json!({ "account": ACCOUNT, "region": REGION, "name": "app", "mutability": "IMMUTABLE",
        "policy": { "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "ecr:*" }] } });
    let made = process.control(Method::POST, "/repositories", new).await;
    let host = process.ready["registries"]["111122223333/eu-west-1"].as_str().unwrap();
    assert_eq!(made["uri"], format!("{host}/app"));
    let cache = json!({ "account": ACCOUNT, "region": REGION, "prefix": "hub", "upstream": "444455556666/eu-west-1" });
    assert_eq!(process.control(Method::POST, "/pull-through", cache).await, json!({}));
    let late = json!({ "operation": "*", "fault": { "kind": "seen_late", "looks": 2 } });
    process.control(Method::POST, "/faults", late).await;
    let faults = process.control(Method::GET, "/faults", json!(null)).await;
    assert_eq!(faults[0]["fault"], json!({ "kind": "seen_late", "looks": 2, "millis": 0 }));
    process.control(Method::DELETE, "/faults", json!(null)).await;
    let fault = json!({ "operation": "v2.Ping", "times": 1, "fault": { "kind": "status", "status": 503 } });
    process.control(Method::POST, "/faults", fault).await;
    let ping = async || reqwest::get(format!("http://{host}/v2/")).await.unwrap().status().as_u16();
    assert_eq!([ping().await, ping().await], [503, 401]);
    assert_eq!(process.control(Method::GET, "/counts", json!(null)).await["v2.Ping"], 2);
    let log = process.control(Method::GET, "/requests?operation=v2.*", json!(null)).await;
    assert_eq!((&log[0]["fault"], &log[1]["status"]), (&json!("status"), &json!(401)));
    process.control(Method::DELETE, "/requests", json!(null)).await;
    assert_eq!(process.control(Method::GET, "/requests", json!(null)).await, json!([]));
    let changed = process.control(Method::PATCH, "/switches", json!({ "url_lifetime_seconds": 1 })).await;
    assert_eq!(changed["url_lifetime_seconds"], 1);
    for (path, body) in [
        ("/callers", json!({ "access_key_id": "ASIA1", "account": OTHER, "name": "puller" })),
        ("/clock", json!({ "advance_seconds": 60 })),
        ("/tokens/expire", json!(null)),
        ("/change", json!({ "account": ACCOUNT, "region": REGION, "change": "blob_mounting", "enabled": true })),
        ("/registries", json!({ "account": OTHER, "region": REGION })),
    ] {
        let answer = process.control(Method::POST, path, body).await;
        assert_eq!(answer.get("error"), None, "{path}");
    }
    let role = "arn:aws:iam::444455556666:role/puller";
    let given = process.control(Method::PUT, "/policies", json!({ role: [everything()] })).await;
    assert_eq!(given, json!({}));
    let odd = json!({ "Effect": "Allow", "Action": "ecr:*", "Resource": "*", "Condition": { "Bool": {} } });
    for (principal, document) in [(role, policy(odd)), ("puller", everything())] {
        let refused = process.control(Method::PUT, "/policies", json!({ principal: [document] })).await;
        assert!(refused["error"].as_str().unwrap().contains(principal), "{refused}");
    }
    let shown = process.control(Method::GET, "/images/111122223333/eu-west-1/app", json!(null)).await;
    assert_eq!(shown["tags"], json!({}));
    let unknown = process.control(Method::POST, "/faults", json!({ "fault": { "kind": "nonsense" } })).await;
    assert!(unknown["error"].as_str().unwrap().contains("nonsense"));
    let pid = process.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(process.ended_well(), "SIGTERM ends it");
}

#[tokio::test]
async fn it_goes_when_its_parent_does_and_remembers() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().to_str().unwrap();
    let mut first = Process::start(&["--exit-with-parent", "--dir", dir]);
    let new = json!({ "account": ACCOUNT, "region": REGION, "name": "team/app" });
    first.control(Method::POST, "/repositories", new).await;
    drop(first.child.stdin.take());
    assert!(first.ended_well());
    let mut second = Process::start(&["--exit-with-parent", "--dir", dir]);
    let shown = second.control(Method::GET, "/images/111122223333/eu-west-1/team/app", json!(null)).await;
    assert_eq!(shown["manifests"], json!([]));
    drop(second.child.stdin.take());
    assert!(second.ended_well());
}
