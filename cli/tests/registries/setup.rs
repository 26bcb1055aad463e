use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use docker_registry::{Auth, PASSWORD, Server, push};
use image_fixtures::Fixture;
use proxy::{Proxy, Seen};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

/// Two registries, a proxy before each, and a machine whose home is empty.
pub(crate) struct Setup {
    pub(crate) source: Proxy,
    pub(crate) target: Proxy,
    pub(crate) machine: Machine,
    servers: [Server; 2],
}

impl Setup {
    /// The source holds these images; the release asks for all of them.
    pub(crate) async fn with(fixtures: &[&Fixture]) -> Self {
        let servers = [Server::start(Auth::None), Server::start(Auth::None)];
        let machine = Machine::new();
        for fixture in fixtures {
            push(fixture, servers[0].host(), None).await;
        }
        machine.release(fixtures);
        let (source, target) = (Proxy::start(servers[0].host()).await, Proxy::start(servers[1].host()).await);
        Self { source, target, machine, servers }
    }

    /// Begins again, with an empty target.
    pub(crate) async fn clear(&mut self) {
        self.servers[1] = Server::start(Auth::None);
        self.target = Proxy::start(self.target_host()).await;
        self.source.heal();
        self.source.reset();
    }

    /// The target's registry itself, past the proxy.
    pub(crate) fn target_host(&self) -> &str {
        self.servers[1].host()
    }

    /// The source's registry itself.
    pub(crate) fn source_host(&self) -> &str {
        self.servers[0].host()
    }

    /// `transship COMMAND` with the release, from the source to the target, both through their proxies.
    pub(crate) fn command(&self, command: &str, more: &[&str]) -> Command {
        self.machine.between(command, &plain(self.source.host()), &[&plain(self.target.host())], more)
    }

    /// The same with `--json`, to its end: its exit code and what it answered.
    pub(crate) async fn json(&self, command: &str, more: &[&str]) -> (Option<i32>, Value) {
        answer(&mut self.command(command, &[&["--json"], more].concat())).await
    }

    /// Promotes, which has to succeed.
    pub(crate) async fn promote(&self, more: &[&str]) -> Value {
        let (code, answer) = self.json("promote", more).await;
        assert_eq!(code, Some(0), "{answer}");
        answer
    }

    /// What both proxies saw, the source's first.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        [self.source.requests(), self.target.requests()].concat()
    }

    pub(crate) fn reset(&self) {
        self.source.reset();
        self.target.reset();
    }

    /// Asserts that nothing was written since the last reset.
    pub(crate) fn assert_only_read(&self) {
        let is_read = |seen: &Seen| seen.method == Method::GET || seen.method == Method::HEAD;
        let written: Vec<_> = self.requests().into_iter().filter(|seen| !is_read(seen)).collect();
        assert!(written.is_empty(), "{written:?}");
    }
}

/// Where `transship` runs: a home, and nothing of the environment of the tests.
pub(crate) struct Machine {
    home: TempDir,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a release that asks for these images.
    pub(crate) fn release(&self, fixtures: &[&Fixture]) {
        let entries: Vec<_> = fixtures.iter().map(|fixture| fixture.entry()).collect();
        self.write("deploy-manifest.json", &json!({ "images": entries }).to_string());
    }

    /// Writes a file below the home.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.home().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Puts the program `docker-credential-tests` on a command's PATH.
    pub(crate) fn helper(&self, command: &mut Command, script: &str) {
        let path = self.write("bin/docker-credential-tests", &format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        command.env("PATH", format!("{}:/usr/bin:/bin", path.parent().unwrap().display()));
    }

    /// `transship` with these arguments.
    pub(crate) fn transship(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_transship"));
        command
            .args(arguments)
            .current_dir(self.home())
            .env_clear()
            .env("HOME", self.home())
            .env("PATH", "/usr/bin:/bin");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// `transship COMMAND` with the release, between these registries.
    pub(crate) fn between(&self, command: &str, source: &str, targets: &[&str], more: &[&str]) -> Command {
        let mut arguments = vec![command, "deploy-manifest.json", "--source", source];
        arguments.extend(targets.iter().flat_map(|target| ["--target", target]));
        self.transship(&[&arguments, more].concat())
    }
}

/// A registry without TLS, as it is named on the command line.
pub(crate) fn plain(host: &str) -> String {
    format!("http://{host}")
}

/// Runs a command with `--json`: its exit code, and the one object on its stdout.
pub(crate) async fn answer(command: &mut Command) -> (Option<i32>, Value) {
    let output = command.output().await.unwrap();
    (output.status.code(), object(&output))
}

/// The one object on a command's stdout.
pub(crate) fn object(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// A password that is not the right one.
pub(crate) const WRONG: &str = "the wrong secret";
/// What stands in broken files of logins.
pub(crate) const SECRET: &str = "c2VjcmV0-that-nobody-may-see";

/// Runs a command with `--json`, which has to fail for this reason, and to say all of these words. Answers what it
/// said.
pub(crate) async fn assert_refused(command: &mut Command, code: i32, name: &str, words: &[&str]) -> String {
    let output = command.arg("--json").output().await.unwrap();
    let error = object(&output)["error"].clone();
    let message = error["message"].as_str().unwrap_or_default().to_owned();
    assert_eq!((output.status.code(), &error["name"]), (Some(code), &json!(name)), "{message}");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for secret in [WRONG, PASSWORD, SECRET, &STANDARD.encode(SECRET)] {
        assert!(!said.contains(secret), "it shows a secret: {said}");
    }
    for word in words {
        assert!(message.contains(word), "no \"{word}\" in: {message}");
    }
    message
}
