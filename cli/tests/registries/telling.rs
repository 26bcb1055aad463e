//! What is written to stderr while the program works, and of what went wrong many times for one reason.

use docker_registry::{Auth, PASSWORD, Server, USER};
use image_fixtures::{Fixture, image};
use proxy::{Fault, Rule};
use serde_json::json;

use crate::setup::{Setup, plain};

#[tokio::test]
async fn every_request_is_logged_where_that_is_asked_for_and_no_secret_ever() {
    let fixture = image("team/app", "1.0");
    let setup = Setup::with(&[&fixture]).await;
    let target = Server::start(Auth::Bearer);
    let logins = json!({ "auths": { target.host(): { "username": USER, "password": PASSWORD } } });
    setup.machine.write(".docker/config.json", &logins.to_string());
    for (flag, level, is_told) in [
        (Some("--verbose"), None, true),
        (None, Some("registry=debug"), true),
        (None, Some("trace"), true),
        (None, Some("warn"), false),
        (Some("--verbose"), Some("error"), false),
    ] {
        let flags: Vec<_> = flag.into_iter().collect();
        let mut command = setup.machine.between("check", &plain(setup.source.host()), &[&plain(target.host())], &flags);
        let output = command.envs(level.map(|level| ("RUST_LOG", level))).output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        for request in [
            format!("GET http://{}/v2/team/app/manifests/1.0 200 in ", setup.source.host()),
            format!("GET http://{}/v2/team/app/manifests/1.0 404 in ", target.host()),
        ] {
            assert_eq!(said.contains(&request), is_told, "{flag:?} {level:?}: {request}\n{said}");
        }
        // Neither the password, nor the token, which is a JWT.
        for secret in [PASSWORD, "Bearer ey", "eyJ", "authorization:"] {
            assert!(!said.contains(secret), "{level:?} shows {secret}: {said}");
        }
    }
    let output = setup.command("check", &[]).env("RUST_LOG", "registry=loud").output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && said.contains("RUST_LOG: "), "{said}");
}

#[tokio::test]
async fn a_request_that_is_made_again_is_told_of() {
    let setup = Setup::with(&[&image("team/app", "1.0")]).await;
    setup.source.fail(Rule::once("GET tag", Fault::status(503)));
    let output = setup.command("check", &[]).output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("\ntrying again: ") && said.contains("503"), "{said}");
    setup.source.fail(Rule::once("GET tag", Fault::status(503)));
    let output = setup.command("check", &["--quiet"]).output().await.unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[tokio::test]
async fn a_host_that_is_down_is_one_line_with_a_count() {
    let fixtures: Vec<Fixture> = (0..5).map(|number| image(&format!("team/app-{number}"), "1.0")).collect();
    let setup = Setup::with(&fixtures.iter().collect::<Vec<_>>()).await;
    // Nobody listens on a port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut command = setup.machine.between("check", &plain(setup.source.host()), &[&plain(&free)], &[]);
    let output = command.output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.matches("connection refused").count(), 1, "{said}");
    assert!(said.contains("(and 4 more requests failed for the same reason)"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}
