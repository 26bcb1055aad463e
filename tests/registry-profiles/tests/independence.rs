//! The registries cannot be wrong in the same way as the client: they have none of the client's code.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[test]
fn of_the_workspace_they_depend_on_the_images_alone() {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let own = packages.iter().find(|package| package["name"] == env!("CARGO_PKG_NAME")).unwrap();
    let dependencies = own["dependencies"].as_array().unwrap().iter();
    let local = dependencies.filter(|dependency| dependency["path"].is_string() && dependency["kind"].is_null());
    let local: Vec<_> = local.map(|dependency| dependency["name"].as_str().unwrap()).collect();
    assert_eq!(local, ["image-fixtures"]);
}
