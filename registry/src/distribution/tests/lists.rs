//! Tags and referrers.

use oci::Digest;
use promotion::{Name, ReferrerList, Referrers, Source as _};

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
    let digests: Vec<_> = found.manifests.iter().map(|descriptor| descriptor.digest).collect();
    assert_eq!(digests, [Digest::of(b"one"), Digest::of(b"two")]);
    let none = client.referrers(&repository(), subject).await.unwrap();
    assert!(matches!(&none, Referrers::Listed(list) if *list == ReferrerList::default()), "{none:?}");
    assert!(server.requests()[0].contains("accept: application/vnd.oci.image.index.v1+json\r\n"));
    assert_eq!(
        lines(&server)[..2],
        [format!("GET /v2/app/referrers/{subject}"), "GET /v2/app/referrers/x?next=1".into()]
    );
}

/// What registries answer that keep no list, and whether that is said of the repository or of one subject.
#[tokio::test]
async fn a_registry_without_the_list_is_asked_once_per_repository() {
    for (answer, remembered) in [
        ("404 Not Found\n\n404 page not found\n", true),
        ("405 Method Not Allowed\n\n", true),
        // go-containerregistry#1962, #2026
        ("406 Not Acceptable\n\n", true),
        // harbor#18305
        ("401 Unauthorized\n\n{\"errors\":[{\"code\":\"UNAUTHORIZED\"}]}", true),
        ("501 Not Implemented\n\n", true),
        ("400 Bad Request\n\n", true),
        ("400 Bad Request\n\n{\"errors\":[{\"code\":\"UNSUPPORTED\"}]}", true),
        ("404 Not Found\n\n{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}", false),
        // NVIDIA/aicr#1957
        ("404 Not Found\n\n{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\"}]}", false),
        ("400 Bad Request\n\n{\"errors\":[{\"code\":\"MANIFEST_INVALID\"}]}", false),
        ("200 OK\n\n<html>welcome</html>", false),
        ("200 OK\n\n{}", false),
        ("200 OK\n\n[]", false),
        ("204 No Content\n", false),
    ] {
        let server = Loopback::answering([answer, answer, answer]);
        let client = anonymous(&server);
        for repository in [repository(), repository(), "other".parse().unwrap()] {
            let listed = client.referrers(&repository, Digest::of(b"x")).await.unwrap();
            assert!(matches!(listed, Referrers::Unlisted), "{answer}: {listed:?}");
        }
        assert_eq!(client.requests(), if remembered { 2 } else { 3 }, "{answer}");
    }
}

/// oras-go#633, artifacthub/hub#4785, registry.k8s.io#324
#[tokio::test]
async fn another_host_that_a_registry_sends_on_to_has_no_list_unless_it_shows_one() {
    let list = format!("200 OK\n\n{{{INDEX},\"manifests\":[{}]}}", referrer("one"));
    let empty = format!("200 OK\n\n{{{INDEX},\"manifests\":[]}}");
    for (status, there, is_list) in [
        ("303 See Other", "200 OK\ncontent-type: text/html\n\n<html>packages</html>", false),
        ("307 Temporary Redirect", "200 OK\n\n<html>log in</html>", false),
        (
            "307 Temporary Redirect",
            "401 Unauthorized\nwww-authenticate: Bearer realm=\"http://127.0.0.1:1/\"\n\n",
            false,
        ),
        ("307 Temporary Redirect", "403 Forbidden\n\n", false),
        ("302 Found", "404 Not Found\n\n", false),
        ("302 Found", "418 Teapot\n\n", false),
        ("302 Found", "302 Found\n\n", false),
        ("302 Found", "302 Found\nlocation: ftp://127.0.0.1/\n\n", false),
        ("302 Found", "302 Found\nlocation: http://169.254.169.254/\n\n", false),
        ("302 Found", empty.as_str(), false),
        ("302 Found", list.as_str(), true),
    ] {
        let elsewhere = Loopback::answering([there]);
        let led = format!("{status}\nlocation: {}/page", elsewhere.address);
        let server = Loopback::answering([led.as_str()]);
        let listed = anonymous(&server).referrers(&repository(), Digest::of(b"x")).await.unwrap();
        assert_eq!(matches!(listed, Referrers::Listed(_)), is_list, "{there}: {listed:?}");
        assert_eq!(matches!(listed, Referrers::Unlisted), !is_list, "{there}: {listed:?}");
        assert_eq!(elsewhere.requests().len(), 1);
    }
}

/// GHCR leads to a page of github.com, which a closed network may not reach (zot#4060).
#[tokio::test]
async fn another_host_that_cannot_be_reached_leaves_a_list_unclear() {
    let server = Loopback::answering(["302 Found\nlocation: http://127.0.0.1:1/page"]);
    let listed = anonymous(&server).referrers(&repository(), Digest::of(b"x")).await.unwrap();
    assert!(matches!(&listed, Referrers::Unclear(error) if error.to_string().contains("127.0.0.1:1")), "{listed:?}");
}

/// quay#3071: what a registry answers that does not have the subject, and one that knows no lists.
#[tokio::test]
async fn a_target_that_may_lack_the_subject_is_asked_each_time() {
    for answer in [
        "400 Bad Request\n\n{\"errors\":[{\"code\":\"MANIFEST_INVALID\"}]}",
        "404 Not Found\n\n{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\"}]}",
        "404 Not Found\n\n404 page not found\n",
    ] {
        let list = format!("200 OK\n\n{{{INDEX},\"manifests\":[]}}");
        let server = Loopback::answering([answer, list.as_str()]);
        let client = connect(&server.address, Login::Anonymous, Side::Target);
        let subject = Digest::of(b"x");
        let first = client.referrers(&repository(), subject).await.unwrap();
        assert!(matches!(first, Referrers::UnlistedOrAbsent), "{first:?}");
        let then = client.referrers(&repository(), subject).await.unwrap();
        assert!(matches!(then, Referrers::Listed(_)), "{then:?}");
    }
}

#[tokio::test]
async fn an_entry_of_another_algorithm_is_known_apart() {
    let theirs = format!("{{\"mediaType\":\"m\",\"digest\":\"sha512:{}\",\"size\":3}}", "ab".repeat(64));
    let list = format!("200 OK\n\n{{{INDEX},\"manifests\":[{theirs},{}]}}", referrer("one"));
    let server = Loopback::answering([list.as_str()]);
    match anonymous(&server).referrers(&repository(), Digest::of(b"x")).await.unwrap() {
        Referrers::Listed(list) => assert_eq!((list.manifests.len(), list.others.len()), (1, 1)),
        other => panic!("{other:?}"),
    }
}

/// Neither a list nor that there is none.
#[tokio::test]
async fn an_unclear_answer_is_told() {
    let challenge = "401 Unauthorized\nwww-authenticate: Negotiate\n\n";
    for (answers, expected) in [
        ([challenge, challenge], Name::SourceAccessDenied),
        (["403 Forbidden\n\n", ""], Name::SourceAccessDenied),
        (["418 Teapot\n\n", ""], Name::UnexpectedAnswer),
        (["307 Temporary Redirect\nlocation: http://169.254.169.254/\n\n", ""], Name::UnexpectedAnswer),
        (["307 Temporary Redirect\n\n", ""], Name::UnexpectedAnswer),
        (["200 OK\nlink: </next>; rel=next\n\n{\"manifests\":[]}", "200 OK\n\n<html>"], Name::UnexpectedAnswer),
        (["200 OK\nlink: </next>; rel=next\n\n{\"manifests\":[]}", "404 Not Found\n\n"], Name::UnexpectedAnswer),
    ] {
        let server = Loopback::answering(answers);
        match anonymous(&server).referrers(&repository(), Digest::of(b"x")).await.unwrap() {
            Referrers::Unclear(error) => {
                assert_eq!(error.name(), expected, "{error}");
                assert!(error.to_string().contains("listing what refers to sha256:"), "{error}");
            }
            other => panic!("{answers:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_outage_is_never_none() {
    for answer in ["429 Too Many\nretry-after: 3\n\n", "503 Down\n\n", "500 Down\n\n"] {
        let server = Loopback::answering([answer, answer]);
        let (name, temporary, text) = named(anonymous(&server).referrers(&repository(), Digest::of(b"x")).await);
        assert_eq!((name, temporary), (Name::RegistryUnavailable, true), "{answer}: {text}");
        assert!(text.contains("listing what refers to sha256:"), "{text}");
        let (name, temporary, text) = named(anonymous(&server).tags(&repository(), "").await);
        assert_eq!((name, temporary), (Name::RegistryUnavailable, true), "{answer}: {text}");
    }
}

#[tokio::test]
async fn tags_are_listed_by_their_beginning() {
    let server = Loopback::answering([
        "200 OK\nlink: </v2/app/tags/list?last=x>; rel=next\n\n{\"name\":\"app\",\"tags\":[\"1\",\"sha256-a.sig\"]}",
        "200 OK\n\n{\"tags\":[\"sha256-b\",\"-no tag\"]}",
        "200 OK\n\n{\"tags\":null}",
    ]);
    let client = anonymous(&server);
    let tags = client.tags(&repository(), "sha256-").await.unwrap().unwrap();
    assert_eq!(tags.iter().map(oci::Tag::as_str).collect::<Vec<_>>(), ["sha256-a.sig", "sha256-b"]);
    assert_eq!(lines(&server), ["GET /v2/app/tags/list?n=1000", "GET /v2/app/tags/list?last=x"]);
    assert_eq!(client.tags(&repository(), "").await.unwrap(), Some(vec![]));
}

#[tokio::test]
async fn where_there_is_no_list_each_tag_is_asked_for() {
    let elsewhere = Loopback::answering(["404 Not Found\n\n"]);
    let led = format!("307 Temporary Redirect\nlocation: {}/tags\n\n", elsewhere.address);
    for answer in [
        "404 Not Found\n\n{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}",
        "405 Method Not Allowed\n\n",
        // go-containerregistry#1963
        "413 Too Large\n\n{\"errors\":[{\"code\":\"TOO_MANY_TAGS_REQUESTED\"}]}",
        "400 Bad Request\n\n",
        // harbor#16310
        "401 Unauthorized\n\n",
        "403 Forbidden\n\n{\"errors\":[{\"code\":\"DENIED\"}]}",
        "406 Not Acceptable\n\n",
        "501 Not Implemented\n\n",
        "200 OK\n\n[]",
        "200 OK\n\n{}",
        "200 OK\n\n{\"tags\":[1]}",
        "200 OK\n\n<html>",
        "204 No Content\n\n",
        "200 OK\nlink: <HERE/v2/app/tags/list?n=1000>; rel=next\n\n{\"tags\":[]}",
        "307 Temporary Redirect\nlocation: http://169.254.169.254/\n\n",
        led.as_str(),
    ] {
        let server = Loopback::answering([answer]);
        assert_eq!(anonymous(&server).tags(&repository(), "").await.unwrap(), None, "{answer}");
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
