//! The double cannot be wrong in the same way as the client: it has none of the client's code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

#[test]
fn it_depends_on_no_other_crate_of_the_workspace() {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let own = packages.iter().find(|package| package["name"] == "ecr-double").unwrap();
    let local: Vec<&serde_json::Value> =
        own["dependencies"].as_array().unwrap().iter().filter(|dependency| dependency["path"].is_string()).collect();
    assert!(local.is_empty(), "{local:?}");
}
