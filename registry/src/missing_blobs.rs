use oci::{Digest, Manifest};

/// The blobs of a manifest that a registry says it lacks, in order; all that it could lack, if it names none of them.
pub(crate) fn missing_blobs(lacking: &[Digest], manifest: &Manifest) -> Vec<Digest> {
    let candidates = manifest.content().blobs().filter(|blob| !blob.is_non_distributable()).map(|blob| blob.digest);
    let mut all: Vec<Digest> = candidates.collect();
    all.sort_unstable();
    all.dedup();
    let named: Vec<Digest> = all.iter().filter(|digest| lacking.contains(digest)).copied().collect();
    if named.is_empty() { all } else { named }
}
