//! Text that others wrote, made fit for a terminal and a log.
//!
//! Manifests are written by whoever built the image, and answers by whoever runs the registry; what they say gets into
//! messages. Control characters are what a terminal obeys, and characters that turn text around or hide in it make a
//! message say what it does not (CVE-2021-42574). And servers repeat the secrets that they were shown: none is in what
//! these functions return, nor a part of one where they cut a text.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::secrets::hide;

/// The longest text of a registry that is worth repeating, in characters: a denial of AWS names two ARNs and its reason
/// after them.
const LONGEST_LINE: usize = 500;

/// No word that helps a reader is longer than this, in bytes; a token is.
const LONGEST_WORD: usize = 200;

/// Longer than any media type, or any message of a parser, that helps; in characters.
const LONGEST_EXCERPT: usize = 300;

/// Longer than any name that helps, in characters.
pub(crate) const LONGEST_NAME: usize = 100;

/// No more of a text is looked at for a line, in bytes: it may be as long as an answer, and nearly all of it space.
const LOOKED_AT: usize = 16 << 10;

/// The longest character, in bytes.
const LONGEST_CHARACTER: usize = 4;

/// The text without secrets, and with U+FFFD for each character that is unsafe to print. Line breaks stay.
pub fn sanitize(text: impl Into<String>) -> String {
    let mut text = text.into();
    if let Cow::Owned(hidden) = hide(&text, usize::MAX) {
        text = hidden;
    }
    if text.contains(is_unsafe) {
        text = text.replace(is_unsafe, "\u{fffd}");
    }
    text
}

/// The text as one short line: without secrets, characters that are unsafe to print, the queries of URLs, or words as
/// long as tokens.
#[must_use]
pub fn sanitize_line(text: &str) -> String {
    let hidden = hide(text, LOOKED_AT);
    let words = hidden.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let words: Vec<String> = words.map(|word| word.replace(is_unsafe, "")).collect();
    // A secret with spaces in it may be one only now.
    let line = words.join(" ");
    let words = hide(&line, usize::MAX).split(' ').map(shortened).collect::<Vec<_>>().join(" ");
    truncate(&words, LONGEST_LINE)
}

fn shortened(word: &str) -> &str {
    match word.split_once('?') {
        _ if word.len() > LONGEST_WORD => "[...]",
        Some((address, _)) if word.contains("://") => address,
        _ => word,
    }
}

/// Control characters, and those of the Unicode Character Database that show nothing and so hide what is there
/// (`Default_Ignorable_Code_Point`), that turn text around (`Bidi_Control`), or that end a line.
pub(crate) fn is_unsafe(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The beginning of a text that others may have made as long as they like, and `...` if there was more. It stays on one
/// line, whatever they put into it.
#[must_use]
pub fn excerpt(text: &str) -> String {
    truncate(text, LONGEST_EXCERPT).replace(|c: char| c == '\n' || is_unsafe(c), "\u{fffd}")
}

/// The text up to so many characters without secrets, and `...` if there were more.
#[must_use]
pub fn truncate(text: &str, characters: usize) -> String {
    let looked_at = characters.saturating_mul(LONGEST_CHARACTER);
    let hidden = hide(text, looked_at);
    match hidden.char_indices().nth(characters).and_then(|(at, _)| hidden.split_at_checked(at)) {
        None if text.len() > looked_at => format!("{hidden}..."),
        None => hidden.into_owned(),
        Some((start, _)) => format!("{start}..."),
    }
}

/// Writes what [`sanitize`] makes of what it is given, a line or more at a time: for logs.
#[derive(Debug)]
pub struct Sanitizing<W>(pub W);

impl<W: Write> Write for Sanitizing<W> {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.0.write_all(sanitize(String::from_utf8_lossy(lines)).as_bytes())?;
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secrets;

    #[test]
    fn keeps_what_people_read_and_nothing_that_terminals_obey() {
        assert_eq!(sanitize("größer\n1. ok"), "größer\n1. ok");
        assert_eq!(sanitize("\u{1b}]0;x\u{7}\u{9b}31m\r\u{202e}y"), "\u{fffd}]0;x\u{fffd}\u{fffd}31m\u{fffd}\u{fffd}y");
    }

    #[test]
    fn nothing_passes_that_hides_turns_around_or_ends_a_line() {
        for c in
            "\u{ad}\u{61c}\u{180e}\u{200b}\u{2028}\u{2029}\u{85}\u{b}\u{c}\u{202e}\u{2060}\u{2066}\u{fe0f}\u{e0041}"
                .chars()
        {
            assert_eq!(sanitize(format!("a{c}b")), "a\u{fffd}b", "{c:?}");
            assert!(!sanitize_line(&format!("a{c}b")).contains(c), "{c:?}");
            assert_eq!(excerpt(&format!("a{c}b")), "a\u{fffd}b", "{c:?}");
        }
        assert_eq!(excerpt("a\nb"), "a\u{fffd}b");
        assert_eq!(sanitize("naïve 漢字 Ω é"), "naïve 漢字 Ω é");
    }

    #[test]
    fn shows_one_short_line_without_secrets() {
        assert_eq!(sanitize_line(" a\n\u{1b}[31mb\t\u{202e}c\u{feff} "), "a [31mb c");
        assert_eq!(sanitize_line("see https://s3.example/x?X-Amz-Signature=abc now"), "see https://s3.example/x now");
        assert_eq!(sanitize_line(&format!("Basic {} bad", "QVdTOg".repeat(99))), "Basic [...] bad");
        assert_eq!(sanitize_line(&"ab ".repeat(400)).len(), LONGEST_LINE + 3);
    }

    #[test]
    fn a_secret_is_hidden_before_a_text_is_cut_and_after_its_words_are_joined() {
        let secret = "th3 secret of\u{e9} 0thers";
        let _known = Secrets::of([secret]);
        for before in [0, 290, 299, 490, 499, 70_000] {
            let text = format!("{}{secret} {secret}", "a ".repeat(before / 2));
            for shown in [sanitize_line(&text), excerpt(&text), truncate(&text, 495), sanitize(text.as_str())] {
                assert!(!shown.contains("th3"), "{before}: {shown}");
            }
        }
        assert_eq!(sanitize_line("a th3  secret\n of\u{200b}\u{e9}\t0thers b"), "a [...] b");
        assert_eq!(sanitize_line("http://a/th3+secret+of%C3%A9+0thers?x=1"), "http://a/[...]");
        let mut log = Sanitizing(vec![]);
        log.write_all(format!("{secret}\u{1b}[31m\n").as_bytes()).unwrap();
        assert_eq!(String::from_utf8(log.0).unwrap(), "[...]\u{fffd}[31m\n");
    }

    #[test]
    fn cuts_between_characters() {
        assert_eq!(excerpt("short"), "short");
        assert_eq!(excerpt(&"ä".repeat(400)), format!("{}...", "ä".repeat(300)));
    }
}
