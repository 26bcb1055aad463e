use std::fmt::Display;

/// No message about one thing is longer than this, in characters.
const LONGEST: usize = 20_000;

/// Holds a message to what every message promises: it fits a log, and nothing in it is obeyed by a terminal.
pub fn assert_fit(message: impl Display) {
    let message = message.to_string();
    assert!(!message.is_empty(), "nothing is said");
    assert!(message.chars().count() <= LONGEST, "{} bytes are said", message.len());
    let harmful =
        |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!message.contains(harmful), "{message:?}");
}
