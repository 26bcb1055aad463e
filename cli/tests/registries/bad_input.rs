//! What cannot work is refused with a message that says what to change, and nothing is written.

use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use docker_registry::{Auth, Server, USER};
use image_fixtures::{Fixture, image};
use proxy::Proxy;
use serde_json::json;
use tokio::net::TcpSocket;

use crate::setup::{Machine, SECRET, Setup, WRONG, assert_refused, plain};

fn fixture() -> Fixture {
    image("team/app", "1.0")
}

#[tokio::test]
async fn a_registry_that_cannot_be_spoken_to() {
    let fixture = fixture();
    let setup = Setup::with(&[&fixture]).await;
    let secure = Server::start_tls(Auth::None);
    // A port that is taken, and that nobody listens on.
    let silent = TcpSocket::new_v4().unwrap();
    silent.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    let (source, target) = (plain(setup.source.host()), plain(setup.target.host()));
    let other = Proxy::start(setup.target_host()).await;
    let (https, no_tls) = (format!("https://{}", secure.host()), format!("https://{}", other.host()));
    for (place, name, words) in [
        (
            "nowhere.invalid",
            "RegistryUnavailable",
            ["nowhere.invalid", "cannot be resolved", "check how it is written"],
        ),
        (&plain(&silent), "RegistryUnavailable", [&silent, "connection refused", "check the address and the port"]),
        (&https, "UnexpectedAnswer", ["invalid peer certificate: UnknownIssuer", secure.host(), "SSL_CERT_FILE"]),
        (&plain(secure.host()), "InvalidInput", ["The port speaks TLS", secure.host(), "write https://"]),
        (&no_tls, "InvalidInput", ["the port answers without TLS", "write http://", other.host()]),
    ] {
        for (source, target) in [(place, target.as_str()), (source.as_str(), place)] {
            for command in ["check", "promote", "verify"] {
                let mut command = setup.machine.between(command, source, &[target], &[]);
                assert_refused(&mut command, 1, name, &words).await;
            }
        }
    }
    setup.assert_only_read();
    assert_eq!(other.requests(), []);
}

#[tokio::test]
async fn a_login_that_is_wrong_or_missing() {
    let setup = Setup::with(&[&fixture()]).await;
    let (open_source, open_target) = (plain(setup.source.host()), plain(setup.target.host()));
    for auth in [Auth::Basic, Auth::Bearer] {
        let server = Server::start(auth);
        let guarded = plain(server.host());
        for (password, word) in [(None, "docker login"), (Some(WRONG), "config.json")] {
            setup.machine.write(".docker/config.json", &logins(server.host(), password));
            let words = [word, server.host()];
            let mut command = setup.machine.between("promote", &open_source, &[&guarded], &[]);
            assert_refused(&mut command, 1, "TargetAccessDenied", &words).await;
            // The token server lets everybody pull.
            if (auth, password) != (Auth::Bearer, None) {
                let mut command = setup.machine.between("promote", &guarded, &[&open_target], &[]);
                assert_refused(&mut command, 1, "SourceAccessDenied", &words).await;
            }
        }
    }
    setup.assert_only_read();
}

#[tokio::test]
async fn a_file_of_logins_that_is_broken() {
    let setup = Setup::with(&[&fixture()]).await;
    let host = setup.target.host();
    let words = [".docker/config.json", "Fix or remove it"];
    for (content, word) in [
        (format!(r#"{{ "auths": {{ "{host}": {{ "auth": "{SECRET}" }} }}"#), "it is no JSON"),
        (json!({ "auths": { host: { "auth": SECRET } } }).to_string(), "it is no base64"),
        (json!({ "auths": { host: { "auth": STANDARD.encode(SECRET) } } }).to_string(), "no colon"),
        (json!({ "auths": { host: { "username": USER } } }).to_string(), "both"),
        (json!({ "auths": [SECRET] }).to_string(), "expected an object"),
        (json!({ "credsStore": "../bin/sh" }).to_string(), "not a path"),
    ] {
        setup.machine.write(".docker/config.json", &content);
        assert_refused(&mut setup.command("promote", &[]), 1, "InvalidInput", &[&words[..], &[word]].concat()).await;
    }
    assert_eq!(setup.requests(), []);
}

#[tokio::test]
async fn a_credential_helper_that_fails() {
    let setup = Setup::with(&[&fixture()]).await;
    setup.machine.write(".docker/config.json", r#"{ "credsStore": "tests" }"#);
    let words = ["docker-credential-tests", "config.json", "take the helper out of that file"];
    for (script, word) in [
        (None, "it is not on the PATH. Install it"),
        (Some("echo the keychain is locked >&2; exit 1".to_owned()), "the keychain is locked"),
        (Some(format!("echo {SECRET}")), "its answer is no JSON object"),
        (Some(format!(r#"echo '{{ "Secret": "{SECRET}" }}'"#)), "no Username and Secret"),
    ] {
        let mut command = setup.command("promote", &[]);
        if let Some(script) = script {
            setup.machine.helper(&mut command, &script);
        }
        assert_refused(&mut command, 1, "InvalidInput", &[&words[..], &[word]].concat()).await;
    }
    assert_eq!(setup.requests(), []);
}

#[tokio::test]
async fn a_password_in_an_address() {
    let machine = Machine::new();
    for scheme in ["", "https://", "http://", "ftp://"] {
        let address = format!("{scheme}{USER}:{SECRET}@registry.example");
        for (source, target) in [(address.as_str(), "b.example"), ("a.example", &address)] {
            let output = machine.between("promote", source, &[target], &[]).output().await.unwrap();
            let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(output.status.code() == Some(2) && said.contains("use `docker login`"), "{said}");
            assert!(!said.contains(SECRET), "{said}");
        }
    }
}

fn logins(host: &str, password: Option<&str>) -> String {
    let auths = password.map_or(json!({}), |password| json!({ host: { "username": USER, "password": password } }));
    json!({ "auths": auths }).to_string()
}
