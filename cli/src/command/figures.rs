use promotion::Tally;

use crate::output::CommandOutput;
use crate::text::{bytes, count};

/// The words for what was done, or is to be.
pub(super) struct Words {
    copied: &'static str,
    mounted: &'static str,
    written: &'static str,
    /// For when there was nothing to do.
    nothing: &'static str,
}

pub(super) const DONE: Words = Words {
    copied: "copied",
    mounted: "mounted",
    written: "written",
    nothing: "nothing was copied or written: every target had every image, whole and under its tag",
};
pub(super) const TO_DO: Words = Words {
    copied: "to copy",
    mounted: "to mount",
    written: "to write",
    nothing: "nothing to copy or write: every target has every image, whole and under its tag",
};

/// The answer with what moved, or would, as one line and as fields.
pub(super) fn with_tally(tally: Tally, answer: CommandOutput, words: &Words) -> CommandOutput {
    answer.with_all(tally).line(&line(tally, words))
}

/// Only numbers above zero: "0 there before" beside images that were there, and whose blobs were not asked for,
/// would read as a fault.
fn line(tally: Tally, words: &Words) -> String {
    let mut parts = Vec::new();
    if tally.blobs_copied > 0 {
        parts.push(format!("{} {} ({})", count(tally.blobs_copied, "blob"), words.copied, bytes(tally.bytes_copied)));
    }
    if tally.blobs_mounted > 0 {
        parts.push(format!("{} {}", count(tally.blobs_mounted, "blob"), words.mounted));
    }
    if tally.blobs_present > 0 {
        let (blobs, bytes) = (count(tally.blobs_present, "blob"), bytes(tally.bytes_present));
        parts.push(format!("{blobs} of incomplete images there before ({bytes})"));
    }
    let written = [(tally.manifests_put, "manifest"), (tally.tags_put, "tag")];
    let written: Vec<_> =
        written.into_iter().filter(|(number, _)| *number > 0).map(|(number, thing)| count(number, thing)).collect();
    if !written.is_empty() {
        parts.push(format!("{} {}", written.join(" and "), words.written));
    }
    if parts.is_empty() { words.nothing.to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_reads_as_a_fault() {
        let all = Tally {
            blobs_copied: 2,
            bytes_copied: 2048,
            blobs_mounted: 1,
            blobs_present: 3,
            bytes_present: 100,
            manifests_put: 2,
            tags_put: 1,
        };
        for (tally, expected) in [
            (Tally::default(), DONE.nothing),
            (Tally { tags_put: 2, ..Tally::default() }, "2 tags written"),
            (Tally { blobs_mounted: 1, manifests_put: 1, ..Tally::default() }, "1 blob mounted, 1 manifest written"),
            (
                all,
                "2 blobs copied (2.0 KiB), 1 blob mounted, 3 blobs of incomplete images there before (100 bytes), \
                 2 manifests and 1 tag written",
            ),
        ] {
            assert_eq!(line(tally, &DONE), expected);
        }
        assert_eq!(line(Tally::default(), &TO_DO), TO_DO.nothing);
    }
}
