use std::collections::BTreeMap;

use docker_registry::held::Held;
use ecr_double::RegistryHandle;

/// What a double of ECR holds.
#[derive(Clone)]
pub(crate) struct Double(pub(crate) RegistryHandle);

impl Held for Double {
    fn tags(&self, repository: &str) -> BTreeMap<String, String> {
        self.0.tags(repository)
    }

    fn manifest(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        self.0.manifest(repository, digest)
    }

    fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        self.0.blobs(repository).contains_key(digest).then(|| std::fs::read(self.0.blob_path(digest)).ok()).flatten()
    }
}
