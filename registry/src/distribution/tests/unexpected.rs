//! The name of each answer that makes no sense, and whether it is worth a retry.

use futures_util::stream;
use oci::{Descriptor, Digest};
use promotion::pull::Consumer as _;
use promotion::{Name, Source as _, Target as _};

use super::*;

/// What is asked of a registry.
#[derive(Debug, Clone, Copy)]
enum Verb {
    Open,
    Probe,
    Has,
    Pull,
    Start,
    Mount,
    Put,
    Referrers,
}

/// What comes of asking for this where the registry answers like that.
async fn ask(verb: Verb, answers: [&str; 2]) -> (Name, bool, String) {
    let server = Loopback::answering(answers);
    let client = connect(&server.address, Login::Anonymous, Side::Target);
    let digest = Digest::of(b"blob");
    let blob = Descriptor { media_type: "x".into(), digest, size: 4, platform: None };
    let app = repository();
    match verb {
        Verb::Open => named(client.open_blob(&app, &blob, 1..4).await),
        Verb::Probe => named(client.probe_blob(&app, &blob).await),
        Verb::Has => named(client.has_blobs(&app, &[digest]).await),
        Verb::Pull => named(client.pull_manifest(&app, &tag()).await),
        Verb::Start => named(client.start_upload(&app).await),
        Verb::Mount => named(client.mount_blob(&app, &blob, &"other".parse().unwrap()).await),
        Verb::Put => {
            let upload = client.start_upload(&app).await.unwrap();
            let body = stream::iter([Ok(bytes::Bytes::from_static(b"blob"))]);
            named(client.put_blob(upload, &blob, body).await)
        }
        Verb::Referrers => named(client.referrers(&app, digest).await),
    }
}

#[tokio::test]
async fn every_answer_without_sense_has_a_name() {
    let inwards = "307 Temporary Redirect\nlocation: http://169.254.169.254/\n\n";
    let nowhere = "307 Temporary Redirect\n\n";
    let started = "202 Accepted\nlocation: /up\n\n";
    for (verb, answers, again, says) in [
        // A proxy in trouble may answer so: worth a retry.
        (Verb::Open, ["206 Partial Content\n\nlob", ""], true, "without a readable range"),
        (Verb::Open, ["206 Partial Content\ncontent-range: bytes 0-3/4\n\nblob", ""], true, "when asked for"),
        (Verb::Open, ["204 No Content\n\n", ""], true, "without a readable range"),
        (Verb::Probe, ["204 No Content\n\n", ""], true, "does not say its size"),
        (Verb::Start, ["202 Accepted\n\n", ""], true, "without a Location"),
        (Verb::Mount, ["202 Accepted\n\n", ""], true, "without a Location"),
        // The same request would get the same answer.
        (Verb::Open, [inwards, ""], false, "sends us on to"),
        (Verb::Probe, [inwards, ""], false, "sends us on to"),
        (Verb::Has, [inwards, inwards], false, "sends us on to"),
        (Verb::Pull, [inwards, ""], false, "sends us on to"),
        (Verb::Start, ["202 Accepted\nlocation: file:///up\n\n", ""], false, "sends us on to"),
        (Verb::Pull, [nowhere, ""], false, "without a Location"),
        (Verb::Start, [inwards, ""], false, "307"),
        (Verb::Put, [started, inwards], false, "307"),
        (Verb::Has, ["400 Bad Request\n\n", "400 Bad Request\n\n"], false, "400 Bad Request"),
        (Verb::Pull, ["418 Teapot\n\nshort and stout", ""], false, "short and stout"),
    ] {
        let (name, temporary, text) = ask(verb, answers).await;
        assert_eq!((name, temporary), (Name::UnexpectedAnswer, again), "{verb:?} {answers:?}: {text}");
        assert!(text.contains(says) && text.contains("127.0.0.1") && text.contains("app"), "{text}");
    }
}

/// What may be over the next time keeps the name that state machines retry.
#[tokio::test]
async fn what_may_pass_is_no_unexpected_answer() {
    for (verb, answers) in [
        (Verb::Open, ["503 Service Unavailable\n\n", ""]),
        (Verb::Pull, ["429 Too Many Requests\n\n", ""]),
        (Verb::Pull, ["200 OK\ncontent-length: 9\n\n{}", ""]),
        (Verb::Mount, ["500 Internal Server Error\n\n", ""]),
        (Verb::Put, ["202 Accepted\nlocation: /up\n\n", "404 Not Found\n\n"]),
        (Verb::Referrers, ["502 Bad Gateway\n\n", ""]),
    ] {
        let (name, temporary, text) = ask(verb, answers).await;
        assert_eq!((name, temporary), (Name::RegistryUnavailable, true), "{verb:?} {answers:?}: {text}");
    }
}
