use promotion::{Report, Summary, TargetReport};

use crate::answer::Answer;
use crate::text::{bytes, count};

/// What moved, or would.
pub(super) struct Figures {
    bytes_copied: u64,
    bytes_present: u64,
    blobs_copied: u64,
    blobs_mounted: u64,
    blobs_present: u64,
    manifests_put: u64,
    tags_put: u64,
}

/// The words for what was done, or is to be.
pub(super) struct Words {
    copied: &'static str,
    mounted: &'static str,
    written: &'static str,
}

pub(super) const DONE: Words = Words { copied: "copied", mounted: "mounted", written: "written" };
pub(super) const TO_DO: Words = Words { copied: "to copy", mounted: "to mount", written: "to write" };

impl Figures {
    /// What a promotion did, over all targets.
    pub(super) fn of(report: &Report) -> Self {
        let sum = |count: fn(&TargetReport) -> u64| report.targets.iter().map(count).sum();
        Self {
            bytes_copied: sum(|target| target.bytes_copied),
            bytes_present: sum(|target| target.bytes_present),
            blobs_copied: sum(|target| target.blobs_copied),
            blobs_mounted: sum(|target| target.blobs_mounted),
            blobs_present: sum(|target| target.blobs_present),
            manifests_put: sum(|target| target.manifests_put),
            tags_put: sum(|target| target.tags_put),
        }
    }

    /// What a plan amounts to.
    pub(super) fn planned(summary: Summary) -> Self {
        Self {
            bytes_copied: summary.bytes_to_copy,
            bytes_present: summary.bytes_present,
            blobs_copied: summary.blobs_to_copy,
            blobs_mounted: summary.blobs_to_mount,
            blobs_present: summary.blobs_present,
            manifests_put: summary.manifests_to_put,
            tags_put: summary.tags_to_put,
        }
    }

    /// The answer with these figures.
    pub(super) fn tell(&self, answer: Answer, words: &Words) -> Answer {
        answer
            .line(&format!(
                "{} {} ({}), {} {}, {} there before ({}), {} and {} {}",
                count(self.blobs_copied, "blob"),
                words.copied,
                bytes(self.bytes_copied),
                self.blobs_mounted,
                words.mounted,
                self.blobs_present,
                bytes(self.bytes_present),
                count(self.manifests_put, "manifest"),
                count(self.tags_put, "tag"),
                words.written,
            ))
            .with("bytes_copied", self.bytes_copied)
            .with("bytes_present", self.bytes_present)
            .with("blobs_copied", self.blobs_copied)
            .with("blobs_mounted", self.blobs_mounted)
            .with("blobs_present", self.blobs_present)
            .with("manifests_put", self.manifests_put)
            .with("tags_put", self.tags_put)
    }
}
