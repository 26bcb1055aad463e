//! Where a registry may lead, and that it cannot do it for ever.

use futures_util::stream;
use oci::Digest;
use promotion::pull::Consumer as _;
use promotion::{Error, Name, Referrers, Source as _, Target as _};
use registry::Side;

use crate::server::{Asked, Hostile};
use crate::{ann, app, assert_told, blob, connect, tag};

/// Addresses within the network, of this machine's services, and of nothing that is a registry. From a registry on
/// loopback all loopback is as near as itself; `http/origin.rs` has the rules for registries elsewhere.
const FORBIDDEN: [&str; 17] = [
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "https://169.254.169.254/",
    "http://169.254.170.2/v2/credentials",
    "http://[fd00:ec2::254]/latest/",
    "https://[fd00:ec2::254]/latest/",
    "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://0.0.0.0:22/",
    "https://0.0.0.0/",
    "http://10.0.0.1/",
    "http://192.168.0.1/",
    "http://registry.example/",
    "http://ann:pw@127.0.0.1/",
    "file:///etc/passwd",
    "gopher://127.0.0.1/",
    "data:text/plain,x",
    "http://[",
];

/// What a test asks of a registry that answers every request like this.
async fn ask(answer: String, what: usize) -> (Result<(), Error>, Hostile) {
    let server = Hostile::start(move |_: &Asked| answer.clone());
    let side = if what == 3 { Side::Target } else { Side::Source };
    // With a login it would knock first, and be led away there.
    let client = connect(&server.address(), registry::Login::Anonymous, side);
    let asked = match what {
        0 => client.pull_manifest(&app(), &tag()).await.map(drop),
        1 => client.open_blob(&app(), &blob(b"x"), 0..1).await.map(drop),
        // What comes of it is that each tag is asked for.
        2 => client.tags(&app(), "").await.map(|listed| assert!(listed.is_none(), "{listed:?}")),
        3 => client.start_upload(&app()).await.map(drop),
        4 => match client.referrers(&app(), Digest::of(b"x")).await {
            Ok(Referrers::Unclear(error)) => Err(error),
            other => other.map(drop),
        },
        _ => connect(&server.address(), ann(), side).pull_manifest(&app(), &tag()).await.map(drop),
    };
    (asked, server)
}

#[tokio::test]
async fn nobody_is_led_inwards_whatever_is_asked() {
    for place in FORBIDDEN {
        for what in 0..6 {
            let answer = match what {
                2 | 4 => format!("200 OK\nlink: <{place}>; rel=next\n\n{{\"tags\":[],\"manifests\":[]}}"),
                3 => format!("202 Accepted\nlocation: {place}\n\n"),
                5 => format!("401 Unauthorized\nwww-authenticate: Bearer realm=\"{place}\"\n\n"),
                _ => format!("307 Temporary Redirect\nlocation: {place}\n\n"),
            };
            let (asked, server) = ask(answer, what).await;
            if what != 2 {
                let error = asked.unwrap_err();
                assert_told(&error, Name::UnexpectedAnswer, false, &[&server.host, "sends us on to"]);
                assert!(!error.to_string().contains("pw"), "{error}");
            }
            assert_eq!(server.seen().len(), 1, "{place}: {:?}", server.lines());
        }
    }
}

#[tokio::test]
async fn redirects_end() {
    // Always elsewhere, so that no repetition is seen.
    let server = Hostile::start(|asked: &Asked| format!("307 Temporary Redirect\nlocation: /round/{}\n\n", asked.nth));
    let client = connect(&server.address(), registry::Login::Anonymous, Side::Source);
    for attempt in 1..=2 {
        let error = client.pull_manifest(&app(), &tag()).await.unwrap_err();
        assert_told(&error, Name::UnexpectedAnswer, false, &[&server.host, "more than 4 redirects"]);
        assert_eq!(server.seen().len(), 5 * attempt);
    }
    // Two that play ball.
    let other = Hostile::start(move |_: &Asked| format!("302 Found\nlocation: http://{}/back\n\n", server.host));
    let there = other.address();
    let server = Hostile::start(move |_: &Asked| format!("302 Found\nlocation: {there}/there\n\n"));
    let client = connect(&server.address(), registry::Login::Anonymous, Side::Source);
    let error = client.open_blob(&app(), &blob(b"x"), 0..1).await.unwrap_err();
    assert_told(&error, Name::UnexpectedAnswer, false, &[&server.host, "more than 4 redirects"]);
}

#[tokio::test]
async fn an_upload_is_put_once_wherever_it_is_led() {
    for status in
        ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let foreign = Hostile::start(|_: &Asked| "201 Created\ncontent-length: 0\n\n");
        let led = format!("{status}\nlocation: {}/elsewhere\n\n", foreign.address());
        let server = Hostile::start(move |asked: &Asked| match asked.method.as_str() {
            "POST" => "202 Accepted\nlocation: /up\ncontent-length: 0\n\n".to_owned(),
            _ => led.clone(),
        });
        let client = connect(&server.address(), registry::Login::Anonymous, Side::Target);
        let upload = client.start_upload(&app()).await.unwrap();
        let body = stream::iter([Ok(bytes::Bytes::from_static(b"layer"))]);
        let error = client.put_blob(upload, &blob(b"layer"), body).await.unwrap_err();
        assert_told(&error, Name::UnexpectedAnswer, false, &[&server.host, &status[..3]]);
        assert!(foreign.seen().is_empty());
    }
}
