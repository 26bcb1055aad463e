use docker_registry::{Auth, Server};
use futures_util::future::join_all;
use oci::{Digest, Reference, Repository};
use promotion::{Name, Source as _, Target as _};
use registry::{Login, Side};

use crate::{connect, target, user};

fn app() -> Repository {
    "team/app".parse().unwrap()
}

fn absent(number: u64) -> Digest {
    Digest::of(&number.to_le_bytes())
}

#[tokio::test]
async fn many_that_start_together_share_one_token() {
    let server = Server::start(Auth::Bearer);
    let target = target(&server, Auth::Bearer);
    let app = app();
    let blobs: Vec<_> = (0..30).map(absent).collect();
    for answer in join_all(blobs.iter().map(|blob| target.has_blobs(&app, std::slice::from_ref(blob)))).await {
        assert_eq!(answer.unwrap(), [false]);
    }
    let asked = server.tokens().asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].scopes, ["repository:team/app:pull,push"]);
    // The registry was asked once what it wants, then for each blob, and the token server once.
    assert_eq!(target.requests(), 32);
}

#[tokio::test]
async fn many_that_start_together_share_one_refusal() {
    let server = Server::start(Auth::Bearer);
    server.tokens().lie(401, r#"{"details":"not today"}"#);
    let target = target(&server, Auth::Bearer);
    let app = app();
    let blobs: Vec<_> = (0..30).map(absent).collect();
    for answer in join_all(blobs.iter().map(|blob| target.has_blobs(&app, std::slice::from_ref(blob)))).await {
        let error = answer.unwrap_err();
        assert_eq!(error.name(), Name::TargetAccessDenied, "{error}");
        assert!(error.to_string().contains("not today"), "{error}");
    }
    assert_eq!(server.tokens().asked().len(), 1);
}

#[tokio::test]
async fn a_source_asks_for_reading_only_with_or_without_a_login() {
    for (login, is_user) in [(Login::Anonymous, false), (user(), true)] {
        let server = Server::start(Auth::Bearer);
        let source = connect(&server, login, Side::Source);
        let tag = Reference::Tag("1".parse().unwrap());
        assert!(source.manifests(&app(), &[tag]).await.unwrap()[0].as_ref().unwrap().is_none());
        let asked = server.tokens().asked();
        assert_eq!((asked.len(), asked[0].is_user), (1, is_user), "{asked:?}");
        assert_eq!(asked[0].scopes, ["repository:team/app:pull"]);
    }
}

/// A token that is good for a while is kept, also one that is said to be good for no time at all: some token servers
/// write 0 for what they do not know, and none lasts for less than a minute (distribution/distribution#979).
#[tokio::test]
async fn a_token_is_used_again() {
    let server = Server::start(Auth::Bearer);
    let target = target(&server, Auth::Bearer);
    for number in 0..5 {
        assert_eq!(target.has_blobs(&app(), &[absent(number)]).await.unwrap(), [false]);
    }
    assert_eq!(server.tokens().asked().len(), 1);
    server.tokens().expire_in(0);
    let target = crate::target(&server, Auth::Bearer);
    for number in 0..5 {
        assert_eq!(target.has_blobs(&app(), &[absent(number)]).await.unwrap(), [false]);
    }
    assert_eq!(server.tokens().asked().len(), 2);
}

#[tokio::test]
async fn a_token_server_that_lies_is_told_of() {
    for (status, body, said) in [
        (200, r#"{"expires_in":300}"#, "no token"),
        (200, "<html>welcome</html>", "JSON"),
        (200, r#"{"token":""}"#, "token"),
        (200, "{\"token\":\"a\\nb\"}", "token"),
        (200, r#"{"token":"forged.forged.forged"}"#, "token"),
        (200, r#"{"token":5}"#, "token"),
        (404, "gone", "404"),
    ] {
        let server = Server::start(Auth::Bearer);
        server.tokens().lie(status, body);
        let target = target(&server, Auth::Bearer);
        let error = target.start_upload(&app()).await.map(drop).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(said), "{body}: {text}");
        assert!(text.contains(server.host()) && text.contains("team/app"), "{body}: {text}");
        assert!(!error.is_temporary(), "{body}: {text}");
        assert_eq!(text.matches("opening an upload").count(), 1, "what was tried is said once: {text}");
    }
}

#[tokio::test]
async fn wrong_passwords_are_told_with_the_user_and_without_the_password() {
    for auth in [Auth::Basic, Auth::Bearer] {
        let server = Server::start(auth);
        for (side, name) in [(Side::Source, Name::SourceAccessDenied), (Side::Target, Name::TargetAccessDenied)] {
            let wrong = Login::Basic { user: "eve".into(), password: "s3cret".into(), from: "a file".into() };
            let client = connect(&server, wrong, side);
            let tag = Reference::Tag("1".parse().unwrap());
            let lookup = client.manifests(&app(), &[tag]).await.map(|mut found| found.remove(0));
            let error = lookup.flatten().unwrap_err();
            assert_eq!(error.name(), name, "{auth:?}: {error}");
            let text = error.to_string();
            assert!(text.contains("eve") && text.contains("a file") && !text.contains("s3cret"), "{auth:?}: {text}");
            assert!(text.contains(&format!("docker login {}", server.host())), "{auth:?}: {text}");
        }
    }
}
