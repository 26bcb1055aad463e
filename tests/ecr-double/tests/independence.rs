//! The double cannot be wrong in the same way as the client: it has none of the client's code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

#[test]
fn of_the_workspace_it_depends_on_the_images_alone_and_they_on_nothing() {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let local = |name: &str| {
        let own = packages.iter().find(|package| package["name"] == name).unwrap();
        let dependencies = own["dependencies"].as_array().unwrap().iter();
        let local = dependencies.filter(|dependency| dependency["path"].is_string());
        local.map(|dependency| dependency["name"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(local("ecr-double"), ["image-fixtures"]);
    assert!(local("image-fixtures").is_empty());
}
