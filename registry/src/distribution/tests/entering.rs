use oci::Digest;
use promotion::pull::Consumer as _;
use promotion::{Name, Source as _, Target as _};

use super::*;

#[tokio::test]
async fn an_open_registry_is_asked_for_nothing() {
    let server = Loopback::answering([NOT_FOUND, NOT_FOUND]);
    let client = anonymous(&server);
    for _ in 0..2 {
        assert!(client.manifests(&repository(), &[tag()]).await.unwrap()[0].as_ref().unwrap().is_none());
    }
    assert_eq!(lines(&server), ["GET /v2/app/manifests/1", "GET /v2/app/manifests/1"]);
    assert_eq!(authorizations(&server), [None, None]);
    assert_eq!(client.requests(), 2);
}

#[tokio::test]
async fn a_challenge_is_met_once_and_remembered() {
    let tokens = Loopback::answering([
        "200 OK\n\n{\"token\":\"one\",\"expires_in\":300}",
        "200 OK\n\n{\"access_token\":\"two\"}",
    ]);
    let challenge = challenge(&tokens.address, "repository:app:pull");
    let server = Loopback::answering([challenge.as_str(), NOT_FOUND, NOT_FOUND, NOT_FOUND]);
    let client = anonymous(&server);
    for repository in [repository(), repository(), "other".parse().unwrap()] {
        client.manifests(&repository, &[tag()]).await.unwrap()[0].as_ref().unwrap();
    }
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    assert_eq!(authorizations(&server), [None, bearer("one"), bearer("one"), bearer("two")]);
    assert_eq!(
        lines(&tokens),
        [
            "GET /token?service=reg&scope=repository%3Aapp%3Apull",
            "GET /token?service=reg&scope=repository%3Aother%3Apull"
        ]
    );
    assert_eq!(authorizations(&tokens), [None, None]);
}

#[tokio::test]
async fn a_login_is_probed_for_first_and_buys_tokens() {
    let tokens = Loopback::answering(["200 OK\n\n{\"token\":\"one\"}", "200 OK\n\n{\"token\":\"two\"}"]);
    let challenge = challenge(&tokens.address, "registry:catalog:*");
    let server = Loopback::answering([challenge.as_str(), "404 Not Found\n\n", "201 Created\n\n"]);
    let client = connect(&server.address, ann(), Side::Target);
    let blob = Digest::of(b"a");
    assert_eq!(client.has_blobs(&repository(), &[blob]).await.unwrap(), [false]);
    let descriptor = oci::Descriptor { media_type: "x".into(), digest: blob, size: 1, platform: None };
    client.mount_blob(&repository(), &descriptor, &"other".parse().unwrap()).await.unwrap();
    assert_eq!(lines(&server)[0], "GET /v2/");
    assert_eq!(
        lines(&tokens),
        [
            "GET /token?service=reg&scope=repository%3Aapp%3Apull%2Cpush",
            "GET /token?service=reg&scope=repository%3Aapp%3Apull%2Cpush&scope=repository%3Aother%3Apull"
        ]
    );
    let basic = Some("Basic YW5uOnMzY3JldA==".to_owned());
    assert_eq!(authorizations(&tokens), [basic.clone(), basic]);
    assert_eq!(authorizations(&server), [None, Some("Bearer one".into()), Some("Bearer two".into())]);
}

#[tokio::test]
async fn a_password_is_shown_where_it_is_asked_for() {
    let challenge = "401 Unauthorized\nwww-authenticate: Basic realm=\"x\"\n\n";
    let server = Loopback::answering([challenge, NOT_FOUND, NOT_FOUND]);
    let client = connect(&server.address, ann(), Side::Source);
    for _ in 0..2 {
        client.manifests(&repository(), &[tag()]).await.unwrap()[0].as_ref().unwrap();
    }
    let basic = Some("Basic YW5uOnMzY3JldA==".to_owned());
    assert_eq!(authorizations(&server), [None, basic.clone(), basic]);
    let server = Loopback::answering([challenge, challenge]);
    let client = connect(&server.address, ann(), Side::Target);
    let (name, again, text) = named(client.start_upload(&repository()).await);
    assert_eq!((name, again), (Name::TargetAccessDenied, false), "{text}");
    assert!(text.contains("user ann of a test") && text.contains("`docker login 127.0.0.1:"), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn a_login_of_the_wrong_sort_is_reported() {
    let identity = Login::IdentityToken { token: "t0ken".into(), from: "a test".into() };
    for (login, scheme, expected) in [
        (Login::Anonymous, "Basic", "none was found for it"),
        (identity.clone(), "Basic", "the identity token of a test is neither"),
        (Login::Anonymous, "Negotiate", "asks for Negotiate"),
    ] {
        let challenge = format!("401 Unauthorized\nwww-authenticate: {scheme}\n\n");
        let server = Loopback::answering([challenge.as_str(), challenge.as_str()]);
        let client = connect(&server.address, login, Side::Source);
        let (name, again, text) = named(client.pull_manifest(&repository(), &tag()).await);
        assert_eq!((name, again), (Name::SourceAccessDenied, false), "{text}");
        assert!(text.contains(expected) && !text.contains("t0ken"), "{text}");
    }
}

#[tokio::test]
async fn many_who_start_together_are_refused_once() {
    let tokens = Loopback::answering(["200 OK\n\n{\"token\":\"one\"}"]);
    let challenge = challenge(&tokens.address, "repository:app:pull");
    let mut answers = [NOT_FOUND; 21];
    answers[0] = &challenge;
    let server = Loopback::answering(answers);
    let client = anonymous(&server);
    let [repository, tag] = [repository(), "app".parse().unwrap()].map(|name| (name, [tag()]));
    let asked = (0..20).map(|n| if n % 2 == 0 { &repository } else { &tag });
    let all = futures_util::future::join_all(asked.map(|(name, tags)| client.manifests(name, tags))).await;
    assert!(all.iter().all(|lookups| lookups.as_ref().unwrap()[0].is_ok()));
    assert_eq!((client.requests(), lines(&server).len(), lines(&tokens).len()), (22, 21, 1));
}

#[tokio::test]
async fn a_token_that_ended_is_replaced() {
    for with_challenge in [true, false] {
        let tokens = Loopback::answering(["200 OK\n\n{\"token\":\"one\"}", "200 OK\n\n{\"token\":\"two\"}"]);
        let challenge = challenge(&tokens.address, "repository:app:pull");
        let refusal = if with_challenge { challenge.as_str() } else { "401 Unauthorized\n\n" };
        let server = Loopback::answering([challenge.as_str(), NOT_FOUND, refusal, NOT_FOUND]);
        let client = anonymous(&server);
        for _ in 0..2 {
            client.manifests(&repository(), &[tag()]).await.unwrap()[0].as_ref().unwrap();
        }
        let bearer = |token: &str| Some(format!("Bearer {token}"));
        assert_eq!(authorizations(&server), [None, bearer("one"), bearer("one"), bearer("two")]);
    }
}

#[tokio::test]
async fn a_scope_of_no_repository_is_good_for_all() {
    let tokens = Loopback::answering(["200 OK\n\n{\"token\":\"one\"}"]);
    let challenge = challenge(&tokens.address, "aws");
    let server = Loopback::answering([challenge.as_str(), NOT_FOUND, NOT_FOUND]);
    let client = anonymous(&server);
    for repository in ["a", "b"] {
        client.manifests(&repository.parse().unwrap(), &[tag()]).await.unwrap()[0].as_ref().unwrap();
    }
    assert_eq!(lines(&tokens), ["GET /token?service=reg&scope=aws"]);
}

#[tokio::test]
async fn a_repository_may_have_another_name_inside() {
    let tokens = Loopback::answering(["200 OK\n\n{\"token\":\"one\"}"]);
    let challenge = challenge(&tokens.address, "repository:inside/app:pull");
    let server = Loopback::answering([challenge.as_str(), NOT_FOUND, NOT_FOUND]);
    let client = anonymous(&server);
    for _ in 0..2 {
        client.manifests(&repository(), &[tag()]).await.unwrap()[0].as_ref().unwrap();
    }
    assert_eq!(
        lines(&tokens),
        ["GET /token?service=reg&scope=repository%3Aapp%3Apull&scope=repository%3Ainside%2Fapp%3Apull"]
    );
}

#[tokio::test]
async fn who_is_asked_for_the_next_page_elsewhere_asks_for_no_login() {
    let tokens = Loopback::answering(["200 OK\n\n{\"token\":\"abc\"}"]);
    let foreign = challenge(&tokens.address, "repository:app:pull");
    let elsewhere = Loopback::answering([foreign.as_str()]);
    let page = format!("200 OK\nlink: <{}/v2/app/tags/list>; rel=\"next\"\n\n{{\"tags\":[]}}", elsewhere.address);
    let server = Loopback::answering(["200 OK\n", page.as_str()]);
    let client = connect(&server.address, ann(), Side::Source);
    assert_eq!(client.tags(&repository(), "sha256-").await.unwrap(), None);
    assert_eq!((elsewhere.requests().len(), tokens.requests().len()), (1, 0));
    assert_eq!(authorizations(&elsewhere), [None]);
}

#[tokio::test]
async fn who_the_first_question_leads_to_asks_for_no_login() {
    let tokens = Loopback::answering(["200 OK\n\n{\"token\":\"abc\"}"]);
    let foreign = challenge(&tokens.address, "repository:app:pull");
    let elsewhere = Loopback::answering([foreign.as_str()]);
    let led = format!("307 Temporary Redirect\nlocation: {}/v2/", elsewhere.address);
    let server = Loopback::answering([led.as_str(), NOT_FOUND]);
    let client = connect(&server.address, ann(), Side::Source);
    assert!(client.manifests(&repository(), &[tag()]).await.unwrap()[0].as_ref().unwrap().is_none());
    assert_eq!((elsewhere.requests().len(), tokens.requests().len()), (1, 0));
}

/// To a request without the login the registry could answer that what it asks for does not exist.
#[tokio::test]
async fn a_registry_that_fails_when_it_is_probed_is_not_taken_for_open() {
    for answer in ["503 Down\n\n", "429 Too Many\n\n"] {
        let server = Loopback::answering([answer]);
        let client = connect(&server.address, ann(), Side::Source);
        let (name, again, text) = named(client.manifests(&repository(), &[tag()]).await);
        assert_eq!((name, again), (promotion::Name::RegistryUnavailable, true), "{text}");
        assert_eq!(lines(&server), ["GET /v2/"]);
    }
}
