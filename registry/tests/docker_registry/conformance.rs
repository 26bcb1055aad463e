use docker_registry::{Auth, Server};

use crate::target;

async fn conforms(auth: Auth) -> Server {
    let server = Server::start(auth);
    let [repository, sibling] = ["team/app", "sibling"].map(|name| name.parse().unwrap());
    promotion::conformance::all(&target(&server, auth), &repository, &sibling, None).await;
    server
}

#[tokio::test]
async fn without_a_login() {
    conforms(Auth::None).await;
}

#[tokio::test]
async fn with_a_password() {
    conforms(Auth::Basic).await;
}

/// One token to write each repository, and one that can read the other as well, for the mount.
#[tokio::test]
async fn with_tokens() {
    let server = conforms(Auth::Bearer).await;
    let asked = server.tokens().asked();
    assert!(asked.iter().all(|asked| asked.is_user), "{asked:?}");
    let mut scopes: Vec<_> = asked.iter().map(|asked| asked.scopes.join(" ")).collect();
    scopes.sort();
    scopes.dedup();
    assert_eq!(scopes.len(), asked.len(), "a token is asked for once: {asked:?}");
    assert!(asked.len() <= 3, "{asked:?}");
}
