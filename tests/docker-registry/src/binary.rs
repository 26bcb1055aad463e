use std::path::PathBuf;

/// The program named by an environment variable, or found on the PATH.
///
/// # Panics
/// If there is neither: it says which Debian package has it.
#[must_use]
pub fn binary(variable: &str, name: &str) -> PathBuf {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = named.or_else(|| std::env::split_paths(&paths).map(|dir| dir.join(name)).find(|path| path.is_file()));
    found.unwrap_or_else(|| {
        panic!("{name} is needed: install the Debian package `{name}`, or name a binary in {variable}")
    })
}
