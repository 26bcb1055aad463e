//! Copies are whole and the same bytes, and a second run copies nothing.

use docker_registry::{Auth, PASSWORD, Server, USER, push, skopeo};
use image_fixtures::{
    Fixture, buildx_index, docker_list, image, layer_kinds, nested_index, odd_whitespace, signed, with_sbom,
};
use serde_json::{Value, json};

use crate::setup::{Machine, Setup, answer, plain};

/// Promotes an image twice. Answers what the first run said.
async fn promoted(fixture: &Fixture) -> Value {
    let setup = Setup::with(&[fixture]).await;
    let first = setup.promote(&[]).await;
    let outcome = json!([{ "registry": setup.target.host(), "outcome": "promoted" }]);
    let image =
        json!({ "digest": fixture.digest, "targets": outcome, "repository": fixture.repository, "tag": fixture.tag });
    assert_eq!(first["images"], json!([image]));
    assert_eq!((&first["bytes_copied"], &first["bytes_present"]), (&json!(fixture.size()), &json!(0)));
    assert_eq!((&first["blobs_copied"], &first["blobs_mounted"]), (&json!(fixture.blobs.len()), &json!(0)));
    assert_eq!(first["requests"], setup.requests().len());
    skopeo::assert_holds(setup.target_host(), fixture, None).await;

    setup.reset();
    let second = setup.promote(&[]).await;
    assert_eq!(second["images"][0]["targets"][0]["outcome"], "present");
    assert_eq!((&second["bytes_copied"], &second["blobs_copied"]), (&json!(0), &json!(0)));
    assert_eq!(second["requests"], setup.requests().len());
    setup.assert_only_read();
    first
}

#[tokio::test]
async fn an_index_with_attestations() {
    promoted(&buildx_index("team/app", "1.0")).await;
}

#[tokio::test]
async fn a_list_in_the_media_types_of_docker() {
    promoted(&docker_list("team/app", "1.0")).await;
}

#[tokio::test]
async fn a_nested_index() {
    promoted(&nested_index("team/app", "1.0")).await;
}

#[tokio::test]
async fn layers_of_zstd_of_gzip_and_of_plain_tar() {
    promoted(&layer_kinds("team/app", "1.0")).await;
}

#[tokio::test]
async fn a_manifest_with_odd_whitespace() {
    promoted(&odd_whitespace("team/app", "1.0")).await;
}

#[tokio::test]
async fn an_image_with_a_signature_tag() {
    let first = promoted(&signed(image("team/app", "1.0"))).await;
    assert_eq!(first["referrers"], 1);
}

#[tokio::test]
async fn an_image_with_an_sbom_that_is_signed() {
    let first = promoted(&with_sbom(image("team/app", "1.0"))).await;
    assert_eq!(first["referrers"], 2);
}

#[tokio::test]
async fn a_release_of_everything_in_one_repository() {
    let fixtures = [
        signed(buildx_index("team/app", "buildx")),
        nested_index("team/app", "nested"),
        layer_kinds("team/app", "kinds"),
        odd_whitespace("team/app", "odd"),
        with_sbom(image("team/app", "sbom")),
    ];
    let setup = Setup::with(&fixtures.each_ref()).await;
    setup.promote(&["--require-referrers"]).await;
    for fixture in &fixtures {
        skopeo::assert_holds(setup.target_host(), fixture, None).await;
    }
    let (code, _) = setup.json("verify", &["--full"]).await;
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn what_two_repositories_share_is_copied_once_and_mounted() {
    let here = image("team/app", "1.0");
    let there = Fixture { repository: "team/copy".into(), ..here.clone() };
    let setup = Setup::with(&[&here, &there]).await;
    let answer = setup.promote(&[]).await;
    assert_eq!((&answer["bytes_copied"], &answer["blobs_mounted"]), (&json!(here.size()), &json!(there.blobs.len())));
    for fixture in [&here, &there] {
        skopeo::assert_holds(setup.target_host(), fixture, None).await;
    }
}

#[tokio::test]
async fn several_targets_with_logins_of_each_kind() {
    let fixture = buildx_index("team/app", "1.0");
    let [source, basic, bearer] = [Auth::None, Auth::Basic, Auth::Bearer].map(Server::start);
    push(&fixture, source.host(), None).await;
    let machine = Machine::new();
    machine.release(&[&fixture]);
    let login = json!({ "username": USER, "password": PASSWORD });
    let auths = json!({ "auths": { basic.host(): login, bearer.host(): login } });
    machine.write(".docker/config.json", &auths.to_string());
    let targets = [&basic, &bearer].map(|server| plain(server.host()));
    let targets = targets.each_ref().map(String::as_str);
    let mut command = machine.between("promote", &plain(source.host()), &targets, &["--json"]);
    let (code, answer) = answer(&mut command).await;
    assert_eq!(code, Some(0), "{answer}");
    assert_eq!(answer["bytes_copied"], 2 * fixture.size());
    for target in [&basic, &bearer] {
        skopeo::assert_holds(target.host(), &fixture, Some((USER, PASSWORD))).await;
    }
}
