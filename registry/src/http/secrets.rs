use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Shorter ones are no secrets, and would be found in half of all words.
const SHORTEST: usize = 4;

/// What was shown to a server, and is not to be repeated from its answers: debugging pages, and proxies, repeat what
/// they were sent.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Arc<[String]>);

impl Secrets {
    /// What an `Authorization` header holds: its credentials, and the password among them.
    pub(crate) fn of_header(header: &str) -> Self {
        let credentials = header.split_once(' ').map_or(header, |(_, credentials)| credentials).trim();
        let decoded = STANDARD.decode(credentials).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let password = decoded.and_then(|text| text.split_once(':').map(|(_, password)| password.to_owned()));
        Self::of([Some(credentials.to_owned()), password].into_iter().flatten())
    }

    /// These.
    pub(crate) fn of(secrets: impl IntoIterator<Item = String>) -> Self {
        Self(secrets.into_iter().filter(|secret| secret.len() >= SHORTEST).collect())
    }

    /// A text without them.
    pub(super) fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "[...]"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_header_nor_password_is_repeated() {
        let secrets = Secrets::of_header("Basic YW5uOnMzY3JldA==");
        assert_eq!(secrets.hide("Basic YW5uOnMzY3JldA== is ann:s3cret"), "Basic [...] is ann:[...]");
        assert_eq!(Secrets::of_header("Bearer t0ken").hide("no t0ken"), "no [...]");
        assert_eq!(Secrets::of(["a".to_owned(), String::new()]).hide("banana"), "banana");
    }
}
