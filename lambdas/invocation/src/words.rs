//! The words of an event, valid once they are parsed.

use std::fmt;

use oci::Secrets;
use oci::text::truncate;
use serde::Deserialize;
use serde_json::Value;

macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $is_valid:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The text as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(&text) {
                    return Ok(Self(text));
                }
                Err(format!("\"{}\" is not {}", truncate(&text, 100).escape_debug(), $expected))
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> Self {
                word.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    };
}

word!(
    /// An AWS account.
    Account,
    registry::is_account_id,
    "an AWS account: expected twelve digits"
);

word!(
    /// An AWS region.
    Region,
    |text| (4..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && text.split('-').count() >= 3
        && text.split('-').all(|part| !part.is_empty())
        && text.ends_with(|last: char| last.is_ascii_digit()),
    "an AWS region: expected, say, eu-west-1"
);

word!(
    /// An environment that is deployed to. It is part of file and parameter names.
    Env,
    is_file_word,
    "an environment: expected 1 to 64 letters, digits, `-`, `_` or `.`, beginning with a letter or digit"
);

word!(
    /// The name of a further stack of the same release.
    TemplateName,
    is_file_word,
    "the name of a template: expected 1 to 64 letters, digits, `-`, `_` or `.`, beginning with a letter or digit"
);

word!(
    /// The name of an IAM role, with its path if it has one (`RoleName` and `Path` of the IAM API).
    RoleName,
    |text| (1..=576).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte))
        && !text.ends_with('/')
        && !text.contains("//"),
    "the name of a role: expected its name, with its path if it has one, not its ARN"
);

word!(
    /// Any text that is not empty.
    Text,
    |text| (1..=1024).contains(&text.len()) && !text.chars().any(char::is_control),
    "a usable text: expected 1 to 1024 characters without control characters"
);

fn is_file_word(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// What a role may ask for before it lets itself be assumed. IAM does not count it as a secret, but no log has a use
/// for it, so it is never printed, not even when it is wrong.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ExternalId(String);

impl ExternalId {
    /// What no message may repeat of what an event gives as one, which may be no external id.
    pub(crate) fn secrets(given: &Value) -> Secrets {
        let text = match given {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        registry::external_id_secrets(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ExternalId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&byte);
        if (2..=1224).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text));
        }
        Err("not an external id: expected 2 to 1224 letters, digits and characters of `_+=,.@:/-`")
    }
}

impl fmt::Debug for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExternalId(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_aws_takes_and_quotes_the_rest() {
        for region in ["eu-west-1", "us-gov-west-1", "eusc-de-east-1", "ap-southeast-2"] {
            assert!(Region::try_from(region.to_owned()).is_ok(), "{region}");
        }
        for region in ["", "eu", "Ireland", "eu-west", "eu--1", "eu-west-1/"] {
            assert!(Region::try_from(region.to_owned()).is_err(), "{region}");
        }
        for role in ["Promoter", "/ci/promoter", "a+b@c"] {
            assert!(RoleName::try_from(role.to_owned()).is_ok(), "{role}");
        }
        for role in ["", "arn:aws:iam::111122223333:role/x", "a/", "//a", "a b"] {
            assert!(RoleName::try_from(role.to_owned()).is_err(), "{role}");
        }
        for env in ["", "../x", "a/b", ".a", "-a"] {
            assert!(Env::try_from(env.to_owned()).is_err(), "{env}");
        }
        let refusal = Account::try_from("1234\n".to_owned()).unwrap_err();
        assert_eq!(refusal, r#""1234\n" is not an AWS account: expected twelve digits"#);
    }

    #[test]
    fn an_external_id_is_never_printed() {
        let id = ExternalId::try_from("hush-hush".to_owned()).unwrap();
        assert_eq!(format!("{id:?}"), "ExternalId(..)");
        assert!(!ExternalId::try_from("hush hush".to_owned()).unwrap_err().contains("hush"));
    }
}
