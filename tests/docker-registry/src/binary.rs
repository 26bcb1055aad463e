use std::path::{Path, PathBuf};

/// The program named by an environment variable, or found on the PATH, or where `make tools` puts it.
///
/// # Panics
/// If it is nowhere: it says what to install.
#[must_use]
pub fn binary(variable: &str, name: &str) -> PathBuf {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin");
    let mut folders = std::env::split_paths(&paths).chain([tools]);
    let found = named.or_else(|| folders.find_map(|folder| Some(folder.join(name)).filter(|path| path.is_file())));
    found.unwrap_or_else(|| {
        panic!(
            "{name} is needed: run `make tools`, install the Debian package `{name}`, or name a binary in {variable}"
        )
    })
}
