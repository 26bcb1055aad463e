//! Registries that ask who is there, over TLS and without it.

use docker_registry::{Auth, PASSWORD, Server, USER, skopeo};
use image_fixtures::{Fixture, image, signed};
use proxy::Proxy;
use serde_json::json;

use crate::setup::{Setup, answer, plain};

const LOGIN: skopeo::Login<'_> = Some((USER, PASSWORD));

/// The error about such a certificate says to do this.
#[tokio::test]
async fn a_certificate_is_trusted_when_its_file_is_named() {
    let fixture = signed(image("team/app", "1.0"));
    let setup = Setup::with(&[&fixture]).await;
    for (auth, is_variable) in [(Auth::None, true), (Auth::Basic, false)] {
        let target = Server::start_tls(auth);
        setup.machine.write(".docker/config.json", &logins(target.host()));
        let address = format!("https://{}", target.host());
        let of_host = format!("{}={}", target.host(), target.certificate().display());
        let (variable, options) = match is_variable {
            true => (Some(("SSL_CERT_FILE", target.certificate())), vec!["--json"]),
            false => (None, vec!["--json", "--ca", &of_host]),
        };
        let mut command = setup.machine.between("promote", &plain(setup.source.host()), &[&address], &options);
        let (code, answer) = answer(command.envs(variable)).await;
        assert_eq!(code, Some(0), "{answer}");
        skopeo::assert_holds(target.host(), &fixture, LOGIN).await;
    }
}

#[tokio::test]
async fn a_certificate_is_not_verified_where_that_is_asked_for_and_said() {
    let fixture = image("team/app", "1.0");
    let setup = Setup::with(&[&fixture]).await;
    let target = Server::start_tls(Auth::None);
    let address = format!("https://{}", target.host());
    let promote = |more: &[&str]| setup.machine.between("promote", &plain(setup.source.host()), &[&address], more);
    let wrong = format!("other.example={}", target.certificate().display());
    for (more, is_let_in) in [
        (vec![], false),
        (vec!["--insecure-skip-tls-verify", "other.example"], false),
        (vec!["--ca", &wrong], false),
        (vec!["--insecure-skip-tls-verify", target.host()], true),
    ] {
        let output = promote(&more).output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.success(), is_let_in, "{more:?}: {said}");
        assert_eq!(
            said.contains("WARNING: the certificate of "),
            more.first() == Some(&"--insecure-skip-tls-verify"),
            "{said}"
        );
        assert!(is_let_in || said.contains("--ca"), "{said}");
    }
    skopeo::assert_holds(target.host(), &fixture, None).await;
    let output = promote(&["--ca", "nowhere.pem"]).output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("--ca: nowhere.pem: it cannot be read"), "{said}");
}

/// As with Docker and crane.
#[tokio::test]
async fn a_registry_on_this_machine_needs_no_scheme() {
    let fixture = image("team/app", "1.0");
    let setup = Setup::with(&[&fixture]).await;
    let mut command = setup.machine.between("promote", setup.source.host(), &[setup.target.host()], &["--json"]);
    let (code, answer) = answer(&mut command).await;
    assert_eq!(code, Some(0), "{answer}");
    skopeo::assert_holds(setup.target_host(), &fixture, None).await;
}

#[tokio::test]
async fn a_token_lasts_for_all_requests_to_a_repository_and_a_mount_has_one_for_both() {
    let here = image("team/app", "1.0");
    let there = Fixture { repository: "team/copy".into(), ..here.clone() };
    let setup = Setup::with(&[&here, &there]).await;
    let server = Server::start(Auth::Bearer);
    let target = Proxy::start(server.host()).await;
    setup.machine.write(".docker/config.json", &logins(target.host()));
    let mut command =
        setup.machine.between("promote", &plain(setup.source.host()), &[&plain(target.host())], &["--json"]);
    let (code, answer) = answer(&mut command).await;
    assert_eq!((code, &answer["blobs_mounted"]), (Some(0), &json!(there.blobs.len())), "{answer}");
    let asked = server.tokens().asked();
    assert!(asked.iter().all(|asked| asked.is_user));
    let mut scopes: Vec<_> = asked.into_iter().map(|asked| asked.scopes).collect();
    scopes.sort();
    let (app, copy) = ("repository:team/app:pull,push", "repository:team/copy:pull,push");
    assert_eq!(scopes, [vec!["repository:team/app:pull", copy], vec![app], vec![copy]]);
    for fixture in [&here, &there] {
        skopeo::assert_holds(server.host(), fixture, LOGIN).await;
    }
}

#[tokio::test]
async fn logins_come_from_helpers_and_from_podmans_file() {
    let fixture = image("team/app", "1.0");
    let setup = Setup::with(&[&fixture]).await;
    let target = Server::start(Auth::Basic);
    let promote =
        || setup.machine.between("promote", &plain(setup.source.host()), &[&plain(target.host())], &["--json"]);
    let file = setup.machine.write("auth.json", &logins(target.host()));
    let (code, answer) = answer(promote().env("REGISTRY_AUTH_FILE", file)).await;
    assert_eq!(code, Some(0), "{answer}");
    setup.machine.write(".docker/config.json", &json!({ "credHelpers": { target.host(): "tests" } }).to_string());
    let mut command = promote();
    let login = json!({ "ServerURL": target.host(), "Username": USER, "Secret": PASSWORD });
    let script = format!("read server; test \"$server\" = {} && echo '{login}'", target.host());
    setup.machine.helper(&mut command, &script);
    let (code, answer) = crate::setup::answer(&mut command).await;
    assert_eq!((code, &answer["images"][0]["targets"][0]["outcome"]), (Some(0), &json!("present")), "{answer}");
}

fn logins(host: &str) -> String {
    json!({ "auths": { host: { "username": USER, "password": PASSWORD } } }).to_string()
}
