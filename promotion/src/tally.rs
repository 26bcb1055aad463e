use std::iter::Sum;
use std::ops::AddAssign;

use serde::Serialize;

/// What moved, or is to: blobs, manifests and tags, of one target or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Blobs that are read from the source and sent. Where a target was not asked for each blob beforehand, a plan
    /// counts those that the target has as well.
    pub blobs_copied: u64,
    /// Their bytes.
    pub bytes_copied: u64,
    /// Blobs that are mounted from a sibling repository.
    pub blobs_mounted: u64,
    /// Blobs of images that are not complete, which a target has nevertheless.
    pub blobs_present: u64,
    /// Their bytes.
    pub bytes_present: u64,
    /// Manifests and indexes that are written.
    pub manifests_put: u64,
    /// Tags that are written.
    pub tags_put: u64,
}

impl Tally {
    /// All blobs, wherever they come from.
    #[must_use]
    pub fn blobs(&self) -> u64 {
        self.blobs_copied + self.blobs_mounted + self.blobs_present
    }

    /// Everything written, of whatever kind.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.blobs_copied + self.blobs_mounted + self.manifests_put + self.tags_put
    }
}

/// Sizes are what others wrote: a sum of them that has no room ends at the largest number there is, and does not begin
/// again at zero.
impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        // All fields by name, so that none is forgotten.
        let Self { blobs_copied, bytes_copied, blobs_mounted, blobs_present, bytes_present, manifests_put, tags_put } =
            more;
        self.blobs_copied = self.blobs_copied.saturating_add(blobs_copied);
        self.bytes_copied = self.bytes_copied.saturating_add(bytes_copied);
        self.blobs_mounted = self.blobs_mounted.saturating_add(blobs_mounted);
        self.blobs_present = self.blobs_present.saturating_add(blobs_present);
        self.bytes_present = self.bytes_present.saturating_add(bytes_present);
        self.manifests_put = self.manifests_put.saturating_add(manifests_put);
        self.tags_put = self.tags_put.saturating_add(tags_put);
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        let mut sum = Self::default();
        tallies.for_each(|tally| sum += tally);
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_do_not_wrap() {
        let huge = Tally { bytes_copied: u64::MAX - 1, bytes_present: 1 << 63, ..Tally::default() };
        let sum: Tally = [huge, huge, huge].into_iter().sum();
        assert_eq!((sum.bytes_copied, sum.bytes_present), (u64::MAX, u64::MAX));
    }
}
