//! Nothing that is secret is written, whoever repeats it: a registry, a credential helper, or the program itself of what
//! was typed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use docker_registry::{Auth, PASSWORD, Server, USER};
use image_fixtures::image;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proxy::{Fault, Proxy, Rule};
use serde_json::json;
use tokio::process::Command;

use crate::setup::{Machine, Setup, plain};

/// Typed, and known to no server.
const TYPED: &str = "typ3d/secret:of+ann";

fn percent(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The ways in which a server repeats a password.
fn forms(secret: &str) -> [String; 5] {
    [
        secret.to_owned(),
        percent(secret),
        secret.replace(' ', "+"),
        STANDARD.encode(secret),
        STANDARD.encode(format!("{USER}:{secret}")),
    ]
}

/// All that a command writes, in which there is nothing of a secret, and its exit code.
async fn written(command: &mut Command, secret: &str) -> (Option<i32>, String) {
    let output = command.output().await.unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for form in forms(secret) {
        assert!(!said.contains(form.trim_end_matches('=')), "{form} is shown: {said}");
    }
    (output.status.code(), said)
}

#[tokio::test]
async fn a_password_that_a_registry_repeats() {
    let setup = Setup::with(&[&image("team/app", "1.0")]).await;
    let server = Server::start(Auth::Basic);
    let (target, elsewhere) = (Proxy::start(server.host()).await, Proxy::start(setup.target_host()).await);
    let logins = json!({ "auths": { target.host(): { "username": USER, "password": PASSWORD } } });
    setup.machine.write(".docker/config.json", &logins.to_string());
    for form in forms(PASSWORD) {
        for fault in [
            Fault::Status { status: 403, retry_after: None, body: format!("you sent {form}") },
            Fault::Redirect(format!("http://10.0.0.1/{}", form.replace(' ', "%20"))),
            Fault::Redirect(format!("{}/{}", plain(elsewhere.host()), form.replace(' ', "%20"))),
        ] {
            target.heal();
            target.fail(Rule::always("*", fault.clone()));
            for flags in [&["-v"][..], &["--json"], &["-v", "--json"]] {
                let mut command =
                    setup.machine.between("verify", &plain(setup.source.host()), &[&plain(target.host())], flags);
                let (code, said) = written(command.env("RUST_LOG", "trace"), PASSWORD).await;
                assert!(code == Some(1) && said.contains("[...]"), "{fault:?} {flags:?}: {said}");
            }
        }
    }
}

#[tokio::test]
async fn a_password_that_a_credential_helper_repeats() {
    let setup = Setup::with(&[&image("team/app", "1.0")]).await;
    let host = setup.target.host();
    let login = json!({ "ServerURL": host, "Username": USER, "Secret": TYPED });
    let auth = STANDARD.encode(format!("{USER}:{TYPED}"));
    let helpers = json!({ host: "tests" });
    for (file, script) in [
        // It fails, and shows on stderr what it should not.
        (json!({ "credHelpers": helpers }), format!("echo '{login}'; echo 'cannot open it: {TYPED}' >&2; exit 1")),
        (json!({ "credHelpers": helpers }), format!("echo 'in the end {login}' >&2; exit 1")),
        (json!({ "credHelpers": helpers }), format!("echo '{TYPED}'; echo 'this is no JSON: {TYPED}' >&2; exit 1")),
        // Another registry's login, and in the form in which the file has it.
        (
            json!({ "credHelpers": helpers, "auths": { "other.example": { "auth": auth } } }),
            format!("echo 'with {auth} and {TYPED}' >&2; exit 1"),
        ),
        (
            json!({ "credHelpers": helpers, "auths": { "other.example": { "identitytoken": TYPED } } }),
            format!("echo 'with {}' >&2; exit 1", percent(TYPED)),
        ),
    ] {
        setup.machine.write(".docker/config.json", &file.to_string());
        let mut command = setup.command("check", &["-v", "--json"]);
        setup.machine.helper(&mut command, &script);
        let (code, said) = written(&mut command, TYPED).await;
        assert!(code == Some(1) && said.contains("[...]"), "{script}: {said}");
    }
}

#[tokio::test]
async fn a_password_that_was_typed() {
    let machine = Machine::new();
    machine.release(&[&image("team/app", "1.0")]);
    let (with_user, bare) = (format!("http://ann:{TYPED}@b.example"), format!("ann:{TYPED}@b.example"));
    let (joined, escaped) = (format!("--something={with_user}"), format!("http://ann:{}@b.example", percent(TYPED)));
    let id = format!("--external-id={TYPED}");
    let promote = ["promote", "deploy-manifest.json", "--source", "a.example", "--target", "b.example"];
    let arn = "arn:aws:iam::444455556666:role/promoter";
    for (arguments, more, code, is_repeated) in [
        (&[][..], &[with_user.as_str()][..], 2, true),
        (&[], &["--something", &with_user], 2, false),
        (&[], &[&joined], 2, false),
        (&["promote", "m.json", "--source"], &[&with_user], 2, false),
        (&["completions"], &[&with_user], 2, true),
        (&["completions"], &[&bare], 2, true),
        (&["completions"], &[&escaped], 2, true),
        (&promote, &["--insecure-skip-tls-verify", &with_user], 2, true),
        (&promote, &["--target", &bare], 2, false),
        (&promote, &[&bare], 2, true),
        (&promote, &["--external-id", TYPED], 2, false),
        (&promote, &["--external-id", TYPED, TYPED], 2, true),
        (&promote, &[&id, TYPED], 2, true),
        // The one in the place of the other.
        (&promote, &["--target-role", TYPED, "--external-id", arn], 2, false),
        (&["promote"], &[&with_user, "--source", "a.example", "--target", "b.example"], 1, true),
        (&promote, &["--ca", &with_user], 1, true),
    ] {
        let given: Vec<&str> = arguments.iter().chain(more).copied().collect();
        let (exited, said) = written(&mut machine.transship(&given), TYPED).await;
        assert_eq!(exited, Some(code), "{given:?}: {said}");
        assert!(said.starts_with("error: "), "{given:?}: {said}");
        assert!(!is_repeated || said.contains("[...]"), "{given:?}: {said}");
    }
    let (code, said) = written(&mut machine.transship(&["pro\u{202e}mo\u{ad}te\u{1b}[31m"]), TYPED).await;
    assert!(code == Some(2) && !said.contains(['\u{202e}', '\u{ad}', '\u{1b}']), "{said}");
}
