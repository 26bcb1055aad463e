//! Who gets a login and a token: the registry that they are for, and the token server that it names, and none that
//! either leads to.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use oci::{Descriptor, Digest, Manifest, MediaType};
use promotion::pull::Consumer as _;
use promotion::{Error, Name, Referrers, Source as _, Target as _};
use registry::{Distribution, Side};

use crate::server::{Asked, Hostile};
use crate::{BASIC, PASSWORD, ann, app, assert_told, blob, connect, tag};

const TOKEN: &str = "t0ken-of-the-registry";

/// How somebody whom a registry leads to asks for a login, with a token server of their own.
fn greedy(realm: &str) -> [String; 3] {
    [
        "401 Unauthorized\nwww-authenticate: Basic realm=\"mine\"\n\n".into(),
        format!("401 Unauthorized\nwww-authenticate: Bearer realm=\"{realm}/token\",service=\"s\"\n\n"),
        format!("401 Unauthorized\nwww-authenticate: Basic\nwww-authenticate: Bearer realm=\"{realm}/token\"\n\n"),
    ]
}

/// A registry that is entered with a token, and leads all who have one to this place.
fn leading_to(place: &str, tokens: &str) -> Hostile {
    let (led, challenge) = (
        format!("307 Temporary Redirect\nlocation: {place}/stolen\n\n"),
        format!("401 Unauthorized\nwww-authenticate: Bearer realm=\"{tokens}/token\",service=\"s\"\n\n"),
    );
    let location = format!("202 Accepted\nlocation: {place}/stolen\ncontent-length: 0\n\n");
    let page = format!("200 OK\nlink: <{place}/stolen>; rel=\"next\"\n\n{{\"tags\":[],\"manifests\":[]}}");
    Hostile::start(move |asked: &Asked| match (asked.method.as_str(), asked.path.as_str()) {
        (_, "/v2/") => challenge.clone(),
        ("POST", _) => location.clone(),
        (_, path) if path.contains("/tags/list") || path.contains("/referrers/") => page.clone(),
        _ => led.clone(),
    })
}

/// Everything that a promotion asks of a registry, each by itself.
async fn ask(client: &Distribution, what: usize) -> Result<(), Error> {
    let layer: Descriptor = blob(b"layer");
    match what {
        0 => client.pull_manifest(&app(), &tag()).await.map(drop),
        1 => client.manifests(&app(), &[tag()]).await?.remove(0).map(drop),
        2 => match client.open_blob(&app(), &layer, 0..layer.size).await {
            Ok(mut opened) => opened.bytes.next().await.unwrap_or(Ok(Bytes::new())).map(drop),
            Err(error) => Err(error),
        },
        3 => client.has_blobs(&app(), &[layer.digest]).await.map(drop),
        4 => client.probe_blob(&app(), &layer).await,
        5 => client.tags(&app(), "").await.map(drop),
        6 => match client.referrers(&app(), layer.digest).await? {
            Referrers::Unclear(error) => Err(error),
            Referrers::Listed(_) | Referrers::Unlisted | Referrers::UnlistedOrAbsent => Ok(()),
        },
        7 => {
            let upload = client.start_upload(&app()).await?;
            client.put_blob(upload, &layer, stream::iter([Ok(Bytes::from_static(b"layer"))])).await
        }
        8 => client.mount_blob(&app(), &layer, &"other".parse().unwrap()).await.map(drop),
        _ => {
            let raw = Bytes::from_static(br#"{"schemaVersion":2,"manifests":[]}"#);
            let manifest = Manifest::parse(raw, Some(MediaType::OciIndex.as_str())).unwrap();
            client.put_manifest(&app(), &manifest, None).await.map(drop)
        }
    }
}

fn assert_knows_nothing(friends: &[&Hostile]) {
    for request in friends.iter().flat_map(|friend| friend.seen()) {
        for secret in [PASSWORD, BASIC, TOKEN] {
            assert!(!request.contains(secret), "{request}");
        }
        assert!(!request.to_lowercase().contains("authorization"), "{request}");
    }
}

#[tokio::test]
async fn whom_a_registry_leads_to_gets_neither_login_nor_token() {
    for side in [Side::Source, Side::Target] {
        for what in 0..10 {
            for way in 0..3 {
                let accomplice = Hostile::start(|_: &Asked| format!("200 OK\n\n{{\"token\":\"{TOKEN}\"}}"));
                let wanted = greedy(&accomplice.address()).into_iter().nth(way).unwrap();
                let foreign = Hostile::start(move |_: &Asked| wanted.clone());
                let tokens = Hostile::start(|_: &Asked| format!("200 OK\n\n{{\"token\":\"{TOKEN}\"}}"));
                let registry = leading_to(&foreign.address(), &tokens.address());
                let client = connect(&registry.address(), ann(), side);
                let asked = ask(&client, what).await;
                // Mounting declines, and only opens an upload, and tags are asked for one by one; all else was led away
                // and got nothing.
                assert_eq!(asked.is_ok(), matches!(what, 5 | 8), "{what} {way}: {asked:?}");
                if let Err(error) = asked {
                    assert!(error.to_string().contains(&registry.host), "{what} {way}: {error}");
                }
                let shown: Vec<_> = registry.seen().into_iter().filter(|request| request.contains(TOKEN)).collect();
                assert!(!shown.is_empty(), "the token was never used: {:?}", registry.lines());
                assert!(!registry.seen().concat().contains(BASIC), "{:?}", registry.lines());
                assert!(tokens.seen().concat().contains(BASIC), "{:?}", tokens.seen());
                // What is put is not led away at all.
                assert_eq!(foreign.seen().is_empty(), what >= 8, "{what}: {:?}", foreign.lines());
                assert!(accomplice.seen().is_empty(), "{what} {way}: {:?}", accomplice.lines());
                assert_knows_nothing(&[&foreign, &accomplice]);
            }
        }
    }
}

#[tokio::test]
async fn a_token_server_leads_nobody_on() {
    for (status, method) in [(301, "Moved"), (302, "Found"), (303, "See Other"), (307, "Temporary"), (308, "Permanent")]
    {
        let foreign = Hostile::start(|_: &Asked| format!("200 OK\n\n{{\"token\":\"{TOKEN}\"}}"));
        let led = format!("{status} {method}\nlocation: {}/token\n\n", foreign.address());
        let tokens = Hostile::start(move |_: &Asked| led.clone());
        let challenge = format!("401 Unauthorized\nwww-authenticate: Bearer realm=\"{}/token\"\n\n", tokens.address());
        let registry = Hostile::start(move |_: &Asked| challenge.clone());
        let error = ask(&connect(&registry.address(), ann(), Side::Source), 0).await.unwrap_err();
        assert_told(&error, Name::UnexpectedAnswer, false, &["token server", &tokens.host, "sends us elsewhere"]);
        assert!(foreign.seen().is_empty());
        assert_eq!((registry.seen().len(), tokens.seen().len()), (1, 1));
    }
}

/// One token for one registry: what a token server gives is shown to nobody else, not even to another registry with the
/// same token server.
#[tokio::test]
async fn each_registry_has_tokens_of_its_own() {
    let tokens = Hostile::start(|asked: &Asked| format!("200 OK\n\n{{\"token\":\"{TOKEN}-{}\"}}", asked.nth));
    let challenge = format!("401 Unauthorized\nwww-authenticate: Bearer realm=\"{}/token\"\n\n", tokens.address());
    let registries = [0, 1].map(|_| {
        let challenge = challenge.clone();
        Hostile::start(move |asked: &Asked| if asked.nth == 0 { challenge.clone() } else { "404 Not Found\n\n".into() })
    });
    for registry in &registries {
        let client = connect(&registry.address(), ann(), Side::Source);
        assert!(client.manifests(&app(), &[tag()]).await.unwrap()[0].as_ref().unwrap().is_none());
    }
    for (nth, registry) in registries.iter().enumerate() {
        let seen = registry.seen().concat();
        assert!(seen.contains(&format!("{TOKEN}-{nth}")) && !seen.contains(&format!("{TOKEN}-{}", 1 - nth)), "{seen}");
    }
}

/// The bytes of a private image go where its target says, and to nobody else; a source is never written to.
#[tokio::test]
async fn an_accomplice_that_is_given_bytes_is_given_no_name() {
    let foreign = Hostile::start(|_: &Asked| "201 Created\ncontent-length: 0\n\n");
    let tokens = Hostile::start(|_: &Asked| format!("200 OK\n\n{{\"token\":\"{TOKEN}\"}}"));
    let registry = leading_to(&foreign.address(), &tokens.address());
    ask(&connect(&registry.address(), ann(), Side::Target), 7).await.unwrap();
    let request = foreign.seen().concat();
    assert!(request.starts_with("PUT /stolen?digest=sha256%3A") && request.ends_with("layer"), "{request}");
    assert!(request.contains(&Digest::of(b"layer").hex()));
    assert_knows_nothing(&[&foreign]);
}
