//! Manifests as builders write them, and what of them is no image.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod memory;

use memory::Memory;
use memory::images::seed_image;
use oci::{Digest, Manifest, MediaType};
use promotion::{Error, Limits, Name, Promotion, Release, Report, RetryPolicy, Until};

/// An index of these entries, `app:1`.
fn seed(source: &Memory, entries: &[serde_json::Value]) -> Manifest {
    let index =
        serde_json::json!({ "schemaVersion": 2, "mediaType": MediaType::OciIndex.as_str(), "manifests": entries });
    let index = Manifest::parse(index.to_string().into(), None).unwrap();
    source.seed_manifest("app", &index, Some("1"));
    index
}

async fn promote(source: &Memory, platform: Option<&str>) -> Result<Report, Error> {
    let target = Memory::new("target", &["app"]);
    let promotion = Promotion::new(source.clone(), [target], RetryPolicy::default(), Limits::default());
    let platforms = platform.map(|platform| format!(r#","platforms":["{platform}"]"#)).unwrap_or_default();
    let json = format!(r#"{{"images":[{{"repository":"app","tag":"1"{platforms}}}]}}"#);
    promotion.run(Release::parse(json.as_bytes()).unwrap(), Until::Tagged, None).await
}

fn entry(media_type: &str, digest: impl ToString, platform: &serde_json::Value) -> serde_json::Value {
    serde_json::json!({ "mediaType": media_type, "digest": digest.to_string(), "size": 7, "platform": platform })
}

/// containers/container-libs#204
#[tokio::test]
async fn an_index_of_blobs_is_named_for_what_it_is() {
    let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
    for (types, says) in [
        (vec![layer, "application/vnd.buildkit.cacheconfig.v0"], "a cache of BuildKit and no image"),
        (vec![layer], "registries take indexes of manifests only"),
        (vec!["application/vnd.docker.distribution.manifest.v1+json"], "registries take indexes of manifests only"),
    ] {
        let source = Memory::new("source", &["app"]);
        let entries = types.iter().map(|kind| entry(kind, Digest::of(kind.as_bytes()), &serde_json::Value::Null));
        seed(&source, &entries.collect::<Vec<_>>());
        let error = promote(&source, None).await.unwrap_err();
        assert_eq!(error.name(), Name::RegistryLimit, "{error}");
        let text = error.to_string();
        assert!(text.contains(says) && text.contains(types[0]) && text.contains("in source"), "{text}");
    }
}

#[tokio::test]
async fn an_index_of_another_algorithm_is_named_for_what_it_is() {
    let source = Memory::new("source", &["app"]);
    let digest = format!("sha512:{}", "ab".repeat(64));
    seed(&source, &[entry(MediaType::OciManifest.as_str(), &digest, &serde_json::Value::Null)]);
    let error = promote(&source, None).await.unwrap_err();
    assert!(error.name() == Name::RegistryLimit && error.to_string().contains(&digest), "{error}");
}

/// image-spec#1016: no layers, however that is written; and entries without a platform, of which the configs say it.
#[tokio::test]
async fn what_is_left_out_is_empty() {
    for platform in
        [serde_json::json!({}), serde_json::json!({ "os": "", "architecture": "" }), serde_json::Value::Null]
    {
        for layers in [r#","layers":null"#, "", r#","layers":[]"#] {
            let source = Memory::new("source", &["app"]);
            let config = br#"{"os":"linux","architecture":"arm64","variant":"v8"}"#;
            let digest = source.seed_blob("app", config.as_slice());
            let config = format!(
                r#"{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{digest}","size":{}}}"#,
                config.len()
            );
            let text = format!(r#"{{"schemaVersion":2,"config":{config}{layers}}}"#);
            let image = Manifest::parse(text.into(), Some(MediaType::OciManifest.as_str())).unwrap();
            source.seed_manifest("app", &image, None);
            seed(&source, &[entry(MediaType::OciManifest.as_str(), image.digest(), &platform)]);
            promote(&source, Some("linux/arm64")).await.unwrap();
            let error = promote(&source, Some("linux/amd64")).await.unwrap_err();
            assert!(error.to_string().contains("only for linux/arm64/v8"), "{error}");
        }
    }
}

/// containers/image#898
#[tokio::test]
async fn a_platform_is_what_container_runtimes_mean_by_it() {
    for (there, wanted, is_there) in [
        (r#"{"os":"linux","architecture":"arm","variant":"v6"}"#, "linux/arm", false),
        (r#"{"os":"linux","architecture":"arm","variant":"v7"}"#, "linux/arm", true),
        (r#"{"os":"linux","architecture":"arm"}"#, "linux/arm/v7", true),
        (r#"{"os":"linux","architecture":"arm64","variant":"v8"}"#, "linux/arm64", true),
        (r#"{"os":"linux","architecture":"aarch64"}"#, "linux/arm64/v8", true),
        (r#"{"os":"linux","architecture":"x86_64"}"#, "linux/amd64", true),
        (r#"{"os":"linux","architecture":"amd64","variant":"v1"}"#, "linux/amd64", true),
    ] {
        let source = Memory::new("source", &["app"]);
        let image = seed_image(&source, "app", &["layer"]);
        seed(&source, &[entry(image.media_type().as_str(), image.digest(), &serde_json::from_str(there).unwrap())]);
        let result = promote(&source, Some(wanted)).await;
        assert_eq!(
            result.as_ref().err().map(Error::name),
            (!is_there).then_some(Name::PolicyViolation),
            "{there} {wanted}"
        );
    }
}
