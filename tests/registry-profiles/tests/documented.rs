//! `docs/registries.md` is compared with the profiles and the tests.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use registry_profiles::profiles;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/registries.md")).unwrap()
}

/// The cells of each row of the tables, without the heads.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let lines = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let cells = lines.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>());
    cells.filter(|cells| cells[0] != "difference").collect()
}

/// All that stands between backticks and has the form `file::test`.
fn named(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('`').skip(1).step_by(2).filter_map(|name| name.split_once("::")).filter(|(_, test)| *test != "…")
}

/// The sources with tests, by the name of their file.
fn tests() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut folders: Vec<_> =
        ["tests/registry-profiles/tests", "registry/tests", "registry/src", "promotion/tests", "cli/tests"]
            .map(|folder| root().join(folder))
            .into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
                found.entry(stem).or_default().push(std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// Whether this source has a test of this name: a function of its own, or one of those that a macro makes.
fn has_test(source: &str, test: &str) -> bool {
    let made = source.split("each_profile! {").skip(1).filter_map(|rest| rest.split('}').next());
    let is_made = made.flat_map(str::split_whitespace).any(|name| name == test);
    is_made || source.contains(&format!("fn {test}()"))
}

#[test]
fn every_row_has_a_source_and_a_test_that_exists() {
    let (page, tests) = (page(), tests());
    assert!(rows(&page).len() > 60);
    for row in rows(&page) {
        assert_eq!(row.len(), 3, "{row:?}");
        assert!(row[1].contains("](https://"), "no source: {row:?}");
        assert!(named(row[2]).count() > 0, "no test: {row:?}");
    }
    for (file, test) in named(&page) {
        let exists = tests.get(file).is_some_and(|sources| sources.iter().any(|source| has_test(source, test)));
        assert!(exists, "there is no test {file}::{test}");
    }
}

#[test]
fn every_profile_has_a_section_and_all_its_sources_are_there() {
    let page = page();
    for profile in profiles::all() {
        assert!(page.contains(&format!("\n## {}\n", profile.name)), "no section {}", profile.name);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/profiles");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let source = std::fs::read_to_string(&path).unwrap();
        for url in source.split("<https://").skip(1).filter_map(|rest| rest.split('>').next()) {
            assert!(page.contains(&format!("(https://{url})")), "{}: {url} is not in the page", path.display());
        }
    }
}
