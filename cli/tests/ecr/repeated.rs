//! An STS that repeats what it was shown, and what it could know by other ways.

use crate::server::{Asked, Hostile};
use crate::{OWN, ROLE, World, host};

const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SESSION_TOKEN: &str = "s3ssion/t0ken+of=the/caller";
const EXTERNAL_ID: &str = "3xternal+id:of@targets";
/// In the address of the endpoint.
const PASSWORD: &str = "of-an-endp0int";

/// An STS that denies everything.
fn refusing_sts() -> Hostile {
    Hostile::start(|asked: &Asked| {
        let signature = asked.head.split("Signature=").nth(1).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let message = format!("you sent {signature} {SESSION_TOKEN} {EXTERNAL_ID} {SECRET_KEY}");
        let refused = format!("<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>");
        format!("403 Forbidden\ncontent-type: text/xml\n\n<ErrorResponse>{refused}</ErrorResponse>")
    })
}

#[test]
fn what_sts_repeats_is_not_written() {
    let (world, sts) = (World::new(), refusing_sts());
    let (source, target) = (host(OWN, "eu-west-1"), host(OWN, "eu-west-2"));
    let between = ["check", "deploy-manifest.json", "--source", &source, "--target", &target];
    let role = ["--target-role", ROLE, "--external-id", EXTERNAL_ID];
    for flags in [&["-v"][..], &["-v", "--json"], &["--json"]] {
        let mut command = world.command(&[&between[..], &role, flags].concat());
        command
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_SESSION_TOKEN", SESSION_TOKEN)
            .env("RUST_LOG", "trace");
        command.env("AWS_ENDPOINT_URL_STS", format!("http://ann:{PASSWORD}@{}", sts.host));
        let output = command.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{said}");
        for shown in ["you sent [...] [...] [...] [...]", &format!("POST http://[...]@{} 403 in ", sts.host)] {
            assert!(said.contains(shown), "no {shown} in: {said}");
        }
        for secret in [SECRET_KEY, SESSION_TOKEN, EXTERNAL_ID, PASSWORD] {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
    }
}
