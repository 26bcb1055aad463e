//! An OCI client nobody here wrote pushes to the double and pulls from it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use ecr_double::{RegistryHandle, sha256};
use image_fixtures::descriptor;
use serde_json::json;
use support::*;

/// The binary named by `SKOPEO`, or `skopeo` on the PATH.
fn skopeo() -> PathBuf {
    let named = std::env::var_os("SKOPEO").map(PathBuf::from);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found =
        named.or_else(|| std::env::split_paths(&paths).map(|dir| dir.join("skopeo")).find(|path| path.is_file()));
    found.expect("skopeo is needed: install the Debian package `skopeo`, or name a binary in SKOPEO")
}

fn run(arguments: &[&str]) {
    let output = Command::new(skopeo()).args(arguments).output().expect("skopeo starts");
    assert!(output.status.success(), "skopeo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An OCI layout with one image under the tag `1`, and the image's digest.
fn layout(dir: &Path, seed: &str) -> String {
    let blob = |bytes: &[u8]| fs::write(dir.join("blobs/sha256").join(&sha256(bytes)[7..]), bytes).unwrap();
    fs::create_dir_all(dir.join("blobs/sha256")).unwrap();
    let (config, layer) = blobs(seed);
    let bytes = manifest(seed);
    [&config, &layer, &bytes].into_iter().for_each(|bytes| blob(bytes));
    let mut entry = descriptor(OCI_MANIFEST, &bytes);
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": "1" });
    fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    fs::write(dir.join("index.json"), json!({ "schemaVersion": 2, "manifests": [entry] }).to_string()).unwrap();
    sha256(&bytes)
}

fn credentials(registry: &RegistryHandle) -> String {
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(registry.token()).unwrap()).unwrap()
}

#[tokio::test]
async fn skopeo_pushes_and_pulls() {
    let (double, registry) = start().await;
    let scratch = tempfile::tempdir().unwrap();
    let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
    let digest = layout(&from, "skopeo");
    let remote = format!("docker://{}/app:1", registry.host());
    let (from, to_) = (format!("oci:{}:1", from.display()), format!("oci:{}:1", to.display()));
    let pair = credentials(&registry);
    run(&["--insecure-policy", "copy", "--dest-tls-verify=false", "--dest-creds", &pair, &from, &remote]);
    assert_eq!(registry.tags("app")["1"], digest);
    run(&["--insecure-policy", "copy", "--src-tls-verify=false", "--src-creds", &pair, &remote, &to_]);
    let (config, layer) = blobs("skopeo");
    for bytes in [config, layer, manifest("skopeo")] {
        assert_eq!(fs::read(to.join("blobs/sha256").join(&sha256(&bytes)[7..])).unwrap(), bytes);
    }
    assert!(double.requests_of("s3.GetObject").iter().all(|request| !request.authorised && request.status == 200));
}
