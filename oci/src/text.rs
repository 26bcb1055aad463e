//! Text that others wrote, made fit for a terminal and a log.
//!
//! Manifests are written by whoever built the image, and answers by whoever runs the registry; what they say gets into
//! messages. Control characters are what a terminal obeys, and characters that turn text around or hide in it make a
//! message say what it does not (CVE-2021-42574).

/// The longest text of a registry that is worth repeating, in characters: a denial of AWS names two ARNs and its reason
/// after them.
const LONGEST_LINE: usize = 500;

/// No word that helps a reader is longer than this, in bytes; a token is.
const LONGEST_WORD: usize = 200;

/// Longer than any media type, or any message of a parser, that helps; in characters.
const LONGEST_EXCERPT: usize = 300;

/// The text with U+FFFD for each character that is unsafe to print. Line breaks stay.
pub fn sanitize(text: impl Into<String>) -> String {
    let mut text = text.into();
    if text.contains(is_unsafe) {
        text = text.replace(is_unsafe, "\u{fffd}");
    }
    text
}

/// The text as one short line: without characters that are unsafe to print, the queries of URLs, or words as long as
/// tokens.
#[must_use]
pub fn sanitize_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        if word.len() > LONGEST_WORD {
            line.push_str("[...]");
        } else if let (true, Some((address, _))) = (word.contains("://"), word.split_once('?')) {
            line.push_str(address);
        } else {
            line.extend(word.chars().filter(|c| !is_unsafe(*c)));
        }
    }
    truncate(&line, LONGEST_LINE)
}

fn is_unsafe(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The beginning of a text that others may have made as long as they like, and `...` if there was more.
#[must_use]
pub fn excerpt(text: &str) -> String {
    truncate(text, LONGEST_EXCERPT)
}

/// The text up to so many characters, and `...` if there were more.
#[must_use]
pub fn truncate(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters).and_then(|(at, _)| text.split_at_checked(at)) {
        None => text.to_owned(),
        Some((start, _)) => format!("{start}..."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_people_read_and_nothing_that_terminals_obey() {
        assert_eq!(sanitize("größer\n1. ok"), "größer\n1. ok");
        assert_eq!(sanitize("\u{1b}]0;x\u{7}\u{9b}31m\r\u{202e}y"), "\u{fffd}]0;x\u{fffd}\u{fffd}31m\u{fffd}\u{fffd}y");
    }

    #[test]
    fn shows_one_short_line_without_secrets() {
        assert_eq!(sanitize_line(" a\n\u{1b}[31mb\t\u{202e}c\u{feff} "), "a [31mb c");
        assert_eq!(sanitize_line("see https://s3.example/x?X-Amz-Signature=abc now"), "see https://s3.example/x now");
        assert_eq!(sanitize_line(&format!("Basic {} bad", "QVdTOg".repeat(99))), "Basic [...] bad");
        assert_eq!(sanitize_line(&"ab ".repeat(400)).len(), LONGEST_LINE + 3);
    }

    #[test]
    fn cuts_between_characters() {
        assert_eq!(excerpt("short"), "short");
        assert_eq!(excerpt(&"ä".repeat(400)), format!("{}...", "ä".repeat(300)));
    }
}
