use std::future::Future;

use oci::{Descriptor, Manifest, Reference, Repository};

use crate::{Error, Source};

/// A registry as those see it who run containers: they use no API of AWS but that of the OCI distribution
/// specification.
pub trait Consumer: Source {
    /// Pulls a manifest.
    fn pull_manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
    ) -> impl Future<Output = Result<Manifest, Error>> + Send;

    /// Proves that a blob can be downloaded and has its size, without downloading it.
    fn probe_blob(&self, repository: &Repository, blob: &Descriptor) -> impl Future<Output = Result<(), Error>> + Send;
}
