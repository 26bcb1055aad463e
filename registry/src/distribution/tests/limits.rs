//! How often a registry may be asked, and what it says besides.

use std::time::Duration;

use promotion::pull::Consumer as _;
use promotion::{Error, Name, Source as _, Target as _};

use super::*;

async fn pull(login: Login, answer: &str) -> Error {
    let open = "200 OK\n\n";
    let answers = if login == Login::Anonymous { [answer, open] } else { [open, answer] };
    let server = Loopback::answering(answers);
    connect(&server.address, login, Side::Source).pull_manifest(&repository(), &tag()).await.unwrap_err()
}

#[tokio::test]
async fn the_delay_may_be_in_a_header_or_in_the_message() {
    let said = "429 Too Many\n\n{\"errors\":[{\"code\":\"TOOMANYREQUESTS\",\"message\":\"retry-after: 880µs, allowed: 44000/minute\"}]}";
    for (answer, delay) in [
        (said, Some(Duration::from_micros(880))),
        ("429 Too Many\nretry-after: 7\n\nretry-after: 2s", Some(Duration::from_secs(7))),
        ("429 Too Many\n\nslow down, retry-after: 1m2s", Some(Duration::from_secs(62))),
        // quay.io says nothing.
        ("429 Too Many\n\n", None),
    ] {
        let error = pull(Login::Anonymous, answer).await;
        assert_eq!((error.name(), error.is_temporary()), (Name::RegistryUnavailable, true), "{error}");
        assert_eq!((error.retry_after(), error.is_throttled()), (delay, true), "{error}");
    }
}

#[tokio::test]
async fn the_pull_limit_of_docker_hub_is_not_waited_for() {
    let answer = "429 Too Many Requests\nratelimit-limit: 100;w=21600\nratelimit-remaining: 0;w=21600\ndocker-ratelimit-source: 192.0.2.1\n\n\
                  {\"errors\":[{\"code\":\"TOOMANYREQUESTS\",\"message\":\"You have reached your unauthenticated pull rate limit.\"}]}";
    for (login, advice) in [(Login::Anonymous, "log in with `docker login"), (ann(), "an account with a higher one")] {
        let error = pull(login, answer).await;
        assert_eq!((error.name(), error.is_temporary()), (Name::RegistryUnavailable, false), "{error}");
        let text = error.to_string();
        assert!(text.contains(advice) && text.contains("100;w=21600") && text.contains("192.0.2.1"), "{text}");
    }
}

#[tokio::test]
async fn tls_behind_a_plain_address_is_reported() {
    for answer in [
        "400 Bad Request\n\nClient sent an HTTP request to an HTTPS server.\n",
        "400 Bad Request\ncontent-type: text/html\n\n<title>400 The plain HTTP request was sent to HTTPS port</title>",
    ] {
        let error = pull(Login::Anonymous, answer).await;
        assert!(error.to_string().contains("The port speaks TLS: write https://127.0.0.1:"), "{error}");
        assert_eq!((error.name(), error.is_temporary()), (Name::InvalidInput, false), "{error}");
    }
}

#[tokio::test]
async fn a_repository_that_is_not_made_by_pushing_is_named() {
    for answer in ["404 Not Found\n\n", "404 Not Found\n\n{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}"] {
        let server = Loopback::answering([answer]);
        let client = connect(&server.address, Login::Anonymous, Side::Target);
        let (name, again, text) = named(client.start_upload(&repository()).await);
        assert_eq!((name, again), (Name::TargetRepositoryNotFound, false), "{text}");
        assert!(text.contains("create it first"), "{text}");
    }
}

#[tokio::test]
async fn a_failure_is_that_of_the_request_and_a_bad_manifest_of_itself() {
    for (answer, expected, again) in [
        ("503 Down\n\n", Name::RegistryUnavailable, true),
        ("429 Busy\n\n", Name::RegistryUnavailable, true),
        ("403 Forbidden\n\n", Name::SourceAccessDenied, false),
        ("200 OK\ncontent-length: 9\n\n{}", Name::RegistryUnavailable, true),
    ] {
        let server = Loopback::answering([answer]);
        let (name, temporary, text) = named(anonymous(&server).manifests(&repository(), &[tag()]).await);
        assert_eq!((name, temporary), (expected, again), "{text}");
    }
    // An image that could be promoted, if its registry did not say that it is another one.
    let image = image_fixtures::Image::new().layer("l").build().compact();
    let (digest, image) = (image.digest(), std::str::from_utf8(image.bytes()).unwrap());
    let whole = format!("200 OK\ndocker-content-digest: {digest}\n\n{image}");
    let lookup =
        anonymous(&Loopback::answering([whole.as_str()])).manifests(&repository(), &[tag()]).await.unwrap().remove(0);
    assert_eq!(lookup.unwrap().unwrap().digest().to_string(), digest);
    let changed = whole.replace("\"size\":1", "\"size\":3");
    let by_digest = Reference::Digest(oci::Digest::of(b"other"));
    for (reference, answer, expected) in [
        (by_digest, "200 OK\n\n{}", Name::CorruptContent),
        (tag(), "200 OK\n\n<html>", Name::CorruptContent),
        (tag(), "200 OK\n\n{\"schemaVersion\":1}", Name::RegistryLimit),
        (tag(), &changed, Name::CorruptContent),
    ] {
        let server = Loopback::answering([answer]);
        let mut lookups = anonymous(&server).manifests(&repository(), &[reference]).await.unwrap();
        assert_eq!(named(lookups.remove(0)).0, expected, "{answer}");
    }
}
