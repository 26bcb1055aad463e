//! Ctrl-C at any moment: no tag stands on incomplete content, and the next run goes on from there.

use docker_registry::skopeo;
use image_fixtures::media_type::{OCI_INDEX, OCI_MANIFEST};
use image_fixtures::{Fixture, nested_index, signed};
use proxy::{Fault, Proxy, Rule};
use reqwest::header::ACCEPT;
use reqwest::{Client, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::setup::{Setup, object};

#[tokio::test]
async fn while_the_source_is_asked() {
    at_any_moment(|setup| &setup.source, Fault::Hang).await;
}

#[tokio::test]
async fn while_the_target_is_asked() {
    at_any_moment(|setup| &setup.target, Fault::Hang).await;
}

/// The registry has done what it was asked for, and nobody heard of that.
#[tokio::test]
async fn while_the_target_answers() {
    at_any_moment(|setup| &setup.target, Fault::HoldAnswer).await;
}

/// Interrupts a promotion at each of the requests that pass a proxy, each time with an empty target, until it ends by
/// itself.
async fn at_any_moment(proxy: fn(&Setup) -> &Proxy, fault: Fault) {
    let fixture = signed(nested_index("team/app", "1.0"));
    let mut setup = Setup::with(&[&fixture]).await;
    let mut moments = 0;
    while interrupted(&setup, &fixture, proxy(&setup), fault.clone(), moments).await {
        setup.clear().await;
        moments += 1;
    }
    println!("{moments} moments");
    assert!(moments > 10, "all requests pass the proxies");
}

/// Interrupts a promotion after so many requests, and promotes again. Answers whether the promotion was still running.
async fn interrupted(setup: &Setup, fixture: &Fixture, proxy: &Proxy, fault: Fault, after: usize) -> bool {
    proxy.fail(Rule::after(after, fault));
    let child = setup.command("promote", &["--json"]).spawn().unwrap();
    let process = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    let mut ended = Box::pin(child.wait_with_output());
    tokio::select! {
        output = &mut ended => {
            assert!(output.as_ref().unwrap().status.success(), "{output:?}");
            skopeo::assert_holds(setup.target_host(), fixture, None).await;
            return false;
        }
        () = proxy.holding() => kill_process(process, Signal::INT).unwrap(),
    }
    let output = ended.await.unwrap();
    let answer = object(&output);
    assert_eq!((output.status.code(), &answer["error"]["name"]), (Some(130), &json!("OutOfTime")), "{answer}");
    let registry = Registry { client: Client::builder().no_proxy().build().unwrap(), host: setup.target_host() };
    for tag in registry.tags().await {
        registry.assert_whole(&tag).await;
    }
    let mut kept = 0;
    for (digest, bytes) in &fixture.blobs {
        kept += if registry.has_blob(digest).await { bytes.len() } else { 0 };
    }

    proxy.heal();
    let answer = setup.promote(&[]).await;
    let copied = usize::try_from(answer["bytes_copied"].as_u64().unwrap()).unwrap();
    assert!(
        copied <= fixture.size() - kept,
        "after {after} requests {kept} bytes were there, and {copied} were copied"
    );
    for manifest in &fixture.manifests {
        for reference in manifest.tags.iter().chain([&manifest.digest]) {
            assert_eq!(registry.manifest(reference).await.unwrap(), manifest.bytes, "after {after}: {reference}");
            registry.assert_whole(reference).await;
        }
    }
    true
}

/// The target as plain requests see it.
struct Registry<'a> {
    client: Client,
    host: &'a str,
}

impl Registry<'_> {
    async fn tags(&self) -> Vec<String> {
        let response = self.client.get(self.url("tags/list")).send().await.unwrap();
        if response.status() == StatusCode::NOT_FOUND {
            return vec![];
        }
        let list: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        let tags = list["tags"].as_array().cloned().unwrap_or_default();
        tags.iter().map(|tag| tag.as_str().unwrap().to_owned()).collect()
    }

    async fn manifest(&self, reference: &str) -> Option<Vec<u8>> {
        let request = self
            .client
            .get(self.url(&format!("manifests/{reference}")))
            .header(ACCEPT, OCI_MANIFEST)
            .header(ACCEPT, OCI_INDEX);
        let response = request.send().await.unwrap();
        match response.status() {
            StatusCode::OK => Some(response.bytes().await.unwrap().to_vec()),
            _ => None,
        }
    }

    async fn has_blob(&self, digest: &str) -> bool {
        self.client.head(self.url(&format!("blobs/{digest}"))).send().await.unwrap().status() == StatusCode::OK
    }

    /// Asserts that all is there which a manifest lists, and what those list.
    async fn assert_whole(&self, reference: &str) {
        let mut left = vec![reference.to_owned()];
        while let Some(reference) = left.pop() {
            let bytes =
                self.manifest(&reference).await.unwrap_or_else(|| panic!("the manifest {reference} is not there"));
            let manifest: Value = serde_json::from_slice(&bytes).unwrap();
            let digests = |list: &Value| -> Vec<String> {
                let entries = list.as_array().into_iter().flatten();
                entries.map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
            };
            left.extend(digests(&manifest["manifests"]));
            let config = manifest.get("config").map(|config| digests(&json!([config]))).unwrap_or_default();
            for digest in digests(&manifest["layers"]).iter().chain(&config) {
                assert!(self.has_blob(digest).await, "the blob {digest} of {reference} is not there");
            }
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/v2/team/app/{path}", self.host)
    }
}
