//! The images, the proxy and skopeo do what tests rely on.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use docker_registry::fixtures::{
    buildx_index, docker_list, image, layer_kinds, nested_index, odd_whitespace, sha256, signed, with_sbom,
};
use docker_registry::{Auth, Kind, PASSWORD, Proxy, Server, USER, skopeo};
use reqwest::{Client, Method};

#[tokio::test]
async fn every_image_is_read_back_by_skopeo() {
    let server = Server::start(Auth::Basic);
    let login = Some((USER, PASSWORD));
    let plain = image("app", "plain");
    for fixture in [
        signed(plain),
        layer_kinds("app", "kinds"),
        odd_whitespace("app", "odd"),
        with_sbom(image("app", "sbom")),
        nested_index("app", "nested"),
        docker_list("app", "docker"),
        signed(buildx_index("app", "buildx")),
    ] {
        fixture.push(server.host(), login).await;
        skopeo::assert_holds(server.host(), &fixture, login).await;
        let tagged = skopeo::inspect_raw(server.host(), &format!("app:{}", fixture.tag), login).await;
        assert_eq!(sha256(&tagged), fixture.digest);
    }
}

#[tokio::test]
async fn the_proxy_counts_refuses_and_hangs() {
    let server = Server::start(Auth::None);
    let proxy = Proxy::start(server.host()).await;
    let fixture = image("app", "1");
    fixture.push(proxy.host(), None).await;
    let seen: Vec<_> = proxy.requests().iter().map(|seen| (seen.method.clone(), seen.kind)).collect();
    let blob = [(Method::POST, Kind::Upload), (Method::PUT, Kind::Upload)];
    assert_eq!(seen, [&blob[..], &blob, &blob, &[(Method::PUT, Kind::Manifest)]].concat());

    proxy.reset();
    proxy.answer(Method::GET, Kind::Ping, 503, 1);
    let client = Client::builder().no_proxy().build().unwrap();
    let ping = || client.get(format!("http://{}/v2/", proxy.host())).send();
    assert_eq!(ping().await.unwrap().status(), 503);
    assert_eq!(ping().await.unwrap().status(), 200);
    proxy.hang_after(2);
    tokio::select! {
        answer = ping() => panic!("nothing answers any more: {answer:?}"),
        () = proxy.hanging() => {}
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
    fixture.push(from.host(), None).await;
    skopeo::copy_all(near.host(), far.host(), "app:1").await;
    skopeo::assert_holds(to.host(), &fixture, None).await;
    assert!(!near.requests().is_empty() && far.requests().iter().any(|seen| seen.kind == Kind::Upload));
}
