use promotion::Error;

use crate::Diagnostic;

/// The longest message that is answered, in bytes of JSON. Step Functions cuts the cause of an error at 32,768
/// characters (`cause` of the ExecutionFailed event in its API), and an error message travels on in the state, which
/// has 256 KiB.
const MAX_BYTES: usize = 24_000;

/// The answer to an invocation that failed: the stable name, and the message that says what to change.
#[must_use]
pub fn diagnostic(error: &Error) -> Diagnostic {
    Diagnostic { error_type: error.name().as_str().to_owned(), error_message: capped(error.to_string()) }
}

fn capped(message: String) -> String {
    // How much longer a character gets within a JSON string.
    let length = |c: char| match c {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        c if c.is_control() => 6,
        c => c.len_utf8(),
    };
    let mut bytes = 0;
    let cut = message.char_indices().find(|(_, c)| {
        bytes += length(*c);
        bytes > MAX_BYTES
    });
    match cut.and_then(|(at, _)| message.split_at_checked(at)) {
        None => message,
        Some((start, rest)) => {
            format!("{start}\n... ({} more characters: the log of the function has all)", rest.chars().count())
        }
    }
}

#[cfg(test)]
mod tests {
    use promotion::Name;

    use super::*;

    #[test]
    fn every_name_is_the_error_type() {
        for name in Name::ALL {
            let answer = diagnostic(&Error::new(name, "what to change"));
            assert_eq!(
                serde_json::to_value(&answer).unwrap(),
                serde_json::json!({ "errorType": name.as_str(), "errorMessage": "what to change" })
            );
        }
    }

    #[test]
    fn a_long_message_is_cut_so_that_its_json_fits_and_says_so() {
        for piece in ["\"", "\n", "ä", "\u{1}", "x"] {
            let answer = diagnostic(&Error::new(Name::PullFailed, "these:").listing(vec![piece.repeat(15_000); 4]));
            let json = serde_json::to_string(&answer).unwrap();
            assert!(json.len() < 32_768, "{piece:?}: {}", json.len());
            assert!(answer.error_message.ends_with("more characters: the log of the function has all)"));
        }
        assert_eq!(capped("x".repeat(MAX_BYTES)).len(), MAX_BYTES);
    }
}
