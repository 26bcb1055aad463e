use std::collections::HashMap;

use oci::text::truncate;
use serde::Serialize;

/// The most that the sentences of an answer take in it, in bytes of JSON: the state of a state machine has 256 KiB for
/// everything (AWS Step Functions Developer Guide, "Service quotas"), and the sentences travel on in it.
const MAX_SENTENCES_BYTES: usize = 16 << 10;

/// No sentence of an answer is longer than this, in characters: what it quotes may be.
const LONGEST: usize = 2_000;

/// As many entries of a list as fit into so many bytes of JSON, and how many there were.
#[must_use]
pub fn fitting<T: Serialize>(mut entries: Vec<T>, max_bytes: usize) -> (Vec<T>, usize) {
    let all = entries.len();
    let mut bytes = 0;
    let fits = |entry: &&T| {
        // A comma.
        bytes += serde_json::to_string(entry).map_or(max_bytes, |json| json.len()) + 1;
        bytes <= max_bytes
    };
    let count = entries.iter().take_while(fits).count();
    entries.truncate(count);
    (entries, all)
}

/// Sentences, fit for an answer: those that differ only in the digests that they name become the first of them with
/// the number of the others, and what is still too much becomes a number. The log then has all.
#[must_use]
pub fn sentences(kind: &str, all: Vec<String>) -> Vec<String> {
    let (mut kept, groups) = fitting(grouped(&all), MAX_SENTENCES_BYTES);
    if kept.len() < all.len() {
        for sentence in &all {
            tracing::info!(kind, "{sentence}");
        }
    }
    if groups > kept.len() {
        let more = groups - kept.len();
        kept.push(format!("and {more} more {kind}: the log of the function has all"));
    }
    kept
}

fn grouped(all: &[String]) -> Vec<String> {
    let mut groups: Vec<(&String, usize)> = Vec::new();
    let mut places = HashMap::new();
    for sentence in all {
        let place = *places.entry(without_digests(sentence)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, others)) => *others += 1,
            None => groups.push((sentence, 0)),
        }
    }
    let shown = |(sentence, others): (&String, usize)| match (truncate(sentence, LONGEST), others) {
        (sentence, 0) => sentence,
        (sentence, others) => format!("{sentence} (and the same of {others} more: the log of the function names them)"),
    };
    groups.into_iter().map(shown).collect()
}

/// What a sentence says, whichever digests it is about.
fn without_digests(sentence: &str) -> String {
    let mut pieces = sentence.split("sha256:");
    let mut rest = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        rest.push_str("sha256:");
        rest.push_str(piece.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    rest
}

#[cfg(test)]
mod tests {
    use oci::Digest;

    use super::*;

    #[test]
    fn sentences_about_many_digests_are_one() {
        let left = |number: usize| format!("left behind: {}: no permission", Digest::of(&number.to_le_bytes()));
        let all: Vec<_> = (0..540).map(left).chain(["another".to_owned()]).collect();
        let kept = sentences("notes", all.clone());
        assert_eq!(kept.len(), 2, "{kept:?}");
        assert_eq!(kept[0], format!("{} (and the same of 539 more: the log of the function names them)", all[0]));
        assert_eq!(kept[1], "another");
    }

    #[test]
    fn no_list_of_sentences_is_longer_than_its_share() {
        for sentence in ["x", "\"\\\n", "ä", "\u{1}"] {
            for (count, length) in [(1, 100_000), (540, 300), (50_000, 1), (3, 50)] {
                let all: Vec<_> = (0..count).map(|number| format!("{number} {}", sentence.repeat(length))).collect();
                let kept = sentences("warnings", all);
                let bytes = serde_json::to_string(&kept).unwrap().len();
                assert!(bytes < MAX_SENTENCES_BYTES + 200, "{sentence:?} {count} x {length}: {bytes}");
                assert!(!kept.is_empty());
                let is_cut =
                    kept.last().is_some_and(|last| last.ends_with("more warnings: the log of the function has all"));
                assert_eq!(is_cut, count > 3, "{kept:?}");
            }
        }
    }
}
