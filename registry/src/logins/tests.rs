use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use promotion::Name;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::Login;

/// What must never be shown.
const SECRET: &str = "hunter2";

/// A home with files of logins and credential helpers.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn with(file: &str, content: &Value) -> Self {
        let home = Self::new();
        home.write(file, &content.to_string());
        home
    }

    fn docker(content: &Value) -> Self {
        Self::with(".docker/config.json", content)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, file: &str, content: &str) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// A credential helper. Another process writes it: a program that this one has open for writing cannot be run, and
    /// another test may be starting a process, which inherits what is open, at that moment.
    fn helper(self, name: &str, script: &str) -> Self {
        let path = self.path().join(format!("docker-credential-{name}"));
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"cat > "$0" && chmod +x "$0""#]).arg(path).stdin(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        shell.stdin.take().unwrap().write_all(format!("#!/bin/sh\n{script}\n").as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success());
        self
    }

    fn keyring(&self) -> Keyring {
        self.keyring_with(&[])
    }

    fn keyring_with(&self, variables: &[(&str, &str)]) -> Keyring {
        let path = format!("{}:{}", self.path().display(), std::env::var("PATH").unwrap());
        Keyring::new(|name| match variables.iter().find(|(known, _)| *known == name) {
            Some((_, file)) => Some(self.path().join(file).into()),
            None if name == "HOME" => Some(self.path().into()),
            None if name == "PATH" => Some(path.clone().into()),
            None => None,
        })
    }

    async fn login(&self, host: &str) -> String {
        shown(self.keyring().logins(host, false).await.unwrap().of_registry())
    }

    async fn refusal(&self, mut keyring: Keyring) -> String {
        let error = keyring.logins("registry.example", false).await.unwrap_err();
        assert_eq!(error.name(), Name::InvalidInput);
        let message = error.to_string();
        assert!(!message.contains(SECRET) && !format!("{error:?}").contains(SECRET), "{message}");
        assert!(message.contains(&self.path().display().to_string()), "{message}");
        message
    }
}

fn shown(login: &Login) -> String {
    assert!(!format!("{login:?}").contains(SECRET));
    match login {
        Login::Anonymous => "anonymous".into(),
        Login::Basic { user, password, .. } => format!("{user}:{password}"),
        Login::IdentityToken { token, .. } => format!("token {token}"),
    }
}

fn auth(text: &str) -> Value {
    json!({ "auth": STANDARD.encode(text) })
}

#[tokio::test]
async fn a_login_stands_in_one_of_three_forms() {
    let home = Home::docker(&json!({ "auths": {
        "a.example": auth("ann:a:b"),
        "https://b.example/v1/": { "username": "bob", "password": SECRET },
        "c.example:5000": { "auth": STANDARD.encode("<ignored>:x"), "identitytoken": SECRET },
        "d.example": {},
        "https://d.example": auth("dan:x\0\0"),
        "e.example": { "email": "e@e.example", "auth": "" },
        "https://index.docker.io/v1/": auth("hub:x"),
    }, "HttpHeaders": { "x": 1 } }));
    for (host, expected) in [
        ("a.example", "ann:a:b"),
        ("b.example", "bob:hunter2"),
        ("c.example:5000", "token hunter2"),
        ("c.example", "anonymous"),
        ("d.example", "dan:x"),
        ("e.example", "anonymous"),
        ("docker.io", "hub:x"),
        ("f.example", "anonymous"),
    ] {
        assert_eq!(home.login(host).await, expected, "{host}");
    }
}

#[tokio::test]
async fn files_are_looked_at_in_order_and_none_is_needed() {
    let login = |user: &str| json!({ "auths": { "registry.example": auth(&format!("{user}:x")) } }).to_string();
    let home = Home::new();
    assert_eq!(home.login("registry.example").await, "anonymous");
    home.write(".docker/config.json", &login("home"));
    home.write("elsewhere/config.json", &login("elsewhere"));
    home.write("auth.json", &login("podman"));
    home.write("empty.json", "");
    home.write("runtime/containers/auth.json", &login("runtime"));
    home.write("config/containers/auth.json", &login("config"));
    home.write("other-home/.config/containers/auth.json", &login("dot-config"));
    home.write("other-home/.docker/config.json", &login("dot-docker"));
    let elsewhere = ("DOCKER_CONFIG", "elsewhere");
    let [runtime, config] = [("XDG_RUNTIME_DIR", "runtime"), ("XDG_CONFIG_HOME", "config")];
    for (variables, expected) in [
        (vec![], "home:x"),
        (vec![elsewhere], "elsewhere:x"),
        (vec![("DOCKER_CONFIG", "nowhere")], "anonymous"),
        (vec![elsewhere, ("REGISTRY_AUTH_FILE", "auth.json")], "podman:x"),
        (vec![elsewhere, ("REGISTRY_AUTH_FILE", "empty.json")], "elsewhere:x"),
        (vec![elsewhere, ("REGISTRY_AUTH_FILE", "missing.json")], "elsewhere:x"),
        // Podman's own come before Docker's, unless DOCKER_CONFIG says where Docker's are.
        (vec![runtime], "runtime:x"),
        (vec![runtime, config], "runtime:x"),
        (vec![config], "config:x"),
        (vec![runtime, config, elsewhere], "elsewhere:x"),
        (vec![("HOME", "other-home")], "dot-config:x"),
    ] {
        let logins = home.keyring_with(&variables).logins("registry.example", false).await.unwrap();
        assert_eq!(shown(logins.of_registry()), expected, "{variables:?}");
    }
}

/// oras-project/oras#1597: `podman login quay.io/org` keeps its login under that path.
#[tokio::test]
async fn a_login_may_be_for_a_part_of_a_registry() {
    let home = Home::with(
        "auth.json",
        &json!({ "auths": {
        "registry.example/org": auth("org:x"), "registry.example/org/team": auth("team:x"), "other.example/org": auth("o:x"),
    } }),
    );
    let all =
        json!({ "auths": { "registry.example": auth("all:x"), "registry.example/org/team/app": auth("late:x") } });
    home.write(".docker/config.json", &all.to_string());
    let mut keyring = home.keyring_with(&[("REGISTRY_AUTH_FILE", "auth.json")]);
    let logins = keyring.logins("registry.example", false).await.unwrap();
    for (repository, expected) in
        [("org/team/app", "team:x"), ("org/app", "org:x"), ("organ/app", "all:x"), ("app", "all:x")]
    {
        assert_eq!(shown(logins.of(&repository.parse().unwrap())), expected, "{repository}");
    }
}

/// `base64` breaks its lines.
#[tokio::test]
async fn line_breaks_in_a_login_are_none_of_it() {
    let text = STANDARD.encode(format!("ann:{}", "long".repeat(30)));
    let (first, second) = text.split_at(76);
    let broken = json!({ "auth": format!("{first}\n{second}\r\n") });
    let home = Home::docker(&json!({ "auths": { "registry.example": broken } }));
    assert_eq!(home.login("registry.example").await, format!("ann:{}", "long".repeat(30)));
}

/// A pipe without a writer, or a home directory on a network that does not answer.
#[tokio::test]
async fn a_file_that_cannot_be_read_in_time_is_named() {
    let home = Home::new();
    std::fs::create_dir(home.path().join(".docker")).unwrap();
    let pipe = home.path().join(".docker/config.json");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut keyring = home.keyring();
    keyring.file_timeout = Duration::from_millis(20);
    let message = home.refusal(keyring).await;
    assert!(message.contains("it cannot be read: reading it took longer than 20ms"), "{message}");
    // What still waits ends with the test.
    drop(std::fs::OpenOptions::new().write(true).open(pipe).unwrap());
}

/// Each is read once, however many registries are asked for.
#[tokio::test]
async fn a_file_is_read_once() {
    let login = |user: &str| json!({ "auths": { "a.example": auth(user), "b.example": auth(user) } });
    let home = Home::docker(&login("first:x"));
    let mut keyring = home.keyring();
    for host in ["a.example", "b.example"] {
        assert_eq!(shown(keyring.logins(host, false).await.unwrap().of_registry()), "first:x");
        home.write(".docker/config.json", &login("second:x").to_string());
    }
}

#[tokio::test]
async fn a_broken_file_is_named_with_its_entry_and_without_its_secrets() {
    let entry = |entry: Value| json!({ "auths": { "registry.example": entry } }).to_string();
    for (content, expected) in [
        ("{".to_owned(), "it is no JSON: EOF while parsing"),
        (format!("{{\"auths\": {{\"a\" \"{SECRET}\"}}}}"), "it is no JSON: expected `:` at line 1"),
        (format!("[\"{SECRET}\"]"), "it is no JSON object"),
        (json!({ "auths": [SECRET] }).to_string(), "auths: expected an object"),
        (entry(json!(SECRET)), "auths, \"registry.example\": expected an object"),
        (entry(json!({ "auth": [SECRET] })), "auths, \"registry.example\", \"auth\": expected a string"),
        (entry(json!({ "auth": "hunter2!" })), "\"auth\": it is no base64"),
        (entry(auth(SECRET)), "\"auth\": it holds no colon"),
        (entry(json!({ "auth": STANDARD.encode([0xff, b':']) })), "\"auth\": it holds no text"),
        (entry(json!({ "password": SECRET })), "expected both \"username\" and \"password\""),
        (entry(json!({ "registrytoken": SECRET })), "\"registrytoken\" only"),
        (json!({ "credHelpers": SECRET }).to_string(), "credHelpers: expected an object"),
        (
            json!({ "credHelpers": { "registry.example": 1 } }).to_string(),
            "credHelpers, \"registry.example\": expected",
        ),
        (
            json!({ "credsStore": "../x" }).to_string(),
            "credsStore: expected the NAME of docker-credential-NAME, not a path",
        ),
        (format!("\"{}\"", "x".repeat(2 << 20)), "it has more than 1048576 bytes"),
    ] {
        let home = Home::new();
        home.write(".docker/config.json", &content);
        let message = home.refusal(home.keyring()).await;
        assert!(message.contains(expected) && message.contains("config.json: "), "{message}");
    }
    let home = Home::new();
    std::fs::create_dir_all(home.path().join(".docker/config.json")).unwrap();
    assert!(home.refusal(home.keyring()).await.contains("it cannot be read"));
    let other = Home::docker(&json!({ "auths": { "other.example": 1 } }));
    assert_eq!(other.login("registry.example").await, "anonymous");
}

#[tokio::test]
async fn a_helper_is_asked_for_what_it_keeps() {
    let answer = r#"read -r server; printf '{"ServerURL":"%s","Username":"%s","Secret":"hunter2"}' "$server" "#;
    let home = Home::docker(&json!({
        "credsStore": "all",
        "credHelpers": { "own.example": "own", "https://token.example": "token", "none.example": "" },
        "auths": { "own.example": {}, "none.example": auth("none:x"), "lost.example": auth("lost:x") },
    }))
    .helper("all", r#"read -r s; case $s in lost*|gone*) echo "credentials not found in native keychain"; exit 1;; esac; printf '{"Username":"%s %s","Secret":"x"}' "$1" "$s""#)
    .helper("own", &format!("{answer}own"))
    .helper("token", &format!("{answer}'<token>'"));
    for (host, expected) in [
        ("own.example", "own:hunter2"),
        ("token.example", "token hunter2"),
        ("none.example", "none:x"),
        ("lost.example", "lost:x"),
        ("gone.example", "anonymous"),
        ("b.example:5000", "get b.example:5000:x"),
        ("docker.io", "get https://index.docker.io/v1/:x"),
    ] {
        assert_eq!(home.login(host).await, expected, "{host}");
    }
}

#[tokio::test]
async fn a_helper_that_fails_is_named_and_its_answer_is_not_shown() {
    for (script, expected) in [
        ("echo hunter2; echo 'is \u{1b}[31mlocked\n up' >&2; exit 3", "it failed and says \"is [31mlocked up\""),
        ("echo hunter2; exit 1", "it failed. See what `echo registry.example | docker-credential-x get` says"),
        ("kill -9 $$", "it failed. See what `echo registry.example | docker-credential-x get` says"),
        ("echo hunter2", "its answer is no JSON object"),
        ("echo '\"hunter2\"'", "its answer is no JSON object"),
        ("true", "its answer is no JSON object"),
        ("echo '{\"Username\": \"hunter2\"}'", "its answer has no Username and Secret"),
        ("echo '{\"Username\": \"x\", \"Secret\": [\"hunter2\"]}'", "its answer has no Username and Secret"),
        (
            "while echo hunter2; do :; done",
            "it failed. See what `echo registry.example | docker-credential-x get` says",
        ),
        ("head -c 300000 /dev/zero; true", "it said more than a login"),
    ] {
        let home = Home::docker(&json!({ "credsStore": "x" })).helper("x", script);
        let message = home.refusal(home.keyring()).await;
        let start = "asking the credential helper docker-credential-x, which ";
        assert!(message.starts_with(start) && message.contains(expected), "{script}\n{message}");
    }
    let home = Home::docker(&json!({ "credsStore": "nowhere-to-be-found" }));
    let message = home.refusal(home.keyring()).await;
    assert!(message.contains("docker-credential-nowhere-to-be-found, which") && message.contains("not on the PATH"));
}

#[tokio::test(start_paused = true)]
async fn a_helper_that_hangs_is_ended_with_what_it_started() {
    let home = Home::docker(&json!({ "credsStore": "x" }));
    let fifo = home.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let home = home.helper("x", &format!("while :; do sleep 1; done > {} &\nwait", fifo.display()));
    // Opening a pipe waits for the other side, and time stands still while something blocks: it ends when the helper is
    // at work.
    let opening = tokio::task::spawn_blocking(|| File::open(fifo));
    let (message, pipe) = tokio::join!(home.refusal(home.keyring()), opening);
    assert!(message.contains("it did not answer within 30s and was stopped"), "{message}");
    // A pipe ends only when no process is left to write into it.
    let mut said = Vec::new();
    pipe.unwrap().unwrap().read_to_end(&mut said).unwrap();
    assert!(said.is_empty());
}
