use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::Secrets;

/// The value of `Authorization` with a user and a password (RFC 7617).
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// What opens a registry. `from` says where it was found, such as `~/.docker/config.json`, for messages.
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are what they are called")]
pub enum Login {
    /// Nothing: what is public.
    Anonymous,
    /// A user and a password, or what a registry calls so.
    Basic { user: String, password: String, from: String },
    /// A refresh token that buys access tokens (`identitytoken` in Docker's configuration).
    IdentityToken { token: String, from: String },
}

impl Login {
    /// What no message may repeat of it.
    pub(super) fn secrets(&self) -> Secrets {
        match self {
            Self::Anonymous => Secrets::default(),
            Self::Basic { user, password, .. } => Secrets::of_header(&basic(user, password)),
            Self::IdentityToken { token, .. } => Secrets::of([token.clone()]),
        }
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Basic { user, from, .. } => write!(f, "user {user} of {from}"),
            Self::IdentityToken { from, .. } => write!(f, "the identity token of {from}"),
        }
    }
}

/// Never shows a secret.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_never_shown() {
        let from = "~/.docker/config.json".to_owned();
        let secret = "s3cret".to_owned();
        let basic = Login::Basic { user: "ann".into(), password: secret.clone(), from: from.clone() };
        for login in [basic, Login::IdentityToken { token: secret, from }] {
            let shown = format!("{login} {login:?}");
            assert!(!shown.contains("s3cret") && shown.contains("config.json"), "{shown}");
        }
    }
}
