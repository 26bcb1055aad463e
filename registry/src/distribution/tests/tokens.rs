//! Token servers that lie, and those that refuse.

use promotion::pull::Consumer as _;
use promotion::{Name, Target as _};

use super::*;

/// What comes of a token server that answers like this, and what it and the registry were asked.
async fn with_token_server(login: Login, side: Side, answer: &str) -> ((Name, bool, String), Loopback, Loopback) {
    let tokens = Loopback::answering([answer]);
    let challenge = challenge(&tokens.address, "repository:app:pull,push");
    let server = Loopback::answering([challenge.as_str(), "202 Accepted\nlocation: /up"]);
    let answer = match side {
        Side::Target => named(connect(&server.address, login, side).start_upload(&repository()).await),
        _ => named(connect(&server.address, login, side).pull_manifest(&repository(), &tag()).await),
    };
    (answer, server, tokens)
}

#[tokio::test]
async fn lies_are_reported_and_nothing_is_written() {
    let long = format!("200 OK\n\n{}", " ".repeat(2 << 20));
    for (answer, expected) in [
        ("200 OK\n\n{}", "holds no token"),
        ("200 OK\n\n{\"token\":\"\"}", "holds no token"),
        ("200 OK\n\n{\"token\":null,\"access_token\":null}", "holds no token"),
        ("200 OK\n\n{\"token\":7}", "not the JSON of a token"),
        ("200 OK\n\nnot json", "not the JSON of a token"),
        ("200 OK\ncontent-type: text/html\n\n<html>Log in</html>", "not the JSON of a token"),
        ("204 No Content\n", "not the JSON of a token"),
        ("200 OK\n\n{\"token\":\"t\",\"expires_in\":-60}", "ends before it begins"),
        ("200 OK\n\n{\"token\":\"t\",\"expires_in\":\"soon\"}", "not the JSON of a token"),
        ("200 OK\n\n{\"token\":\"a\\nb\"}", "characters that no token has"),
        ("302 Found\nlocation: https://elsewhere.example/login", "sends us elsewhere"),
        (long.as_str(), "longer than"),
    ] {
        let ((name, again, text), server, _) = with_token_server(ann(), Side::Target, answer).await;
        assert_eq!((name, again), (Name::UnexpectedAnswer, false), "{text}");
        assert!(text.contains(expected) && text.contains("/token") && !text.contains("s3cret"), "{text}");
        assert_eq!(lines(&server), ["GET /v2/"], "{text}");
    }
}

#[tokio::test]
async fn neither_a_life_without_end_nor_one_without_time_is_believed() {
    for life in ["1e300", "0", "0.0"] {
        let tokens = Loopback::answering([format!("200 OK\n\n{{\"token\":\"t\",\"expires_in\":{life}}}").as_str()]);
        let challenge = challenge(&tokens.address, "repository:app:pull");
        let server = Loopback::answering([challenge.as_str(), NOT_FOUND]);
        let (name, ..) = named(anonymous(&server).pull_manifest(&repository(), &tag()).await);
        assert_eq!(name, Name::SourceImageNotFound, "{life}");
    }
}

#[tokio::test]
async fn refusals_have_different_names() {
    for (login, side, answer, expected, again, says) in [
        (
            ann(),
            Side::Target,
            "401 Unauthorized\n\n",
            Name::TargetAccessDenied,
            false,
            "does not accept user ann of a test",
        ),
        (ann(), Side::Source, "403 Forbidden\n\n", Name::SourceAccessDenied, false, "`docker login 127.0.0.1:"),
        (Login::Anonymous, Side::Source, "401 Unauthorized\n\n", Name::SourceAccessDenied, false, "without a login"),
        (Login::Anonymous, Side::Source, "404 Not Found\n\n", Name::UnexpectedAnswer, false, "gives no token"),
        (Login::Anonymous, Side::Source, "503 Down\n\n", Name::RegistryUnavailable, true, "gives no token"),
        (Login::Anonymous, Side::Source, "429 Busy\n\n", Name::RegistryUnavailable, true, "gives no token"),
    ] {
        let ((name, temporary, text), ..) = with_token_server(login, side, answer).await;
        assert_eq!((name, temporary), (expected, again), "{answer}: {text}");
        assert!(text.contains(says) && text.contains("repository:app:pull") && !text.contains("s3cret"), "{text}");
    }
}

#[tokio::test]
async fn an_identity_token_is_posted() {
    let login = Login::IdentityToken { token: "r&fresh".into(), from: "a test".into() };
    let (_, _, tokens) = with_token_server(login, Side::Source, "200 OK\n\n{\"access_token\":\"t\"}").await;
    let request = tokens.requests().concat();
    assert!(request.starts_with("POST /token HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("content-type: application/x-www-form-urlencoded\r\n"), "{request}");
    assert!(request.ends_with(
        "\r\n\r\ngrant_type=refresh_token&client_id=transship&refresh_token=r%26fresh&scope=repository%3Aapp%3Apull&service=reg"
    ), "{request}");
}

#[tokio::test]
async fn a_token_that_is_refused_at_once_is_a_denial() {
    let tokens = Loopback::answering(["200 OK\n\n{\"token\":\"t\"}", "200 OK\n\n{\"token\":\"u\"}"]);
    let challenge = challenge(&tokens.address, "repository:app:pull,push");
    for (side, expected) in [(Side::Source, Name::SourceAccessDenied), (Side::Target, Name::TargetAccessDenied)] {
        let server = Loopback::answering([challenge.as_str(), challenge.as_str()]);
        let client = connect(&server.address, Login::Anonymous, side);
        let (name, again, text) = named(client.pull_manifest(&repository(), &tag()).await);
        assert_eq!((name, again, lines(&server).len()), (expected, false, 2), "{text}");
        assert!(text.contains("token server had just given") && text.contains("deny what does not exist"), "{text}");
    }
}

#[tokio::test]
async fn a_realm_has_to_be_where_credentials_may_go() {
    for realm in ["ftp://a.example/t", "http://169.254.169.254/t", "https://u:p@a.example/t", "http://[bad/t"] {
        let challenge = format!("401 Unauthorized\nwww-authenticate: Bearer realm=\"{realm}\"\n\n");
        let server = Loopback::answering([challenge.as_str()]);
        let (name, again, text) =
            named(connect(&server.address, ann(), Side::Source).pull_manifest(&repository(), &tag()).await);
        assert_eq!((name, again), (Name::UnexpectedAnswer, false), "{text}");
        assert!(text.contains("names a token server that is not accepted") && !text.contains("u:p"), "{text}");
    }
}
