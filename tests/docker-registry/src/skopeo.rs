//! An OCI client nobody here wrote, to judge copies by.

use std::collections::BTreeMap;

use image_fixtures::{Fixture, sha256};
use tokio::process::Command;

use crate::binary;

/// The user and the password for a registry, if it asks for them.
pub type Login<'a> = Option<(&'a str, &'a str)>;

/// The bytes of a manifest, `REPOSITORY:TAG` or `REPOSITORY@DIGEST`.
pub async fn inspect_raw(host: &str, name: &str, login: Login<'_>) -> Vec<u8> {
    let mut arguments = vec!["inspect".into(), "--raw".into(), "--tls-verify=false".into()];
    arguments.extend(login.map(|(user, password)| format!("--creds={user}:{password}")));
    arguments.push(format!("docker://{host}/{name}"));
    run(&arguments).await
}

/// Copies an image with all its platforms from one registry to another.
pub async fn copy_all(from: &str, to: &str, name: &str) {
    let arguments = ["copy", "--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"];
    let mut arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    arguments.extend([from, to].map(|host| format!("docker://{host}/{name}")));
    run(&arguments).await;
}

/// The blobs of one image, by digest: what its manifest does not list is not among them.
pub async fn pull_blobs(host: &str, name: &str, login: Login<'_>) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut arguments = vec!["copy".into(), "--preserve-digests".into(), "--src-tls-verify=false".into()];
    arguments.extend(login.map(|(user, password)| format!("--src-creds={user}:{password}")));
    arguments.extend([format!("docker://{host}/{name}"), format!("dir:{}", folder.path().display())]);
    run(&arguments).await;
    let files = std::fs::read_dir(folder.path()).expect("skopeo made the folder").map(|entry| {
        let path = entry.expect("the folder can be read").path();
        std::fs::read(path).expect("the file can be read")
    });
    files.map(|bytes| (sha256(&bytes), bytes)).collect()
}

/// Asserts that a registry holds all of a fixture: every manifest by digest and by tag, every blob, the same bytes.
pub async fn assert_holds(host: &str, fixture: &Fixture, login: Login<'_>) {
    let repository = &fixture.repository;
    for manifest in &fixture.manifests {
        let by_digest = format!("{repository}@{}", manifest.digest);
        assert_eq!(inspect_raw(host, &by_digest, login).await, manifest.bytes, "{by_digest}");
        for tag in &manifest.tags {
            let by_tag = format!("{repository}:{tag}");
            assert_eq!(inspect_raw(host, &by_tag, login).await, manifest.bytes, "{by_tag}");
        }
    }
    let mut pulled = BTreeMap::new();
    for image in fixture.manifests.iter().filter(|manifest| !manifest.is_index()) {
        pulled.extend(pull_blobs(host, &format!("{repository}@{}", image.digest), login).await);
    }
    for (digest, bytes) in &fixture.blobs {
        assert!(pulled.get(digest) == Some(bytes), "{host}/{repository} lacks the blob {digest}");
    }
}

async fn run(arguments: &[String]) -> Vec<u8> {
    let output = Command::new(binary("SKOPEO", "skopeo"))
        .args(arguments)
        .kill_on_drop(true)
        .output()
        .await
        .expect("skopeo starts");
    assert!(output.status.success(), "skopeo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
