//! The errors that a crate of the AWS SDK models for an operation.
//!
//! Its enums are `#[non_exhaustive]`, so no match over one is held to be complete by the compiler. They are read from the
//! source that is compiled here: a version of the SDK that knows more errors fails a test that lists them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The source of one crate of the SDK.
#[derive(Debug)]
pub struct Sdk {
    operations: PathBuf,
}

impl Sdk {
    /// The version of this crate that the lock file names.
    ///
    /// # Panics
    /// If cargo does not say where it is.
    #[must_use]
    pub fn of(package: &str) -> Self {
        let host = cargo(&["-vV"]);
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        // Crates of other platforms need not have been fetched.
        let arguments = ["metadata", "--format-version=1", "--offline", "--locked", "--filter-platform", host];
        let metadata: Value = serde_json::from_str(&cargo(&arguments)).unwrap();
        let mut packages = metadata["packages"].as_array().unwrap().iter();
        let package =
            packages.find(|found| found["name"] == package).unwrap_or_else(|| panic!("{package} is not used"));
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        Self { operations: manifest.with_file_name("src").join("operation") }
    }

    /// Whether the service has this operation, written as in `get_object`.
    #[must_use]
    pub fn has(&self, operation: &str) -> bool {
        self.operations.join(operation).with_extension("rs").exists()
    }

    /// The errors that are modelled for an operation, in the order of their names.
    ///
    /// # Panics
    /// If the service has no such operation.
    #[must_use]
    pub fn errors(&self, operation: &str) -> Vec<String> {
        let path = self.operations.join(operation).with_extension("rs");
        let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (_, rest) = source.split_once("\npub enum ").unwrap_or_else(|| panic!("no enum in {}", path.display()));
        let (variants, _) = rest.split_once("\n}\n").unwrap();
        // The one that is no error of the service has a type of another module.
        let modelled =
            |line: &str| line.trim_start().split_once("(crate::types::error::").map(|(name, _)| name.to_owned());
        let mut errors: Vec<String> = variants.lines().filter_map(modelled).collect();
        errors.sort_unstable();
        errors
    }
}

fn cargo(arguments: &[&str]) -> String {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_from_the_source_of_the_sdk() {
        let sdk = Sdk::of("aws-sdk-ecr");
        assert!(sdk.has("put_image") && !sdk.has("identity"));
        let errors = sdk.errors("put_image");
        assert!(errors.iter().any(|name| name == "ImageTagAlreadyExistsException"), "{errors:?}");
        assert!(errors.iter().all(|name| name != "Unhandled") && errors.is_sorted(), "{errors:?}");
    }
}
