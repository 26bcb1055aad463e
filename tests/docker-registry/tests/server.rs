//! The fixtures are what they say.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::process::Command;

use docker_registry::{Auth, PASSWORD, Server, USER, binary};

/// What skopeo says of an image that is not there, asking as this user.
fn inspect(server: &Server, credentials: Option<&str>, more: &[&str]) -> String {
    let mut command = Command::new(binary("SKOPEO", "skopeo"));
    command.args(["inspect", "--raw"]).args(more);
    command.args(credentials.into_iter().flat_map(|pair| ["--creds", pair]));
    let output = command.arg(format!("docker://{}/app:1", server.host())).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn each_registry_asks_in_its_own_way_and_skopeo_finds_its_way() {
    let user = format!("{USER}:{PASSWORD}");
    for auth in [Auth::None, Auth::Basic, Auth::Bearer] {
        let server = Server::start(auth);
        let answer = inspect(&server, (auth != Auth::None).then_some(user.as_str()), &["--tls-verify=false"]);
        assert!(answer.contains("manifest unknown"), "{auth:?}: {answer}");
        if auth == Auth::Basic {
            assert!(inspect(&server, None, &["--tls-verify=false"]).contains("auth"));
        }
        if auth == Auth::Bearer {
            let asked = server.tokens().asked();
            assert!(asked.iter().any(|asked| asked.is_user && asked.scopes == ["repository:app:pull"]), "{asked:?}");
        }
    }
}

#[test]
fn tls_is_trusted_with_the_certificate_only() {
    let server = Server::start_tls(Auth::None);
    let folder = server.certificate().parent().unwrap().join("trusted");
    assert!(inspect(&server, None, &[]).contains("certificate"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(server.certificate(), folder.join("ca.crt")).unwrap();
    assert!(inspect(&server, None, &["--cert-dir", folder.to_str().unwrap()]).contains("manifest unknown"));
}
