use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::Server;

/// What a registry holds, read from its files and not over HTTP: distribution, `registry/storage/paths.go`.
#[derive(Debug, Clone)]
pub struct Disk(PathBuf);

impl Disk {
    /// That of a registry.
    #[must_use]
    pub fn of(server: &Server) -> Self {
        Self(server.storage().join("docker/registry/v2"))
    }

    /// Has everything below one path of repositories below another one as well: no byte is copied.
    ///
    /// # Panics
    /// If there is something already.
    pub fn alias(&self, path: &str, of: &str) {
        std::os::unix::fs::symlink(of, self.0.join("repositories").join(path)).expect("nothing is there yet");
    }

    /// The tags of a repository, and the digests that they point to.
    #[must_use]
    pub fn tags(&self, repository: &str) -> BTreeMap<String, String> {
        let folder = self.0.join(format!("repositories/{repository}/_manifests/tags"));
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let tags = entries.filter_map(|entry| {
            let digest = std::fs::read_to_string(entry.path().join("current/link")).ok()?;
            Some((entry.file_name().into_string().ok()?, digest))
        });
        tags.collect()
    }

    /// A manifest that a repository holds.
    #[must_use]
    pub fn manifest(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        self.linked(repository, "_manifests/revisions", digest)
    }

    /// A blob that a repository holds.
    #[must_use]
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        self.linked(repository, "_layers", digest)
    }

    fn linked(&self, repository: &str, kind: &str, digest: &str) -> Option<Vec<u8>> {
        let hex = digest.strip_prefix("sha256:")?;
        let link = self.0.join(format!("repositories/{repository}/{kind}/sha256/{hex}/link"));
        // An empty link is one that was deleted.
        std::fs::read_to_string(link).ok().filter(|link| link == digest)?;
        std::fs::read(self.0.join(format!("blobs/sha256/{}/{hex}/data", hex.get(..2)?))).ok()
    }
}
