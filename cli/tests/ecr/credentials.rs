//! What gives out AWS credentials, and does not end.

use std::process::Command;

use crate::host;
use crate::server::{Answer, Asked, Hostile};

/// The longest answer that is read, and what is on its way when a client hangs up: the buffers of both ends.
const MOST: u64 = (16 + 16) << 20;

/// Asks for anything that needs credentials, which are to be had only there. Gives what it says of that.
fn ask(server: &Hostile, environment: &[(&str, &str)]) -> String {
    let home = tempfile::TempDir::new().unwrap();
    std::fs::write(home.path().join("token"), "token").unwrap();
    let release = r#"{"images":[{"repository":"myapp/api","tag":"1.0"}]}"#;
    std::fs::write(home.path().join("deploy-manifest.json"), release).unwrap();
    let (source, target) = (host("111122223333", "eu-west-1"), host("111122223333", "eu-west-2"));
    let output = Command::new(env!("CARGO_BIN_EXE_transship"))
        .args(["check", "deploy-manifest.json", "--source", &source, "--target", &target])
        .current_dir(home.path())
        .env_clear()
        .env("HOME", home.path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().map(|(name, value)| (name, value.replace("HERE", &server.address()))))
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    stderr
}

#[test]
fn what_gives_out_credentials_is_read_up_to_a_limit() {
    for environment in [
        &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "HERE/credentials")] as &[_],
        &[
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "token"),
            ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/x"),
            ("AWS_ENDPOINT_URL_STS", "HERE"),
        ],
        &[("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "HERE")],
    ] {
        let server = Hostile::start(|_: &Asked| Answer::Endless("200 OK".into(), vec![b' '; 65_536]));
        let stderr = ask(&server, environment);
        let asked = server.seen().len() as u64;
        assert!((1..=8).contains(&asked), "{asked} requests: {stderr}");
        assert!(server.sent() < asked * MOST, "{} bytes in {asked} requests: {stderr}", server.sent());
    }
}
