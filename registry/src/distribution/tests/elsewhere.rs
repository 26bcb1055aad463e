//! Registries that send on to other hosts for manifests and lists (registry.k8s.io#287, #324), or to https.

use image_fixtures::Image;
use promotion::pull::Consumer as _;
use promotion::{Name, Source as _, Target as _};

use super::*;

/// A registry that sends everything on to a server that answers like this.
fn leading(answer: &str) -> (Loopback, Loopback) {
    let elsewhere = Loopback::answering([answer]);
    let led = format!("307 Temporary Redirect\nlocation: {}/v2/images/app/manifests/1", elsewhere.address);
    (Loopback::answering(["401 Unauthorized\nwww-authenticate: Basic\n\n", led.as_str()]), elsewhere)
}

#[tokio::test]
async fn what_another_host_does_not_have_is_absent_at_once() {
    for answer in [NOT_FOUND, "404 Not Found\n\n<html>", "404 Not Found\n\n"] {
        for side in [Side::Source, Side::Target] {
            let (server, elsewhere) = leading(answer);
            let client = connect(&server.address, ann(), side);
            let found = client.manifests(&repository(), &[tag()]).await.unwrap().pop().unwrap();
            assert!(found.unwrap().is_none(), "{answer}");
            assert!(!elsewhere.requests().concat().to_lowercase().contains("authorization"));
        }
        let (server, _elsewhere) = leading(answer);
        let client = connect(&server.address, ann(), Side::Pull);
        let (name, again, text) = named(client.pull_manifest(&repository(), &tag()).await);
        assert_eq!((name, again), (Name::PullFailed, false), "{text}");
        assert!(text.contains("Check the registry, the name and the tag or digest"), "{text}");
    }
}

#[tokio::test]
async fn what_another_host_has_is_read_without_a_login() {
    let image = Image::new().config("config").build();
    let text = std::str::from_utf8(image.bytes()).unwrap();
    let (server, elsewhere) = leading(&format!("200 OK\ncontent-type: {}\n\n{text}", image.root().media_type));
    let client = connect(&server.address, ann(), Side::Source);
    let found = client.manifests(&repository(), &[tag()]).await.unwrap().pop().unwrap();
    assert_eq!(found.unwrap().unwrap().digest().to_string(), image.digest());
    assert!(!elsewhere.requests().concat().to_lowercase().contains("authorization"));
}

#[tokio::test]
async fn another_host_that_denies_is_no_registry_to_log_in_to() {
    for answer in ["401 Unauthorized\nwww-authenticate: Bearer realm=\"http://127.0.0.1:1/t\"\n\n", "403 Forbidden\n\n"]
    {
        let (server, elsewhere) = leading(answer);
        let client = connect(&server.address, ann(), Side::Source);
        let (name, again, text) = named(client.manifests(&repository(), &[tag()]).await);
        assert_eq!((name, again), (Name::SourceAccessDenied, false), "{text}");
        assert!(text.contains("name that host instead"), "{text}");
        assert_eq!(elsewhere.requests().len(), 1);
    }
}

#[tokio::test]
async fn plain_http_that_is_sent_on_to_https_is_said() {
    let led = "301 Moved Permanently\nlocation: https://127.0.0.1:1/v2/\n\n";
    let pulled = Loopback::answering([led]);
    let client = connect(&pulled.address, Login::Anonymous, Side::Source);
    let (name, again, text) = named(client.manifests(&repository(), &[tag()]).await);
    assert_eq!((name, again), (Name::InvalidInput, false), "{text}");
    assert!(text.contains("sends plain HTTP on to https: write 127.0.0.1:1"), "{text}");
    let pushed = Loopback::answering([led]);
    let (name, again, text) =
        named(connect(&pushed.address, Login::Anonymous, Side::Target).start_upload(&repository()).await);
    assert_eq!((name, again), (Name::InvalidInput, false), "{text}");
    assert!(text.contains("sends plain HTTP on to https"), "{text}");
}

/// cosign#2973, and a login that is refused whatever is asked for.
#[tokio::test]
async fn a_denial_in_a_target_leaves_open_what_is_there_unless_the_login_is_refused() {
    let denied = "403 Forbidden\n\n{\"errors\":[{\"code\":\"DENIED\"}]}";
    for (answers, is_open) in [
        ([denied, "", ""], true),
        (["500 Internal Server Error\n\n{\"errors\":[{\"code\":\"UNKNOWN\"}]}", "", ""], true),
        (["401 Unauthorized\n\n", "200 OK\n\n{}", ""], true),
        (["400 Bad Request\n\n{\"errors\":[{\"code\":\"MANIFEST_INVALID\"}]}", "", ""], true),
        (["405 Method Not Allowed\n\n", "", ""], true),
        (["406 Not Acceptable\n\n", "", ""], true),
        (["422 Unprocessable Content\n\n", "", ""], true),
        (["501 Not Implemented\n\n", "", ""], true),
        (["400 Bad Request\n\nClient sent an HTTP request to an HTTPS server.", "", ""], false),
        (["401 Unauthorized\n\n", "401 Unauthorized\n\n", ""], false),
        (["503 Service Unavailable\n\n", "", ""], false),
        (["429 Too Many Requests\n\n", "", ""], false),
    ] {
        let server = Loopback::answering(answers);
        let client = connect(&server.address, Login::Anonymous, Side::Target);
        let error = client.manifests(&repository(), &[tag()]).await.unwrap_err();
        assert_eq!(error.is_inconclusive(), is_open, "{answers:?}: {error}");
        let count = answers.iter().filter(|answer| !answer.is_empty()).count();
        assert_eq!(server.requests().len(), count, "{answers:?}");
    }
}
