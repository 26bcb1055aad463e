//! An STS that repeats what it was shown, and what it could know by other ways.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::{OWN, ROLE, World, host};

const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SESSION_TOKEN: &str = "s3ssion/t0ken+of=the/caller";
const EXTERNAL_ID: &str = "3xternal+id:of@targets";
/// In the address of the endpoint.
const PASSWORD: &str = "of-an-endp0int";

/// `127.0.0.1:PORT` of an STS that denies everything. It ends with the process.
fn refusing_sts() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = refuse(stream);
        }
    });
    host
}

fn refuse(mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    reader.read_exact(&mut vec![0; length.unwrap_or(0)])?;
    let signature = head.split("Signature=").nth(1).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let message = format!("you sent {signature} {SESSION_TOKEN} {EXTERNAL_ID} {SECRET_KEY}");
    let xml =
        format!("<ErrorResponse><Error><Code>AccessDenied</Code><Message>{message}</Message></Error></ErrorResponse>");
    let length = xml.len();
    write!(
        stream,
        "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-type: text/xml\r\ncontent-length: {length}\r\n\r\n{xml}"
    )
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
        command.env("AWS_ENDPOINT_URL_STS", format!("http://ann:{PASSWORD}@{sts}"));
        let output = command.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{said}");
        for shown in ["you sent [...] [...] [...] [...]", &format!("POST http://[...]@{sts} 403 in ")] {
            assert!(said.contains(shown), "no {shown} in: {said}");
        }
        for secret in [SECRET_KEY, SESSION_TOKEN, EXTERNAL_ID, PASSWORD] {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
    }
}
