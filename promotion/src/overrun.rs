use oci::{Descriptor, Repository};

use crate::{Error, Name, Progress};

/// How far a promotion had come when its deadline came. Whoever set the deadline knows what to change about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overrun {
    /// Blobs, manifests and tags that were written, and stay.
    pub written: u64,
    /// Bytes of blobs that were sent, whether or not they arrived.
    pub bytes_moved: u64,
    /// The largest blob that was on its way, and the repository that it was for.
    pub in_flight: Option<(Repository, Descriptor)>,
}

impl Overrun {
    pub(crate) fn of(progress: &Progress) -> Self {
        let now = progress.now();
        Self { written: now.done.written(), bytes_moved: now.bytes_moved, in_flight: progress.largest_in_flight() }
    }

    /// The failure of a promotion that came so far: its name says whether running again would help.
    pub(crate) fn into_error(self) -> Error {
        let (name, message) = match &self {
            Self { written: 0, bytes_moved: 1.., in_flight: Some((repository, blob)) } => (
                Name::TooLargeForLambda,
                format!(
                    "the blob {} of {repository} has {} bytes and could not be copied before the deadline, and nothing else was",
                    blob.digest, blob.size
                ),
            ),
            Self { written: 0, .. } => (
                Name::RegistryUnavailable,
                "the deadline came before a single byte could be sent: the registries answer too slowly, or there was too little time"
                    .to_owned(),
            ),
            Self { written, .. } => (
                Name::OutOfTime,
                format!(
                    "stopped before the deadline; {written} blobs, manifests and tags are written and stay: run again to continue"
                ),
            ),
        };
        Error::new(name, message).with_overrun(self)
    }
}
