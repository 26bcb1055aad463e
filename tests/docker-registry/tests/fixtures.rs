//! The images and skopeo do what tests rely on.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use docker_registry::{Auth, PASSWORD, Server, USER, push, skopeo};
use image_fixtures::{
    buildx_index, docker_list, image, layer_kinds, nested_index, odd_whitespace, sha256, signed, with_sbom,
};

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
        push(&fixture, server.host(), login).await;
        skopeo::assert_holds(server.host(), &fixture, login).await;
        let tagged = skopeo::inspect_raw(server.host(), &format!("app:{}", fixture.tag), login).await;
        assert_eq!(sha256(&tagged), fixture.digest);
    }
}
