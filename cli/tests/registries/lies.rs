//! Servers that fail, refuse or lie: nothing is tagged, and what was refused is not taken for what is not there.

use docker_registry::{Auth, PASSWORD, Server, USER, skopeo};
use image_fixtures::{image, signed, with_sbom};
use proxy::{Fault, Proxy, Rule, Seen};
use reqwest::Method;
use serde_json::json;

use crate::setup::{Setup, answer, assert_refused, plain};

#[tokio::test]
async fn a_token_server_that_lies() {
    let fixture = image("team/app", "1.0");
    let setup = Setup::with(&[&fixture]).await;
    let server = Server::start(Auth::Bearer);
    let target = Proxy::start(server.host()).await;
    let login = json!({ "auths": { target.host(): { "username": USER, "password": PASSWORD } } });
    setup.machine.write(".docker/config.json", &login.to_string());
    for (status, body, name) in [
        (200, r#"{"token":"not.a.token"}"#, "TargetAccessDenied"),
        (200, r#"{"token":"two\nlines"}"#, "UnexpectedAnswer"),
        (200, r#"{"token":""}"#, "UnexpectedAnswer"),
        (200, "{}", "UnexpectedAnswer"),
        (200, "<html>please sign in</html>", "UnexpectedAnswer"),
        (403, "{}", "TargetAccessDenied"),
        (404, "", "UnexpectedAnswer"),
        (302, "", "UnexpectedAnswer"),
        (200, &"x".repeat(2 << 20), "UnexpectedAnswer"),
    ] {
        server.tokens().lie(status, body);
        let mut command = setup.machine.between("promote", &plain(setup.source.host()), &[&plain(target.host())], &[]);
        assert_refused(&mut command, 1, name, &["token", "127.0.0.1"]).await;
    }
}

/// Copying no signature because its list could not be read is how signatures are lost (oci-client 0.18,
/// `pull_referrers`).
#[tokio::test]
async fn a_refused_list_of_referrers_is_not_an_empty_one() {
    let fixture = with_sbom(image("team/app", "1.0"));
    let setup = Setup::with(&[&fixture]).await;
    // This is no answer, so that a release which needs them is refused.
    for (status, name) in [(403, "SourceAccessDenied"), (418, "UnexpectedAnswer")] {
        setup.source.fail(Rule::always("GET referrers", Fault::status(status)));
        let words = ["listing what refers to", &fixture.digest, setup.source.host()];
        assert_refused(&mut setup.command("promote", &["--require-referrers"]), 1, name, &words).await;
        setup.source.heal();
    }
    setup.assert_only_read();
    // These say that the registry keeps no list, and clients do: Artifactory, Harbor 2.7, quay.io and others
    // (go-containerregistry#1962, harbor#18305).
    for status in [400, 401, 404, 405, 406, 501] {
        setup.source.fail(Rule::always("GET referrers", Fault::status(status)));
        let planned = setup.promote(&["--dry-run", "--require-referrers"]).await;
        assert_eq!((&planned["manifests_put"], &planned["notes"]), (&5.into(), &json!([])), "{status}: {planned}");
        setup.source.heal();
    }
    setup.source.fail(Rule::always("GET referrers", Fault::status(403)));
    let promoted = setup.promote(&[]).await;
    assert_eq!(promoted["referrers"], 2);
    let notes = promoted["notes"].to_string();
    assert!(notes.contains("not known: whether there are referrers") && notes.contains("403"), "{notes}");
    skopeo::assert_holds(setup.target_host(), &fixture, None).await;
}

#[tokio::test]
async fn failures_that_pass_are_waited_out() {
    let fixture = signed(image("team/app", "1.0"));
    let setup = Setup::with(&[&fixture]).await;
    setup.source.fail(Rule::once("GET tag", Fault::status(500)));
    setup.source.fail(Rule::once("GET blob", Fault::status(503)));
    setup.target.fail(Rule::once("GET tag", Fault::status(502)));
    setup.target.fail(Rule { times: Some(3), ..Rule::always("POST mount", Fault::status(429)) });
    setup.target.fail(Rule::once("PUT upload", Fault::status(500)));
    setup.target.fail(Rule::once("PUT manifest", Fault::status(504)));
    setup.promote(&[]).await;
    assert_eq!((setup.source.struck(), setup.target.struck()), (2, 6), "all of them came");
    skopeo::assert_holds(setup.target_host(), &fixture, None).await;
}

#[tokio::test]
async fn one_target_that_refuses_keeps_all_from_being_tagged() {
    let fixture = image("team/app", "1.0");
    let setup = Setup::with(&[&fixture]).await;
    let other = Server::start(Auth::None);
    let refusing = Proxy::start(other.host()).await;
    let targets = [plain(setup.target.host()), plain(refusing.host())];
    let targets = targets.each_ref().map(String::as_str);
    for name in ["PUT upload", "PUT manifest"] {
        refusing.fail(Rule::always(name, Fault::status(403)));
        let mut command = setup.machine.between("promote", &plain(setup.source.host()), &targets, &[]);
        assert_refused(&mut command, 1, "TargetAccessDenied", &[refusing.host(), "docker login"]).await;
        refusing.heal();
    }
    let is_tagged = |seen: &Seen| seen.method == Method::PUT && seen.path.ends_with("/manifests/1.0");
    let seen = [setup.requests(), refusing.requests()].concat();
    assert!(!seen.iter().any(is_tagged), "{seen:#?}");
    let (code, answer) =
        answer(setup.machine.between("promote", &plain(setup.source.host()), &targets, &[]).arg("--json")).await;
    assert_eq!((code, answer["images"][0]["targets"].as_array().map(Vec::len)), (Some(0), Some(2)), "{answer}");
    for target in [setup.target_host(), other.host()] {
        skopeo::assert_holds(target, &fixture, None).await;
    }
}
