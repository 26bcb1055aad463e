//! Referrers: they join those that the target has already, and can be left behind or required.

use std::collections::BTreeSet;

use docker_registry::{push, skopeo};
use image_fixtures::media_type::OCI_INDEX;
use image_fixtures::{Fixture, buildx_index, image, signed, with_sbom};
use serde_json::Value;

use crate::setup::Setup;

/// The artifacts of a fixture that its lists name.
fn listed(fixture: &Fixture) -> BTreeSet<String> {
    let lists = fixture.manifests.iter().filter(|manifest| manifest.tags.iter().any(|tag| is_list(tag)));
    lists.flat_map(|list| entries(&list.bytes)).collect()
}

fn is_list(tag: &str) -> bool {
    tag.starts_with("sha256-") && !tag.contains('.')
}

fn entries(list: &[u8]) -> Vec<String> {
    let list: Value = serde_json::from_slice(list).unwrap();
    list["manifests"].as_array().unwrap().iter().map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_the_target_lists_already_stays_listed() {
    let plain = image("team/app", "1.0");
    let (here, there) = (with_sbom(plain.clone()), with_sbom(plain.clone()));
    let setup = Setup::with(&[&here]).await;
    push(&there, setup.target_host(), None).await;
    setup.promote(&[]).await;
    let tag = plain.digest.replace(':', "-");
    let list = skopeo::inspect_raw(setup.target_host(), &format!("team/app:{tag}"), None).await;
    let (list, whole): (BTreeSet<_>, BTreeSet<_>) =
        (entries(&list).into_iter().collect(), &listed(&here) | &listed(&there));
    assert_eq!(list.len(), 2);
    assert!(list.is_subset(&whole) && !list.is_subset(&listed(&there)) && !list.is_subset(&listed(&here)), "{list:?}");
    for digest in whole {
        skopeo::pull_blobs(setup.target_host(), &format!("team/app@{digest}"), None).await;
    }
    setup.reset();
    assert_eq!(setup.promote(&[]).await["manifests_put"], 0);
    setup.assert_only_read();
}

#[tokio::test]
async fn they_are_left_where_they_are_if_so_asked() {
    let plain = image("team/app", "1.0");
    let setup = Setup::with(&[&with_sbom(signed(plain.clone()))]).await;
    let left = setup.promote(&["--no-referrers"]).await;
    assert_eq!((left["tags_put"].as_u64(), left["manifests_put"].as_u64()), (Some(1), Some(1)), "{left}");
    skopeo::assert_holds(setup.target_host(), &plain, None).await;
    // The image is there; its referrers follow when they are wanted.
    let carried = setup.promote(&["--require-referrers"]).await;
    assert_eq!(
        (carried["images"][0]["targets"][0]["outcome"].as_str(), carried["referrers"].as_u64()),
        (Some("present"), Some(3))
    );
}

#[tokio::test]
async fn an_index_carries_its_signature_its_sbom_and_the_signature_on_that() {
    let fixture = with_sbom(signed(buildx_index("team/app", "1.0")));
    let setup = Setup::with(&[&fixture]).await;
    assert_eq!(setup.promote(&[]).await["referrers"], 3);
    skopeo::assert_holds(setup.target_host(), &fixture, None).await;
    let lists = fixture.manifests.iter().filter(|manifest| manifest.media_type == OCI_INDEX).count();
    assert_eq!(lists, 3);
}

/// cosign moves the tag `.sig` when somebody signs once more.
#[tokio::test]
async fn a_signature_that_was_renewed_replaces_the_old_one() {
    let plain = image("team/app", "1.0");
    let (old, new) = (signed(plain.clone()), signed(plain));
    let setup = Setup::with(&[&new]).await;
    push(&old, setup.target_host(), None).await;
    let again = setup.promote(&[]).await;
    assert_eq!(again["tags_put"], 1, "{again}");
    skopeo::assert_holds(setup.target_host(), &new, None).await;
}
