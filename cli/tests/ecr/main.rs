//! The program between ECR registries: accounts and regions from their hosts, a role for the targets, answers for
//! people and programs.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod credentials;
mod repeated;
#[path = "../../../registry/tests/hostile/server.rs"]
#[allow(dead_code, reason = "the tests of registries use all of it")]
mod server;
mod sts;

use std::process::{Command, Output};

use ecr_double::{Config, EcrDouble, RegistryHandle, sha256};
use image_fixtures::Image;
use serde_json::{Value, json};
use sts::Sts;
use tempfile::TempDir;

const OWN: &str = "111122223333";
const OTHER: &str = "444455556666";
const ROLE: &str = "arn:aws:iam::444455556666:role/ci/promoter";

/// An account that builds, one that is deployed to, and a machine with the credentials of the first.
struct World {
    double: EcrDouble,
    sts: Sts,
    home: TempDir,
}

impl World {
    fn new() -> Self {
        let config =
            Config::default().registry(OWN, "eu-west-1").registry(OWN, "eu-west-2").registry(OTHER, "eu-west-1");
        let world =
            Self { double: EcrDouble::start_now(config).unwrap(), sts: Sts::start(), home: TempDir::new().unwrap() };
        let source = world.at(OWN, "eu-west-1");
        for registry in [&source, &world.at(OWN, "eu-west-2"), &world.at(OTHER, "eu-west-1")] {
            registry.create_repository("myapp/api");
        }
        source.put("myapp/api", &Image::new().layer([7; 5000]).build().tagged("1.0"));
        let release = json!({ "images": [{ "repository": "myapp/api", "tag": "1.0" }] });
        std::fs::write(world.home.path().join("deploy-manifest.json"), release.to_string()).unwrap();
        world
    }

    fn at(&self, account: &str, region: &str) -> RegistryHandle {
        self.double.registry(account, region)
    }

    fn transship(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_transship"));
        command
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .env("HOME", self.home.path())
            .env("AWS_ACCESS_KEY_ID", OWN)
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL_ECR", self.double.api_endpoint())
            .env("AWS_ENDPOINT_URL_STS", self.sts.endpoint());
        command
    }

    /// The answer of a command, which is one object and nothing else.
    fn json(&self, command: &str, target: &str, more: &[&str]) -> (Option<i32>, Value) {
        let source = host(OWN, "eu-west-1");
        let arguments = [command, "deploy-manifest.json", "--source", &source, "--target", target, "--json"];
        let output = self.transship(&[&arguments, more].concat());
        let answer = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        (output.status.code(), answer)
    }
}

fn host(account: &str, region: &str) -> String {
    format!("{account}.dkr.ecr.{region}.amazonaws.com")
}

#[test]
fn a_release_is_checked_promoted_and_verified_in_another_region() {
    let world = World::new();
    let (source, target) = (world.at(OWN, "eu-west-1"), world.at(OWN, "eu-west-2"));
    let name = host(OWN, "eu-west-2");
    let digest = source.tags("myapp/api")["1.0"].clone();
    let image = |outcome: &str| {
        json!([{
            "repository": "myapp/api", "tag": "1.0", "digest": digest,
            "targets": [{ "registry": name, "outcome": outcome }],
        }])
    };
    for (command, more) in [("check", &[] as &[&str]), ("promote", &["--dry-run"])] {
        let (code, answer) = world.json(command, &name, more);
        assert_eq!((code, &answer["images"]), (Some(0), &image("planned")), "{answer}");
        assert_eq!((&answer["blobs_copied"], &answer["bytes_copied"]), (&json!(2), &json!(5037)), "{answer}");
        assert!(answer["requests"].as_u64().unwrap() > 3 && answer["seconds"].as_f64().unwrap() > 0.0, "{answer}");
    }
    assert!(target.tags("myapp/api").is_empty() && target.blobs("myapp/api").is_empty());

    let (code, answer) = world.json("promote", &name, &[]);
    assert_eq!((code, &answer["images"]), (Some(0), &image("promoted")), "{answer}");
    assert_eq!((&answer["blobs_copied"], &answer["bytes_copied"]), (&json!(2), &json!(5037)), "{answer}");
    assert_eq!(target.tags("myapp/api")["1.0"], digest);
    assert_eq!(target.manifest("myapp/api", &digest).map(|bytes| sha256(&bytes)), Some(digest.clone()));

    let (code, answer) = world.json("promote", &name, &[]);
    assert_eq!((code, &answer["images"]), (Some(0), &image("present")), "{answer}");
    assert_eq!((&answer["blobs_copied"], &answer["bytes_copied"]), (&json!(0), &json!(0)), "{answer}");

    let (code, answer) = world.json("verify", &name, &["--full"]);
    assert_eq!((code, &answer["images"]), (Some(0), &image("verified")), "{answer}");
    assert_eq!((&answer["blobs"], &answer["bytes_read"]), (&json!(2), &json!(5037)), "{answer}");
}

#[test]
fn a_target_of_another_account_is_reached_with_its_role() {
    let world = World::new();
    let name = host(OTHER, "eu-west-1");
    let (code, answer) = world.json("promote", &name, &[]);
    assert_eq!((code, &answer["error"]["name"]), (Some(1), &json!("TargetAccessDenied")), "{answer}");
    let (code, answer) = world.json("promote", &name, &["--target-role", ROLE, "--external-id", "x-1"]);
    assert_eq!((code, &answer["images"][0]["targets"][0]["outcome"]), (Some(0), &json!("promoted")), "{answer}");
    assert_eq!(world.at(OTHER, "eu-west-1").tags("myapp/api").len(), 1);
    let assumed = world.sts.assumed();
    assert!(assumed.iter().all(|request| request.contains("ExternalId=x-1") && request.contains("promoter")));
    assert!(!assumed.is_empty());
}

/// An endpoint of one's own has one form, whatever form the host has: the SDK refuses both together.
#[test]
fn hosts_of_every_form_are_promoted_to() {
    let world = World::new();
    for name in [
        "111122223333.dkr-ecr.eu-west-2.on.aws",
        "111122223333.dkr.ecr-fips.eu-west-2.amazonaws.com",
        "111122223333.dkr-ecr-fips.eu-west-2.on.aws",
    ] {
        let (code, answer) = world.json("promote", name, &[]);
        assert_eq!((code, &answer["images"][0]["targets"][0]["registry"]), (Some(0), &json!(name)), "{answer}");
    }
    assert_eq!(world.at(OWN, "eu-west-2").tags("myapp/api").len(), 1);
}

#[test]
fn people_read_the_same_and_errors_have_their_name() {
    let world = World::new();
    let (source, target) = (host(OWN, "eu-west-1"), host(OWN, "eu-west-2"));
    let promote = ["promote", "deploy-manifest.json", "--source", &source, "--target", &target];
    let output = world.transship(&promote);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(text.starts_with("myapp/api:1.0 sha256:") && text.contains(&format!("  {target}  promoted\n")), "{text}");
    assert!(text.contains("2 blobs copied (4.9 KiB)"), "{text}");
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(progress.lines().all(|line| !line.contains('\u{1b}')), "{progress}");

    let release = json!({ "images": [{ "repository": "myapp/gone", "tag": "1.0" }] });
    std::fs::write(world.home.path().join("deploy-manifest.json"), release.to_string()).unwrap();
    let output = world.transship(&promote);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(stderr.contains("error: SourceImageNotFound: ") && stderr.contains("myapp/gone"), "{stderr}");
    let (code, answer) = world.json("check", &target, &[]);
    assert_eq!((code, &answer["error"]["name"]), (Some(1), &json!("SourceImageNotFound")), "{answer}");
}
