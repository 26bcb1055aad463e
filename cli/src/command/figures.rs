use promotion::Tally;

use crate::output::CommandOutput;
use crate::text::{bytes, count};

/// The words for what was done, or is to be.
pub(super) struct Words {
    copied: &'static str,
    mounted: &'static str,
    written: &'static str,
}

pub(super) const DONE: Words = Words { copied: "copied", mounted: "mounted", written: "written" };
pub(super) const TO_DO: Words = Words { copied: "to copy", mounted: "to mount", written: "to write" };

/// The answer with what moved, or would, as one line and as fields.
pub(super) fn with_tally(tally: Tally, answer: CommandOutput, words: &Words) -> CommandOutput {
    answer.with_all(tally).line(&format!(
        "{} {} ({}), {} {}, {} there before ({}), {} and {} {}",
        count(tally.blobs_copied, "blob"),
        words.copied,
        bytes(tally.bytes_copied),
        tally.blobs_mounted,
        words.mounted,
        tally.blobs_present,
        bytes(tally.bytes_present),
        count(tally.manifests_put, "manifest"),
        count(tally.tags_put, "tag"),
        words.written,
    ))
}
