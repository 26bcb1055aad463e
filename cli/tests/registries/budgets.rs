//! How many requests a promotion costs, as proxies before both registries count them.

use docker_registry::skopeo;
use image_fixtures::{buildx_index, image, nested_index, signed, with_sbom};
use proxy::Kind;
use reqwest::Method;

use crate::setup::Setup;

/// Three for each blob: read, open an upload (which tells whether it is there) and send; and fifteen for all else. By
/// the same count crane takes five for each, and regclient four.
#[tokio::test]
async fn a_buildx_index_costs_at_most_55_requests() {
    let fixture = buildx_index("team/app", "1.0");
    assert_eq!((fixture.manifests.len(), fixture.blobs.len()), (5, 12));
    let setup = Setup::with(&[&fixture]).await;
    setup.promote(&["--no-referrers"]).await;
    let ours = setup.requests();
    let other = Setup::with(&[&fixture]).await;
    skopeo::copy_all(other.source.host(), other.target.host(), "team/app:1.0").await;
    let theirs = other.requests().len();
    println!("first copy of a buildx index: {} requests, skopeo {theirs}", ours.len());
    assert_eq!(ours.len(), 3 * fixture.blobs.len() + 15, "{ours:#?}");
    assert!(ours.len() < theirs && ours.len() <= 55);
}

/// regctl takes 18.
#[tokio::test]
async fn an_index_with_a_signature_that_is_there_costs_less_than_18_requests() {
    let fixture = signed(buildx_index("team/app", "1.0"));
    let setup = Setup::with(&[&fixture]).await;
    setup.promote(&[]).await;
    println!("first copy of a signed buildx index: {} requests", setup.requests().len());
    setup.reset();
    setup.promote(&[]).await;
    let again = setup.requests();
    println!("again: {} requests", again.len());
    assert!(again.len() < 18, "{}: {again:#?}", again.len());
}

/// At most two for each repository and target, and one each in the source.
#[tokio::test]
async fn images_that_are_there_cost_two_requests_in_the_target_each() {
    let fixtures = [image("team/app", "1.0"), nested_index("team/other", "1.0")];
    let setup = Setup::with(&fixtures.each_ref()).await;
    setup.promote(&["--no-referrers"]).await;
    setup.reset();
    setup.promote(&["--no-referrers"]).await;
    let (source, target) = (setup.source.requests(), setup.target.requests());
    let asked = |kinds: &[Kind]| target.iter().filter(|seen| kinds.contains(&seen.kind)).count();
    println!("two images that are there: {} requests in the source, {} in the target", source.len(), target.len());
    assert!(asked(&[Kind::Tag, Kind::Manifest]) <= 4 && asked(&[Kind::Blob]) == 0, "{target:#?}");
    assert!(source.iter().all(|seen| seen.kind != Kind::Blob), "{source:#?}");
}

/// What a dry run foretells is what the run takes, and it writes nothing.
#[tokio::test]
async fn a_dry_run_reads_only_and_foretells_what_is_copied() {
    let fixtures = [with_sbom(image("team/app", "1.0")), signed(buildx_index("team/other", "1.0"))];
    let setup = Setup::with(&fixtures.each_ref()).await;
    let (code, planned) = setup.json("promote", &["--dry-run"]).await;
    assert_eq!(code, Some(0), "{planned}");
    setup.assert_only_read();
    let uploads = setup.requests().iter().filter(|seen| matches!(seen.kind, Kind::Upload | Kind::Mount)).count();
    assert_eq!(uploads, 0);
    let done = setup.promote(&[]).await;
    for figure in ["bytes_copied", "blobs_copied", "manifests_put", "tags_put"] {
        assert_eq!(planned[figure], done[figure], "{figure}: {planned} {done}");
    }
    let posts = setup.target.requests().iter().filter(|seen| seen.method == Method::POST).count();
    assert!(posts > 0);
}
