//! Text of others, fit for a terminal and a log.

/// Without what a terminal would obey: control characters but the end of a line, and characters that turn text around or hide in it.
///
/// Manifests are written by whoever built the image, and what they say gets into messages: CVE-2021-42574 shows what comes of the latter.
pub(crate) fn plain(text: impl Into<String>) -> String {
    let mut text = text.into();
    if text.contains(is_harmful) {
        text = text.replace(is_harmful, "\u{fffd}");
    }
    text
}

fn is_harmful(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Longer than any media type, or any message of a parser, that helps.
const LONGEST: usize = 300;

/// The beginning of a text that others may have made as long as they like, and that it was cut.
pub(crate) fn beginning(text: &str) -> String {
    cut(text, LONGEST)
}

/// The beginning of a text, in characters, and that it was cut.
pub(crate) fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest).and_then(|(at, _)| text.split_at_checked(at)) {
        None => text.to_owned(),
        Some((start, _)) => format!("{start}..."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_people_read_and_nothing_that_terminals_obey() {
        assert_eq!(plain("größer\n1. ok"), "größer\n1. ok");
        assert_eq!(plain("\u{1b}]0;x\u{7}\u{9b}31m\r\u{202e}y"), "\u{fffd}]0;x\u{fffd}\u{fffd}31m\u{fffd}\u{fffd}y");
    }

    #[test]
    fn cuts_between_characters() {
        assert_eq!(beginning("short"), "short");
        assert_eq!(beginning(&"ä".repeat(400)), format!("{}...", "ä".repeat(300)));
    }
}
