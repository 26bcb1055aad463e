use futures_util::stream;
use image_fixtures::{Image, Index};
use oci::{Descriptor, Digest, Manifest};
use promotion::{MountOutcome, Name, PutOutcome, Target as _};

use super::*;

fn image(layers: &[Digest]) -> Manifest {
    let image = Image::new().config("config");
    let image = layers.iter().fold(image, |image, layer| image.absent_layer("l", layer, 1));
    Manifest::parse(image.build().bytes().to_vec().into(), None).unwrap()
}

fn index() -> Manifest {
    Manifest::parse(Index::new().build().bytes().to_vec().into(), None).unwrap()
}

fn target(server: &Loopback) -> Distribution {
    connect(&server.address, Login::Anonymous, Side::Target)
}

/// What becomes of this manifest, put with a tag, when the registry answers like this.
async fn put(manifest: &Manifest, answers: [&str; 2]) -> Result<PutOutcome, (Name, bool, String)> {
    let server = Loopback::answering(answers);
    let tag = "1".parse().unwrap();
    let answer = target(&server).put_manifest(&repository(), manifest, Some(&tag)).await;
    answer.map_err(|error| named::<()>(Err(error)))
}

#[tokio::test]
async fn the_bytes_go_under_the_tag_or_the_digest() {
    let manifest = image(&[Digest::of(b"1")]);
    let stored = format!("201 Created\ndocker-content-digest: {}\n", manifest.digest());
    let server = Loopback::answering([stored.as_str(), "200 OK\n"]);
    let client = target(&server);
    let tag = "1.0".parse().unwrap();
    for tag in [Some(&tag), None] {
        assert_eq!(client.put_manifest(&repository(), &manifest, tag).await.unwrap(), PutOutcome::Stored);
    }
    let by_digest = format!("PUT /v2/app/manifests/{}", manifest.digest());
    assert_eq!(lines(&server), ["PUT /v2/app/manifests/1.0", &by_digest]);
    for request in server.requests() {
        assert!(request.contains("content-type: application/vnd.oci.image.manifest.v1+json\r\n"), "{request}");
        assert!(request.ends_with(std::str::from_utf8(manifest.raw()).unwrap()), "{request}");
    }
    let other = format!("201 Created\ndocker-content-digest: {}\n", Digest::of(b"other"));
    let (name, ..) = put(&manifest, [&other, ""]).await.unwrap_err();
    assert_eq!(name, Name::CorruptContent);
}

#[tokio::test]
async fn what_is_lacking_is_read_from_the_details_or_from_the_text() {
    let mut layers = [Digest::of(b"1"), Digest::of(b"2"), Digest::of(b"3")];
    layers.sort_unstable();
    let [a, b, _] = layers;
    let manifest = image(&layers);
    let mut all = vec![Digest::of(b"config"), layers[0], layers[1], layers[2]];
    all.sort_unstable();
    let error = |code: &str, digest: &Digest| format!(r#"{{"code":"{code}","detail":{{"digest":"{digest}"}}}}"#);
    let code = "MANIFEST_BLOB_UNKNOWN";
    for (body, expected) in [
        (format!(r#"{{"errors":[{},{}]}}"#, error(code, &a), error(code, &b)), vec![a, b]),
        (format!(r#"{{"errors":[{{"code":"{code}","detail":"{b}"}}]}}"#), vec![b]),
        (format!(r#"{{"errors":[{{"code":"BLOB_UNKNOWN","message":"no blob {a} here"}}]}}"#), vec![a]),
        (format!(r#"{{"errors":[{{"code":"{code}"}}]}}"#), all.clone()),
        (format!(r#"{{"errors":[{}]}}"#, error(code, &Digest::of(b"no layer"))), all),
    ] {
        let answer = format!("404 Not Found\n\n{body}");
        assert_eq!(put(&manifest, [&answer, ""]).await, Ok(PutOutcome::LacksBlobs(expected)), "{body}");
    }
    for code in ["MANIFEST_UNKNOWN", "MANIFEST_BLOB_UNKNOWN"] {
        let answer = format!("404 Not Found\n\n{{\"errors\":[{}]}}", error(code, &Digest::of(b"child")));
        assert_eq!(put(&index(), [&answer, ""]).await, Ok(PutOutcome::LacksManifests), "{code}");
    }
}

#[tokio::test]
async fn a_tag_that_may_not_move_is_looked_at() {
    let (manifest, other) = (image(&[Digest::of(b"1")]), image(&[Digest::of(b"2")]));
    let held = |manifest: &Manifest| {
        let text = std::str::from_utf8(manifest.raw()).unwrap();
        format!("200 OK\ncontent-type: {}\n\n{text}", manifest.media_type())
    };
    for refusal in [
        "412 Precondition Failed\n\n{\"errors\":[{\"code\":\"PRECONDITION\",\"message\":\"configured as immutable\"}]}",
        "409 Conflict\n\n{\"errors\":[{\"code\":\"TAG_IMMUTABLE\"}]}",
        "400 Bad Request\n\n{\"errors\":[{\"code\":\"TAG_INVALID\",\"message\":\"cannot be overwritten\"}]}",
        "403 Forbidden\n\n{\"errors\":[{\"code\":\"DENIED\",\"message\":\"Tag is Immutable\"}]}",
    ] {
        assert_eq!(put(&manifest, [refusal, &held(&manifest)]).await, Ok(PutOutcome::Stored), "{refusal}");
        let (name, again, text) = put(&manifest, [refusal, &held(&other)]).await.unwrap_err();
        assert_eq!((name, again), (Name::TagConflict, false), "{text}");
        assert!(text.contains(&other.digest().to_string()) && text.contains("Release under a new tag"), "{text}");
        let (name, again, _) = put(&manifest, [refusal, NOT_FOUND]).await.unwrap_err();
        assert_eq!((name, again), (Name::UnexpectedAnswer, true));
    }
}

/// Two that push at once, say.
#[tokio::test]
async fn a_conflict_that_is_of_no_tag_may_pass() {
    let manifest = image(&[]);
    let text = std::str::from_utf8(manifest.raw()).unwrap();
    let held = format!("200 OK\ncontent-type: {}\n\n{text}", manifest.media_type());
    let busy = "409 Conflict\n\n{\"errors\":[{\"code\":\"CONFLICT\",\"message\":\"try again\"}]}";
    assert_eq!(put(&manifest, [busy, &held]).await, Ok(PutOutcome::Stored));
    let (name, again, text) = put(&manifest, [busy, NOT_FOUND]).await.unwrap_err();
    assert_eq!((name, again), (Name::UnexpectedAnswer, true), "{text}");
    assert!(text.contains("409 CONFLICT: try again"), "{text}");
}

/// A proxy before the registry limits bodies.
#[tokio::test]
async fn a_body_that_is_too_large_names_proxies() {
    let server = Loopback::answering([
        "202 Accepted\nlocation: /up",
        "413 Request Entity Too Large\ncontent-type: text/html\n\n<title>413</title>",
    ]);
    let client = target(&server);
    let blob = Descriptor { media_type: "x".into(), digest: Digest::of(b"blob"), size: 4, platform: None };
    let upload = client.start_upload(&repository()).await.unwrap();
    let body = stream::iter([Ok(bytes::Bytes::from_static(b"blob"))]);
    let answers = [
        named(client.put_blob(upload, &blob, body).await),
        put(&image(&[]), ["413 Too Large\n\n", ""]).await.unwrap_err(),
    ];
    for (name, again, text) in answers {
        assert_eq!((name, again), (Name::RegistryLimit, false), "{text}");
        assert!(text.contains("413") && text.contains("client_max_body_size"), "{text}");
    }
}

/// A proxy that does not read on is not heard over the bytes that are still sent to it.
#[tokio::test]
async fn a_body_that_is_cut_off_for_its_length_is_too_large() {
    let (address, requests) = limiting(1 << 20);
    let client = connect(&address, Login::Anonymous, Side::Target);
    let size = 64 << 20;
    let blob = Descriptor { media_type: "x".into(), digest: Digest::of(b"large"), size, platform: None };
    let upload = client.start_upload(&repository()).await.unwrap();
    let pieces = (0..size >> 20).map(|_| Ok(bytes::Bytes::from(vec![0; 1 << 20])));
    let (name, again, text) = named(client.put_blob(upload, &blob, stream::iter(pieces)).await);
    assert_eq!((name, again), (Name::RegistryLimit, false), "{text}");
    assert!(requests.load(std::sync::atomic::Ordering::Relaxed) >= 2);
}

/// A server that starts uploads, and closes the connection on every body that is longer than this without reading any.
fn limiting(most: u64) -> (String, std::sync::Arc<std::sync::atomic::AtomicU64>) {
    use std::io::{BufRead as _, BufReader, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let seen = std::sync::Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let mut head = String::new();
            // One byte at a time, so that nothing of a body is read.
            let mut reader = BufReader::with_capacity(1, stream.try_clone().unwrap());
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            let answer = match (head.starts_with("POST"), length.parse::<u64>().unwrap() > most) {
                (true, _) => "202 Accepted\r\nlocation: /up",
                (false, true) => "413 Request Entity Too Large",
                (false, false) => "400 Bad Request",
            };
            let _ = write!(stream, "HTTP/1.1 {answer}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        }
    });
    (address, count)
}

#[tokio::test]
async fn other_refusals_of_a_manifest_have_their_names() {
    let coded =
        |status: &str, code: &str| format!("{status}\n\n{{\"errors\":[{{\"code\":\"{code}\",\"message\":\"m\"}}]}}");
    for (answer, expected, again) in [
        (coded("400 Bad Request", "MANIFEST_INVALID"), Name::RegistryLimit, false),
        (coded("405 Method Not Allowed", "UNSUPPORTED"), Name::RegistryLimit, false),
        ("413 Too Large\n\n".to_owned(), Name::RegistryLimit, false),
        (coded("404 Not Found", "NAME_UNKNOWN"), Name::TargetRepositoryNotFound, false),
        (coded("403 Forbidden", "DENIED"), Name::TargetAccessDenied, false),
        (coded("429 Busy", "TOOMANYREQUESTS"), Name::RegistryUnavailable, true),
        ("500 Down\n\n".to_owned(), Name::RegistryUnavailable, true),
    ] {
        let (name, temporary, text) = put(&image(&[]), [&answer, ""]).await.unwrap_err();
        assert_eq!((name, temporary), (expected, again), "{answer}: {text}");
        assert!(text.contains("putting manifest sha256:") && text.contains("app"), "{text}");
    }
}

#[tokio::test]
async fn a_mount_that_is_refused_becomes_an_upload() {
    let blob = Descriptor { media_type: "x".into(), digest: Digest::of(b"a"), size: 1, platform: None };
    let from = "other".parse().unwrap();
    for refusal in ["405 Method Not Allowed\n\n", "403 Forbidden\n\n", "404 Not Found\n\n", "401 Unauthorized\n\n"] {
        let server = Loopback::answering([refusal, "202 Accepted\nlocation: /up"]);
        let client = target(&server);
        assert!(
            matches!(client.mount_blob(&repository(), &blob, &from).await, Ok(MountOutcome::Declined(_))),
            "{refusal}"
        );
        assert_eq!(lines(&server)[1], "POST /v2/app/blobs/uploads/");
    }
    let server = Loopback::answering(["503 Down\n\n"]);
    let (name, again, _) = named(target(&server).mount_blob(&repository(), &blob, &from).await);
    assert_eq!((name, again), (Name::RegistryUnavailable, true));
}

#[tokio::test]
async fn no_token_for_two_repositories_is_no_reason_not_to_upload() {
    let tokens = Loopback::answering(["403 Forbidden\n\n", "200 OK\n\n{\"token\":\"t\"}"]);
    let challenge = challenge(&tokens.address, "repository:app:pull,push");
    let server = Loopback::answering([challenge.as_str(), "202 Accepted\nlocation: /up"]);
    let client = connect(&server.address, ann(), Side::Target);
    let blob = Descriptor { media_type: "x".into(), digest: Digest::of(b"a"), size: 1, platform: None };
    let mount = client.mount_blob(&repository(), &blob, &"other".parse().unwrap()).await;
    assert!(matches!(mount, Ok(MountOutcome::Declined(_))), "{mount:?}");
    assert_eq!(lines(&tokens)[1], "GET /token?service=reg&scope=repository%3Aapp%3Apull%2Cpush");
}

/// Debian's docker-registry, while another client puts the same manifest.
#[tokio::test]
async fn a_digest_that_was_computed_here_and_is_doubted_there_is_put_again() {
    let server = Loopback::answering(["400 Bad Request\n\n{\"errors\":[{\"code\":\"DIGEST_INVALID\"}]}"]);
    let client = connect(&server.address, Login::Anonymous, Side::Target);
    let (name, again, text) = named(client.put_manifest(&repository(), &index(), None).await);
    assert_eq!((name, again), (Name::CorruptContent, true), "{text}");
}
