//! Names: registries, ARNs, repositories, tags, and the wildcards AWS uses in policies and filters.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One ECR registry: an account in a region. Written `111122223333/eu-west-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryId {
    /// The 12-digit account.
    pub account: String,
    /// The region.
    pub region: String,
}

impl RegistryId {
    /// Names a registry; the account is not checked here.
    #[must_use]
    pub fn new(account: &str, region: &str) -> Self {
        Self { account: account.to_owned(), region: region.to_owned() }
    }

    /// The ARN of a repository; `*` names all of them.
    #[must_use]
    pub fn repository_arn(&self, repository: &str) -> String {
        let (partition, Self { account, region }) = (partition(&self.region), self);
        format!("arn:{partition}:ecr:{region}:{account}:repository/{repository}")
    }
}

impl fmt::Display for RegistryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

impl FromStr for RegistryId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((account, region)) if is_account(account) && is_region(region) => Ok(Self::new(account, region)),
            _ => Err(format!("`{text}` is not ACCOUNT/REGION, such as 111122223333/eu-west-1")),
        }
    }
}

impl Serialize for RegistryId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RegistryId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_region(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

pub(crate) fn partition(region: &str) -> &'static str {
    match region {
        r if r.starts_with("cn-") => "aws-cn",
        r if r.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// 2 to 256 characters; lower-case words of letters and digits with `.`, `_`, `-` inside, parted by `/`.
pub(crate) fn is_repository(name: &str) -> bool {
    let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let word = |word: &str| {
        word.bytes().all(|b| inside(b) || matches!(b, b'.' | b'_' | b'-'))
            && word.bytes().next().is_some_and(inside)
            && word.bytes().last().is_some_and(inside)
    };
    (2..=256).contains(&name.len()) && name.split('/').all(word)
}

/// 1 to 300 characters (the service model), of what OCI allows in a tag. A `+` is refused, as by ECR
/// (bazel-contrib/rules_oci#720).
pub(crate) fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=300).contains(&tag.len())
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'))
}

/// Whether `text` matches `pattern`, in which `*` stands for any run of characters and `?` for one.
pub(crate) fn wildcard(pattern: &str, text: &str) -> bool {
    let mut patterns = pattern.chars();
    match patterns.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = patterns.as_str();
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().any(|at| text.get(at..).is_some_and(|tail| wildcard(rest, tail)))
        }
        Some(wanted) => {
            let mut chars = text.chars();
            chars.next().is_some_and(|c| (wanted == '?' || wanted == c) && wildcard(patterns.as_str(), chars.as_str()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        assert!(wildcard("*", ""));
        assert!(wildcard("ecr:Batch*", "ecr:BatchGetImage"));
        assert!(wildcard("sha256-*", "sha256-ab.sig"));
        assert!(wildcard("v?.*-rc", "v1.2-rc"));
        assert!(!wildcard("v1", "v12"));
        assert!(!wildcard("a*b", "abc"));
    }

    #[test]
    fn names() {
        assert!(is_repository("team/app.one"));
        assert!(!is_repository("Team/app"));
        assert!(!is_repository("a"));
        assert!(!is_repository("team//app"));
        assert!(is_tag("1.0.0-abc"));
        assert!(!is_tag("1.0+abc"));
        assert_eq!("111122223333/eu-west-1".parse(), Ok(RegistryId::new("111122223333", "eu-west-1")));
        assert!("1/eu-west-1".parse::<RegistryId>().is_err());
    }
}
