/// The longest text of a registry that is worth repeating: a denial of AWS names two ARNs and its reason after them.
const LONGEST: usize = 500;
/// No word that helps a reader is longer than this; a token is.
const LONGEST_WORD: usize = 200;

/// What a registry said, fit for a message: on one line, short, without control characters, the queries of URLs or long tokens.
pub(crate) fn sanitize(text: &str) -> String {
    let mut shown = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !shown.is_empty() {
            shown.push(' ');
        }
        if word.len() > LONGEST_WORD {
            shown.push_str("[...]");
        } else if let (true, Some((address, _))) = (word.contains("://"), word.split_once('?')) {
            shown.push_str(address);
        } else {
            // Characters that turn text around are no control characters, yet no help either.
            shown.extend(
                word.chars().filter(
                    |c| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'),
                ),
            );
        }
    }
    cut(shown, LONGEST)
}

/// The beginning of a text, of so many characters, and that it was cut.
pub(super) fn cut(text: String, longest: usize) -> String {
    match text.char_indices().nth(longest).and_then(|(at, _)| text.split_at_checked(at)) {
        None => text,
        Some((start, _)) => format!("{start}..."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_one_short_line_without_secrets() {
        assert_eq!(sanitize(" a\n\u{1b}[31mb\t\u{202e}c "), "a [31mb c");
        assert_eq!(sanitize("see https://s3.example/x?X-Amz-Signature=abc now"), "see https://s3.example/x now");
        assert_eq!(sanitize(&format!("Basic {} bad", "QVdTOg".repeat(99))), "Basic [...] bad");
        assert_eq!(sanitize(&"ab ".repeat(400)).len(), LONGEST + 3);
    }
}
