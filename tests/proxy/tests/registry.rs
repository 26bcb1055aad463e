//! The proxy before a real registry.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use docker_registry::{Auth, Server, push, skopeo};
use image_fixtures::{buildx_index, image};
use proxy::{Fault, Kind, Proxy, Rule};
use reqwest::{Client, Method};

#[tokio::test]
async fn the_proxy_counts_refuses_and_hangs() {
    let server = Server::start(Auth::None);
    let proxy = Proxy::start(server.host()).await;
    let fixture = image("app", "1");
    push(&fixture, proxy.host(), None).await;
    let seen: Vec<_> = proxy.requests().iter().map(|seen| (seen.method.clone(), seen.kind)).collect();
    let blob = [(Method::POST, Kind::Upload), (Method::PUT, Kind::Upload)];
    assert_eq!(seen, [&blob[..], &blob, &blob, &[(Method::PUT, Kind::Tag)]].concat());

    proxy.reset();
    proxy.fail(Rule::once("GET ping", Fault::status(503)));
    let client = Client::builder().no_proxy().build().unwrap();
    let ping = || client.get(format!("http://{}/v2/", proxy.host())).send();
    assert_eq!(ping().await.unwrap().status(), 503);
    assert_eq!(ping().await.unwrap().status(), 200);
    proxy.fail(Rule::after(0, Fault::Hang));
    tokio::select! {
        answer = ping() => panic!("nothing answers any more: {answer:?}"),
        () = proxy.holding() => {}
    }
    proxy.heal();
    assert_eq!(ping().await.unwrap().status(), 200);
    assert_eq!(proxy.requests().len(), 4);
}

#[tokio::test]
async fn skopeo_copies_through_proxies() {
    let (from, to) = (Server::start(Auth::None), Server::start(Auth::None));
    let (near, far) = (Proxy::start(from.host()).await, Proxy::start(to.host()).await);
    let fixture = buildx_index("app", "1");
    push(&fixture, from.host(), None).await;
    skopeo::copy_all(near.host(), far.host(), "app:1").await;
    skopeo::assert_holds(to.host(), &fixture, None).await;
    assert!(!near.requests().is_empty() && far.requests().iter().any(|seen| seen.kind == Kind::Upload));
}
