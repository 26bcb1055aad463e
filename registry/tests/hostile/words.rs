//! What a registry and a manifest can make us say.

use std::sync::Arc;

use oci::{Digest, MediaType};
use promotion::pull::Consumer as _;
use promotion::{Name, Release, RetryPolicy, Retrying, Survey};
use registry::{Login, Side};

use crate::server::{Asked, Hostile};
use crate::{BASIC, PASSWORD, ann, app, assert_told, connect, tag};

/// Clears a terminal, sets its title, turns text around, and ends a line in a log.
const NASTY: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}evil\u{2066}\r\nFAKE line\u{0}";

async fn pull(login: Login, answer: String) -> promotion::Error {
    let server = Hostile::start(move |asked: &Asked| match asked.path.as_str() {
        "/v2/" => "401 Unauthorized\nwww-authenticate: Basic realm=\"x\"\n\n".to_owned(),
        _ => answer.clone(),
    });
    let client = connect(&server.address(), login, Side::Source);
    let error = client.pull_manifest(&app(), &tag()).await.unwrap_err();
    assert!(error.to_string().contains(&server.host), "{error}");
    error
}

#[tokio::test]
async fn a_terminal_obeys_nothing_that_a_registry_says() {
    let json = serde_json::json!({ "errors": [{ "code": NASTY, "message": NASTY }] }).to_string();
    let html = format!("<title>{NASTY}</title>");
    let own = serde_json::json!({ "schemaVersion": 2, "mediaType": NASTY, "manifests": [] }).to_string();
    let kind = serde_json::json!({ "schemaVersion": 2, "manifests": [{ "digest": NASTY }] }).to_string();
    for (answer, name) in [
        (format!("403 Forbidden\n\n{json}"), Name::SourceAccessDenied),
        (format!("403 Forbidden\n\n{NASTY}"), Name::SourceAccessDenied),
        (format!("502 Bad Gateway\ncontent-type: text/html\n\n{html}"), Name::RegistryUnavailable),
        (format!("200 OK\n\n{own}"), Name::CorruptContent),
        (format!("200 OK\n\n{kind}"), Name::CorruptContent),
        ("200 OK\ncontent-type: \u{1b}[31m\n\n{\"schemaVersion\":2}".to_owned(), Name::UnexpectedAnswer),
    ] {
        let error = pull(Login::Anonymous, answer).await;
        assert_told(&error, name, error.is_temporary(), &[]);
        let text = format!("{error} {error:?}");
        assert!(!text.contains(['\u{202e}', '\u{2066}', '\u{9b}', '\u{1b}']), "{text:?}");
    }
}

/// What an index says of its platforms is repeated where one is missing.
#[tokio::test]
async fn a_terminal_obeys_nothing_that_a_manifest_says() {
    let child = serde_json::json!({
        "mediaType": MediaType::OciManifest.as_str(), "digest": Digest::of(b"x"), "size": 1,
        "platform": { "os": NASTY, "architecture": NASTY, "variant": "a".repeat(100_000) },
    });
    let index =
        serde_json::json!({ "schemaVersion": 2, "mediaType": MediaType::OciIndex.as_str(), "manifests": [child] });
    let server = Hostile::start(move |_: &Asked| format!("200 OK\n\n{index}"));
    let source = Retrying::new(connect(&server.address(), Login::Anonymous, Side::Source), RetryPolicy::default());
    let json = br#"{"images":[{"repository":"app","tag":"1","platforms":["linux/amd64"]}]}"#;
    let error = Survey::pins(Release::parse(json).unwrap(), &Arc::new(source)).await.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.name(), Name::PolicyViolation, "{text}");
    let says = ["app:1 has no image for linux/amd64", "owned", "take the platform out of deploy-manifest.json"];
    assert!(says.iter().all(|words| text.contains(words)), "{text}");
    assert!(!text.contains(['\u{202e}', '\u{2066}', '\u{9b}', '\u{1b}', '\u{0}', '\r', '\n']), "{text:?}");
    assert!(text.len() < 2_000, "{} bytes are said", text.len());
}

#[tokio::test]
async fn what_is_quoted_is_cut() {
    let long = "a".repeat(3 << 20);
    for body in [
        serde_json::json!({ "schemaVersion": 2, "mediaType": long, "manifests": [] }),
        serde_json::json!({ "schemaVersion": 2, "manifests": long }),
        serde_json::json!({ "schemaVersion": 2, "manifests": [{ "mediaType": "m", "size": 1, "digest": long }] }),
        serde_json::json!({ "schemaVersion": long }),
    ] {
        let error = pull(Login::Anonymous, format!("200 OK\n\n{body}")).await;
        assert_told(&error, Name::CorruptContent, false, &["manifest"]);
    }
    let error =
        pull(Login::Anonymous, format!("200 OK\ncontent-type: {}\n\n{{\"schemaVersion\":2}}", &long[..100_000])).await;
    assert_told(&error, Name::CorruptContent, false, &[]);
}

/// Pages for debugging, and proxies, repeat what they were sent.
#[tokio::test]
async fn a_login_that_is_sent_back_is_not_shown() {
    let escaped: String = PASSWORD.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    for said in [
        format!("403 Forbidden\n\nyou sent authorization: Basic {BASIC}, that is ann:{PASSWORD}"),
        format!(
            "403 Forbidden\n\n{{\"errors\":[{{\"code\":\"{PASSWORD}\",\"message\":\"not {BASIC} nor {escaped}\"}}]}}"
        ),
        format!("403 Forbidden\ncontent-type: text/html\n\n<title>Basic {BASIC}</title>"),
        format!("429 Too Many\nratelimit-limit: {PASSWORD}\n\n"),
    ] {
        let error = pull(ann(), said).await;
        let text = format!("{error} {error:?}");
        assert!(!text.contains(PASSWORD) && !text.contains(BASIC), "{text}");
        assert!(text.contains("[...]"), "{text}");
    }
}

#[tokio::test]
async fn a_token_that_is_sent_back_is_not_shown() {
    const TOKEN: &str = "eyJhbGciOi.J9";
    for (login, sent) in [
        (ann(), PASSWORD),
        (Login::IdentityToken { token: "identity-t0ken".into(), from: "a test".into() }, "identity-t0ken"),
    ] {
        let refused = format!("403 Forbidden\n\n{{\"errors\":[{{\"code\":\"DENIED\",\"message\":\"not {sent}\"}}]}}");
        let tokens = Hostile::start(move |asked: &Asked| {
            if asked.nth > 0 { refused.clone() } else { format!("200 OK\n\n{{\"token\":\"{TOKEN}\"}}") }
        });
        let challenge = format!("401 Unauthorized\nwww-authenticate: Bearer realm=\"{}/t\"\n\n", tokens.address());
        let server = Hostile::start(move |asked: &Asked| {
            if asked.path == "/v2/" {
                challenge.clone()
            } else {
                format!("403 Forbidden\n\nBearer {TOKEN} is not enough")
            }
        });
        let client = connect(&server.address(), login, Side::Source);
        let error = client.pull_manifest(&app(), &tag()).await.unwrap_err();
        assert_told(&error, Name::SourceAccessDenied, false, &[&server.host, "Bearer [...] is not enough"]);
        assert!(!error.to_string().contains(TOKEN), "{error}");
        // And by the token server itself.
        let error = client.pull_manifest(&"other".parse().unwrap(), &tag()).await.unwrap_err();
        assert_told(&error, Name::SourceAccessDenied, false, &[&tokens.host, "not [...]"]);
        assert!(!error.to_string().contains(sent), "{error}");
    }
}
