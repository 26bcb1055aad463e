//! Tags and referrers.

use oci::Digest;
use promotion::{Name, Referrers, Source as _};

use super::*;

const INDEX: &str = "\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\"";

fn referrer(of: &str) -> String {
    let digest = Digest::of(of.as_bytes());
    format!("{{\"mediaType\":\"m\",\"digest\":\"{digest}\",\"size\":3,\"artifactType\":\"a\"}}")
}

#[tokio::test]
async fn referrers_are_listed_page_by_page() {
    let first = format!(
        "200 OK\nlink: </v2/app/referrers/x?next=1>; rel=\"next\"\n\n{{{INDEX},\"manifests\":[{}]}}",
        referrer("one")
    );
    let second = format!("200 OK\n\n{{{INDEX},\"manifests\":[{}]}}", referrer("two"));
    let none = format!("200 OK\n\n{{{INDEX},\"manifests\":null}}");
    let server = Loopback::answering([first.as_str(), second.as_str(), none.as_str()]);
    let client = anonymous(&server);
    let subject = Digest::of(b"subject");
    let Referrers::Listed(found) = client.referrers(&repository(), subject).await.unwrap() else {
        panic!("it has a list");
    };
    let digests: Vec<_> = found.iter().map(|descriptor| descriptor.digest).collect();
    assert_eq!(digests, [Digest::of(b"one"), Digest::of(b"two")]);
    assert_eq!(client.referrers(&repository(), subject).await.unwrap(), Referrers::Listed(vec![]));
    assert_eq!(
        lines(&server)[..2],
        [format!("GET /v2/app/referrers/{subject}"), "GET /v2/app/referrers/x?next=1".into()]
    );
}

#[tokio::test]
async fn a_registry_without_the_list_is_asked_once_per_repository() {
    for (answer, remembered) in [
        ("404 Not Found\n\n404 page not found\n", true),
        ("405 Method Not Allowed\n\n", true),
        ("400 Bad Request\n\n{\"errors\":[{\"code\":\"UNSUPPORTED\"}]}", true),
        ("404 Not Found\n\n{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}", false),
    ] {
        let server = Loopback::answering([answer, answer, answer]);
        let client = anonymous(&server);
        for repository in [repository(), repository(), "other".parse().unwrap()] {
            let answer = client.referrers(&repository, Digest::of(b"x")).await.unwrap();
            assert_eq!(answer, Referrers::Unlisted);
        }
        assert_eq!(client.requests(), if remembered { 2 } else { 3 }, "{answer}");
    }
}

#[tokio::test]
async fn a_failure_is_never_none() {
    for (answer, expected, again) in [
        ("401 Unauthorized\n\n", Name::SourceAccessDenied, false),
        ("403 Forbidden\n\n", Name::SourceAccessDenied, false),
        ("429 Too Many\nretry-after: 3\n\n", Name::RegistryUnavailable, true),
        ("503 Down\n\n", Name::RegistryUnavailable, true),
        ("400 Bad Request\n\n", Name::UnexpectedAnswer, false),
        ("200 OK\n\n<html>welcome</html>", Name::UnexpectedAnswer, false),
        ("200 OK\n\n{}", Name::UnexpectedAnswer, false),
        ("200 OK\n\n{\"manifests\":[{\"digest\":\"x\"}]}", Name::UnexpectedAnswer, false),
        ("204 No Content\n", Name::UnexpectedAnswer, false),
    ] {
        let server = Loopback::answering([answer]);
        let (name, temporary, text) = named(anonymous(&server).referrers(&repository(), Digest::of(b"x")).await);
        assert_eq!((name, temporary), (expected, again), "{answer}: {text}");
        assert!(text.contains("listing what refers to sha256:"), "{text}");
    }
}

#[tokio::test]
async fn tags_are_listed_by_their_beginning() {
    let server = Loopback::answering([
        "200 OK\nlink: </v2/app/tags/list?last=x>; rel=next\n\n{\"name\":\"app\",\"tags\":[\"1\",\"sha256-a.sig\"]}",
        "200 OK\n\n{\"tags\":[\"sha256-b\",\"-no tag\"]}",
        "200 OK\n\n{\"tags\":null}",
        "404 Not Found\n\n{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}",
        "405 Method Not Allowed\n\n",
        "500 Down\n\n",
        "200 OK\n\n[]",
        "200 OK\n\n{}",
    ]);
    let client = anonymous(&server);
    let tags = client.tags(&repository(), "sha256-").await.unwrap().unwrap();
    assert_eq!(tags.iter().map(oci::Tag::as_str).collect::<Vec<_>>(), ["sha256-a.sig", "sha256-b"]);
    assert_eq!(lines(&server), ["GET /v2/app/tags/list?n=1000", "GET /v2/app/tags/list?last=x"]);
    for expected in [Some(vec![]), Some(vec![]), None] {
        assert_eq!(client.tags(&repository(), "").await.unwrap(), expected);
    }
    for expected in
        [(Name::RegistryUnavailable, true), (Name::UnexpectedAnswer, false), (Name::UnexpectedAnswer, false)]
    {
        let (name, again, text) = named(client.tags(&repository(), "").await);
        assert_eq!((name, again), expected, "{text}");
    }
}

#[tokio::test]
async fn tags_without_an_end_are_not_waited_for() {
    let pages: Vec<String> = (0..20)
        .map(|page| format!("200 OK\nlink: </v2/app/tags/list?p={page}>; rel=next\n\n{{\"tags\":[\"t{page}\"]}}"))
        .collect();
    let pages: [&str; 20] = std::array::from_fn(|page| pages[page].as_str());
    let server = Loopback::answering(pages);
    let client = anonymous(&server);
    assert_eq!(client.tags(&repository(), "t").await.unwrap(), None);
    assert_eq!(client.requests(), 20);
}
