//! Answers that never end, that are longer than they say, or larger than they look.

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use oci::{Digest, MAX_MANIFEST_BYTES, Manifest, MediaType, Reference};
use promotion::pull::Consumer as _;
use promotion::{Error, Name, Referrers, Source as _};
use registry::{Distribution, Login, Side};

use crate::server::{Answer, Asked, Hostile};
use crate::{ann, app, assert_told, blob, connect, tag};

/// What is on its way when a client hangs up: the buffers of both ends.
const ON_ITS_WAY: u64 = 16 << 20;

fn anonymous(server: &Hostile) -> Distribution {
    connect(&server.address(), Login::Anonymous, Side::Source)
}

fn endless(head: &str, piece: &str) -> Hostile {
    let (head, piece) = (head.to_owned(), piece.repeat(65_536 / piece.len()).into_bytes());
    Hostile::start(move |_: &Asked| Answer::Endless(head.clone(), piece.clone()))
}

async fn read(client: &Distribution, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let blob = blob(bytes);
    let body = client.open_blob(&app(), &blob, 0..blob.size).await?.bytes;
    body.try_fold(Vec::new(), |mut all, piece| async move {
        all.extend_from_slice(&piece);
        Ok(all)
    })
    .await
}

/// Why it is not known what refers to something.
async fn unclear(client: &Distribution) -> Error {
    match client.referrers(&app(), Digest::of(b"x")).await.unwrap() {
        Referrers::Unclear(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_manifest_without_end_is_read_up_to_the_limit() {
    // With and without a length that says so.
    for head in ["200 OK", "200 OK\ncontent-length: 99999999999"] {
        let server = endless(head, "{\"schemaVersion\":2,");
        let error = anonymous(&server).pull_manifest(&app(), &tag()).await.unwrap_err();
        assert_told(&error, Name::RegistryLimit, false, &[&server.host, "ECR takes at most 4194304"]);
        assert!(server.sent() < MAX_MANIFEST_BYTES as u64 + ON_ITS_WAY, "{} bytes", server.sent());
    }
}

#[tokio::test]
async fn a_refusal_without_end_is_read_to_its_beginning() {
    for (status, name, again) in [
        ("400 Bad Request", Name::UnexpectedAnswer, false),
        ("403 Forbidden", Name::SourceAccessDenied, false),
        ("503 Service Unavailable", Name::RegistryUnavailable, true),
    ] {
        let server = endless(status, "no and ");
        let error = anonymous(&server).pull_manifest(&app(), &tag()).await.unwrap_err();
        assert_told(&error, name, again, &[&server.host, &status[..3], "no and no and"]);
        assert!(server.sent() < ON_ITS_WAY, "{} bytes", server.sent());
    }
}

#[tokio::test]
async fn a_token_without_end_is_not_waited_for() {
    let tokens = endless("200 OK", "{\"token\":\"aaaaaaaaaaaaa");
    let challenge = format!("401 Unauthorized\nwww-authenticate: Bearer realm=\"{}/token\"\n\n", tokens.address());
    let server = Hostile::start(move |_: &Asked| challenge.clone());
    let error = connect(&server.address(), ann(), Side::Source).pull_manifest(&app(), &tag()).await.unwrap_err();
    assert_told(&error, Name::UnexpectedAnswer, false, &[&server.host, &tokens.host, "longer than 65536 bytes"]);
    assert!(tokens.sent() < (1 << 20) + ON_ITS_WAY, "{} bytes", tokens.sent());
}

#[tokio::test]
async fn lists_without_end_end() {
    // Pages without end, each small.
    let server = Hostile::start(|asked: &Asked| {
        let nth = asked.nth;
        format!("200 OK\nlink: </more?{nth}>; rel=next\n\n{{\"manifests\":[],\"tags\":[\"t{nth}\"]}}")
    });
    let client = anonymous(&server);
    assert_eq!(client.tags(&app(), "t").await.unwrap(), None, "each tag is asked for instead");
    assert_eq!(server.seen().len(), 20);
    let error = unclear(&client).await;
    assert_told(&error, Name::UnexpectedAnswer, false, &[&server.host, "goes on after 100 pages"]);
    assert_eq!(server.seen().len(), 120);
    // Few pages, each as long as one may be.
    let entry = format!("{{\"mediaType\":\"m\",\"digest\":\"{}\",\"size\":1}}", Digest::of(b"r"));
    let entries = vec![entry; 20_000].join(",");
    let page = format!("200 OK\nlink: </more>; rel=next\n\n{{\"manifests\":[{entries}]}}");
    let server = Hostile::start(move |asked: &Asked| page.replacen("/more", &format!("/more?{}", asked.nth), 1));
    let error = unclear(&anonymous(&server)).await;
    assert_told(&error, Name::UnexpectedAnswer, false, &[&server.host, "more than 4194304 bytes on its pages"]);
    assert_eq!(server.seen().len(), 2);
    // One page without end.
    let server = endless("200 OK", "{\"tags\":[");
    assert_eq!(anonymous(&server).tags(&app(), "").await.unwrap(), None);
    assert!(server.sent() < ON_ITS_WAY, "{} bytes", server.sent());
    let error = unclear(&anonymous(&server)).await;
    assert_told(&error, Name::UnexpectedAnswer, false, &[&server.host, "bytes in one page"]);
    // More tags than any repository has images.
    let tags = vec!["\"sha256-x\""; 100_001].join(",");
    let server = Hostile::start(move |_: &Asked| format!("200 OK\n\n{{\"tags\":[{tags}]}}"));
    assert_eq!(anonymous(&server).tags(&app(), "sha256-").await.unwrap(), None);
    assert_eq!(anonymous(&server).tags(&app(), "other-").await.unwrap(), Some(vec![]));
}

#[tokio::test]
async fn a_blob_is_as_long_as_its_manifest_says() {
    let server = endless("200 OK", "layer");
    let error = read(&anonymous(&server), b"layer").await.unwrap_err();
    assert_told(&error, Name::CorruptContent, false, &[&server.host, "more bytes than its manifest says"]);
    assert!(server.sent() < ON_ITS_WAY, "{} bytes", server.sent());
    let server =
        Hostile::start(|_: &Asked| "206 Partial Content\ncontent-range: bytes 0-4/18446744073709551615\n\nlayer");
    let error = anonymous(&server).probe_blob(&app(), &blob(b"layer")).await.unwrap_err();
    assert_told(&error, Name::CorruptContent, false, &[&server.host, "18446744073709551615"]);
}

#[tokio::test]
async fn headers_have_limits() {
    let refused = |head: String| async move {
        let server = Hostile::start(move |_: &Asked| head.clone());
        let error = anonymous(&server).pull_manifest(&app(), &tag()).await.unwrap_err();
        // It might be a proxy in trouble: whoever asked asks again a few times.
        assert_told(&error, Name::RegistryUnavailable, true, &[&server.host]);
    };
    refused(format!("404 Not Found\nx-long: {}\n\n", "a".repeat(1 << 20))).await;
    refused(format!("404 Not Found{}\n\n", "\nx-many: 1".repeat(10_000))).await;
    // Headers that are read, and then not repeated.
    let long = "z".repeat(64 << 10);
    for (head, name) in [
        (format!("401 Unauthorized\nwww-authenticate: {long}\n\n"), Name::SourceAccessDenied),
        (format!("401 Unauthorized\nwww-authenticate: {}\n\n", "N,".repeat(32 << 10)), Name::SourceAccessDenied),
        (
            format!("429 Too Many\nretry-after: {}\nratelimit-limit: {long}\n\n", "9".repeat(60_000)),
            Name::RegistryUnavailable,
        ),
        (format!("307 Temporary Redirect\nlocation: ftp://{long}/{long}\n\n"), Name::UnexpectedAnswer),
    ] {
        let server = Hostile::start(move |_: &Asked| head.clone());
        let error = anonymous(&server).pull_manifest(&app(), &tag()).await.unwrap_err();
        assert_told(&error, name, name == Name::RegistryUnavailable && error.is_temporary(), &[&server.host]);
    }
}

/// What is compressed on the way is not what was pushed, and nothing here is made larger than it came.
#[tokio::test]
async fn nothing_is_decompressed() {
    let raw = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let manifest = Manifest::parse(Bytes::from_static(raw), None).unwrap();
    // A stored block of DEFLATE in gzip: the header, the block, and no trailer.
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1];
    let length = u16::try_from(raw.len()).unwrap();
    packed.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
    packed.extend(raw);
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        let head = format!("200 OK\ncontent-type: {}\ncontent-encoding: {encoding}\n\n", MediaType::OciIndex);
        let answer = [head.as_bytes(), &packed].concat();
        let server = Hostile::start(move |_: &Asked| Answer::Bytes(answer.clone()));
        for reference in [tag(), Reference::Digest(manifest.digest())] {
            let error = anonymous(&server).pull_manifest(&app(), &reference).await.unwrap_err();
            assert_told(&error, Name::CorruptContent, false, &[&server.host]);
        }
        let error = read(&anonymous(&server), raw).await.unwrap_err();
        assert_told(&error, Name::CorruptContent, false, &[&server.host]);
        assert!(!server.seen().concat().to_lowercase().contains("accept-encoding"), "{:?}", server.seen());
    }
}
