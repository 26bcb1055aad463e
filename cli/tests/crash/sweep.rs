use std::path::Path;
use std::process::{Output, Stdio};

use docker_registry::held::{Held, is_whole, tags_are_whole};
use futures_util::{StreamExt as _, stream};
use image_fixtures::Fixture;
use proxy::{Fault, Proxy, Rule};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

/// Moments at a time.
const AT_ONCE: usize = 4;

/// A source that holds an image, two empty targets, and a proxy on every way there.
pub(crate) trait Setup {
    /// What the targets hold.
    fn targets(&self) -> Vec<&dyn Held>;
    /// The ways that lead to targets, and those that lead to the source alone.
    fn ways(&self) -> Vec<&Proxy>;
    fn fixture(&self) -> &Fixture;
    /// Which registries, and how they are reached.
    fn arguments(&self) -> Vec<String>;
    fn environment(&self) -> Vec<(&'static str, String)>;
}

/// Kills a promotion at each of the requests that go this way, until it ends by itself. Answers how many there are.
pub(crate) async fn sweep<S: Setup>(scenes: impl AsyncFn() -> S, way: usize, fault: Fault) -> usize {
    let mut moments = 0;
    loop {
        let batch = stream::iter(moments..moments + AT_ONCE)
            .map(|moment| {
                let (scenes, fault) = (&scenes, fault.clone());
                async move { was_killed(&scenes().await, way, fault, moment).await }
            })
            .buffered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        let killed = batch.iter().filter(|killed| **killed).count();
        moments += killed;
        if killed < AT_ONCE {
            return moments;
        }
    }
}

/// Kills a promotion at the request after so many, and promotes again. Answers false if it ended before.
async fn was_killed(setup: &impl Setup, way: usize, fault: Fault, after: usize) -> bool {
    let (home, fixture) = (TempDir::new().unwrap(), setup.fixture());
    let release = json!({ "images": [fixture.entry()] });
    std::fs::write(home.path().join("deploy-manifest.json"), release.to_string()).unwrap();
    let proxy = setup.ways()[way];
    proxy.fail(Rule { skip: after, ..Rule::once("*", fault.clone()) });
    let mut child = transship(home.path(), setup).spawn().unwrap();
    tokio::select! {
        status = child.wait() => {
            assert!(status.unwrap().success(), "way {way}, after {after}");
            assert_whole(setup, "it ended by itself");
            return false;
        }
        () = proxy.holding() => child.kill().await.unwrap(),
    }
    let moment = format!("way {way}, {fault:?} after {after} requests");
    for target in setup.targets() {
        tags_are_whole(target, fixture).unwrap_or_else(|why| panic!("{moment}: {why}"));
    }
    let kept = |target: &&dyn Held| {
        let blobs = fixture.blobs.iter().map(|(digest, _)| digest.clone());
        blobs.filter(|digest| target.blob(&fixture.repository, digest).is_some()).collect::<Vec<_>>()
    };
    let kept: Vec<_> = setup.targets().iter().map(kept).collect();

    for proxy in setup.ways() {
        proxy.heal();
        proxy.reset();
    }
    let output = transship(home.path(), setup).output().await.unwrap();
    assert!(output.status.success(), "{moment}: {output:?}");
    assert_whole(setup, &moment);
    assert_sent_once(setup, &kept, &output, &moment);
    true
}

fn transship(home: &Path, setup: &impl Setup) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_transship"));
    command.args(["promote", "deploy-manifest.json", "--json"]).args(setup.arguments());
    command.current_dir(home).env_clear().env("HOME", home).envs(setup.environment());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

fn assert_whole(setup: &impl Setup, moment: &str) {
    for target in setup.targets() {
        is_whole(target, setup.fixture()).unwrap_or_else(|why| panic!("{moment}: {why}"));
    }
}

/// No target got a blob that it had.
fn assert_sent_once(setup: &impl Setup, kept: &[Vec<String>], output: &Output, moment: &str) {
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let size = |digest: &String| {
        let blob = setup.fixture().blobs.iter().find(|(known, _)| known == digest);
        blob.map_or(0, |(_, bytes)| bytes.len())
    };
    let kept_bytes: usize = kept.iter().flatten().map(size).sum();
    let copied = usize::try_from(answer["bytes_copied"].as_u64().unwrap()).unwrap();
    let all = setup.fixture().size() * kept.len();
    assert!(copied <= all - kept_bytes, "{moment}: {kept_bytes} bytes of {all} were there, and {copied} were copied");
    let sent = setup.ways().into_iter().flat_map(Proxy::requests).filter(|seen| seen.method == Method::PUT);
    let sent: Vec<_> = sent.map(|seen| seen.path.replace("%3A", ":")).collect();
    for digest in kept.iter().flatten() {
        let times = sent.iter().filter(|path| path.contains(&format!("digest={digest}"))).count();
        let lacking = kept.iter().filter(|kept| !kept.contains(digest)).count();
        assert!(times <= lacking, "{moment}: {lacking} targets lacked {digest}, and it was sent {times} times");
    }
}
