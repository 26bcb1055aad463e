//! Manifests as they are found in registries.

use image_fixtures::{Content, Fixture, Image, Index, descriptor, media_type, sha256};
use image_fixtures::{docker_list, layer_kinds, nested_index, odd_whitespace};
use promotion::{Error, Name, Release, Report};
use registry_profiles::{Body, Profile, Referrers, Refusal, profiles};
use serde_json::json;

use crate::setup::Setup;

async fn promote(setup: &Setup, fixture: &Fixture) -> Result<Report, Error> {
    setup.source.hold(fixture);
    let release = json!({ "images": [fixture.entry()] }).to_string();
    setup.promote(Release::parse(release.as_bytes()).unwrap()).await
}

/// An artifact whose manifest is written like this, beside its config.
fn artifact(layers: &str) -> Content {
    let config = descriptor(media_type::OCI_EMPTY, "{}");
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","artifactType":"application/x","config":{config}{layers}}}"#,
        media_type::OCI_MANIFEST
    );
    Content::new(media_type::OCI_MANIFEST, text.into_bytes(), [b"{}".to_vec()])
}

#[tokio::test]
async fn odd_manifests_arrive_byte_for_byte() {
    let image = || Image::new().layer(b"layer".to_vec()).build();
    let entry = |platform| Index::new().child(&image(), json!({ "platform": platform })).build();
    let named = |content| Fixture::new("team/app", "odd", content);
    for (issue, fixture) in [
        ("opencontainers/image-spec#1016", named(artifact(r#","layers":null"#))),
        ("opencontainers/image-spec#1016", named(artifact(""))),
        ("opencontainers/image-spec#1016", named(artifact(r#","layers":[]"#))),
        ("moby/buildkit#4039", named(entry(json!({})))),
        ("moby/buildkit#4039", named(entry(json!(null)))),
        ("moby/buildkit#4039", named(entry(json!({ "architecture": "", "os": "" })))),
        ("containers/image#898", named(entry(json!({ "architecture": "arm", "os": "linux", "variant": "v7" })))),
        ("Docker schema 2", docker_list("team/app", "odd")),
        ("moby/buildkit, zstd", layer_kinds("team/app", "odd")),
        ("image-spec, nested indexes", nested_index("team/app", "odd")),
        ("image-spec, whitespace", odd_whitespace("team/app", "odd")),
    ] {
        for profile in [profiles::specified(), profiles::quay()] {
            println!("{issue} to {}", profile.name);
            let setup = Setup::new(profiles::specified(), profile).await;
            promote(&setup, &fixture).await.unwrap();
            assert_eq!(setup.target.manifest("team/app", "odd").as_deref(), Some(fixture.bytes()));
            for manifest in &fixture.manifests {
                let held = setup.target.manifest("team/app", &manifest.digest);
                assert_eq!(held.as_deref(), Some(&*manifest.bytes), "{issue}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_image_is_called_what_it_is() {
    let layer = descriptor(media_type::OCI_GZIP, "layer");
    let config = descriptor("application/vnd.buildkit.cacheconfig.v0", "{}");
    let cache = Index::new().entry(layer, json!({})).entry(config, json!({})).build();
    let other =
        json!({ "mediaType": media_type::OCI_MANIFEST, "digest": format!("sha512:{}", "ab".repeat(64)), "size": 7 });
    let other = Index::new().entry(other, json!({})).build();
    for (issue, index, said) in
        [("containers/container-libs#204", cache, "BuildKit"), ("image-spec, sha512", other, "SHA-256")]
    {
        let setup = Setup::new(profiles::specified(), profiles::specified()).await;
        let error = promote(&setup, &Fixture::new("team/app", "odd", index)).await.unwrap_err();
        assert_eq!(error.name(), Name::RegistryLimit, "{issue}: {error}");
        assert!(error.to_string().contains(said), "{issue}: {error}");
        assert_eq!(setup.target.writes(), []);
    }
}

/// A referrer whose digest is another one is noted, whoever lists it, and the image is promoted.
#[tokio::test]
async fn referrers_with_other_digests_are_told() {
    const LIST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha512:abababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababab","size":7}]}"#;
    let listed = Referrers::Refused(Refusal::other(200, Body::Json(LIST)));
    let image = Fixture::new("team/app", "odd", Image::new().layer(b"layer".to_vec()).build());
    let tag = format!("sha256-{}", image.digest.trim_start_matches("sha256:"));
    let list = Content::new(media_type::OCI_INDEX, LIST.as_bytes().to_vec(), []).tagged(tag);
    for (profile, content) in [
        (Profile { referrers: listed, ..profiles::specified() }, image.content.clone()),
        (profiles::docker_hub(), list.and(&image.content)),
    ] {
        let setup = Setup::new(profile, profiles::specified()).await;
        let report = promote(&setup, &Fixture { content, ..image.clone() }).await.unwrap();
        let name = setup.source.profile().name;
        assert!(report.notes.iter().any(|note| note.contains("sha512:")), "{name}: {:?}", report.notes);
        assert_eq!(setup.target.manifest("team/app", "odd").map(sha256), Some(image.digest.clone()), "{name}");
    }
}
