//! The program is asked to stop while it waits for somebody else.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A process that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A credential helper that never answers, and keeps a pipe open for as long as anything of it lives.
fn hanging_helper(home: &Path) -> PathBuf {
    let [pipe, helper] = ["pipe", "docker-credential-hanging"].map(|name| home.join(name));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Another process writes it: what this one has open for writing, it cannot run.
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"cat > "$0" && chmod +x "$0""#]).arg(helper).stdin(Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    let script = format!("#!/bin/sh\nwhile :; do sleep 1; done > {} &\nwait\n", pipe.display());
    shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success());
    std::fs::write(home.join("config.json"), json!({ "credsStore": "hanging" }).to_string()).unwrap();
    pipe
}

#[test]
fn a_signal_ends_the_program_and_what_it_started() {
    for (signal, name, code) in [(Signal::INT, "SIGINT", 130), (Signal::TERM, "SIGTERM", 143)] {
        let home = TempDir::new().unwrap();
        let pipe = hanging_helper(home.path());
        let release = json!({ "images": [{ "repository": "app", "tag": "1" }] });
        std::fs::write(home.path().join("deploy-manifest.json"), release.to_string()).unwrap();
        let path = format!("{}:{}", home.path().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_transship"));
        command.args(["promote", "deploy-manifest.json", "--json"]);
        command.args(["--source", "source.example", "--target", "target.example"]);
        command.current_dir(home.path()).env_clear().env("PATH", path).env("DOCKER_CONFIG", home.path());
        let mut program = Running(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());

        // Opening a pipe waits for the other side: the helper is at work then.
        let mut pipe = File::open(pipe).unwrap();
        let id = i32::try_from(program.0.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(id, signal).unwrap();
        let mut stdout = String::new();
        program.0.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        assert_eq!(program.0.wait().unwrap().code(), Some(code));
        let answer: Value = serde_json::from_str(&stdout).unwrap();
        let message = format!("stopped by {name}: nothing was written");
        assert_eq!(answer, json!({ "error": { "name": "OutOfTime", "message": message } }));
        // A pipe ends when its last writer closes it.
        assert_eq!(pipe.read_to_end(&mut vec![]).unwrap(), 0);
    }
}

/// A program `transship check` in a home, whose files may be pipes.
fn check(home: &Path, source: &str, variables: &[(&str, PathBuf)]) -> Running {
    let release = json!({ "images": [{ "repository": "app", "tag": "1" }] });
    std::fs::write(home.join("deploy-manifest.json"), release.to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_transship"));
    command.args(["check", "deploy-manifest.json", "--json", "--source", source, "--target", "target.example"]);
    command.current_dir(home).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home);
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command.envs(variables.iter().map(|(name, path)| (name, path)));
    Running(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
}

fn interrupted(mut program: Running) {
    let id = i32::try_from(program.0.id()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(id, Signal::INT).unwrap();
    let mut stdout = String::new();
    program.0.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert_eq!(program.0.wait().unwrap().code(), Some(130));
    let answer: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(answer["error"]["name"], "OutOfTime", "{answer}");
}

/// Waits until some process reads a pipe, and gives the end that keeps it waiting.
fn held(pipe: &Path) -> File {
    File::options().write(true).open(pipe).unwrap()
}

const ECR: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";

/// A pipe without a writer, or a home directory on a network that does not answer.
#[test]
fn a_signal_is_heard_while_a_file_cannot_be_read() {
    for (source, variable) in
        [("source.example", "REGISTRY_AUTH_FILE"), (ECR, "AWS_CONFIG_FILE"), (ECR, "AWS_SHARED_CREDENTIALS_FILE")]
    {
        let home = TempDir::new().unwrap();
        let pipe = home.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let program = check(home.path(), source, &[(variable, pipe.clone())]);
        let kept = held(&pipe);
        interrupted(program);
        drop(kept);
    }
}

/// `credential_process` is ended as a credential helper is, with what it started.
#[test]
fn a_signal_ends_a_credential_process_with_its_children() {
    let home = TempDir::new().unwrap();
    let pipe = home.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let script = format!("(while :; do sleep 1; done) > {} & wait", pipe.display());
    std::fs::write(home.path().join("config"), format!("[default]\ncredential_process = {script}\n")).unwrap();
    let program = check(home.path(), ECR, &[("AWS_CONFIG_FILE", home.path().join("config"))]);
    let mut pipe = File::open(pipe).unwrap();
    interrupted(program);
    // A pipe ends when its last writer closes it.
    assert_eq!(pipe.read_to_end(&mut vec![]).unwrap(), 0);
}

/// Within seconds, and without what the SDK's types look like inside.
#[test]
fn missing_credentials_are_said_as_such() {
    for (config, expected) in [
        ("", "no credentials: none in the environment, in a profile or of a container"),
        ("[default]\ncredential_process = echo locked >&2; exit 3\n", "locked"),
    ] {
        let home = TempDir::new().unwrap();
        std::fs::write(home.path().join("config"), config).unwrap();
        let mut program = check(home.path(), ECR, &[("AWS_CONFIG_FILE", home.path().join("config"))]);
        let mut stdout = String::new();
        program.0.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        assert_eq!(program.0.wait().unwrap().code(), Some(1));
        let answer: Value = serde_json::from_str(&stdout).unwrap();
        let message = answer["error"]["message"].as_str().unwrap();
        assert_eq!(answer["error"]["name"], "InvalidInput", "{message}");
        assert!(message.contains(expected) && message.contains("AWS_PROFILE"), "{message}");
        assert!(!message.contains("attempts") && !message.contains("ProviderError"), "{message}");
    }
}
