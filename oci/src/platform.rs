use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// An operating system and architecture, `linux/arm64` or `linux/arm/v7`, in the words of Go's GOOS and GOARCH
/// (`image-index.md` of the OCI image specification, property `platform`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct Platform {
    /// `linux`, `windows`, ...
    pub os: Box<str>,
    /// `amd64`, `arm64`, ...
    pub architecture: Box<str>,
    /// `v7`, `v8`, ... where one is given.
    pub variant: Option<Box<str>>,
}

impl Platform {
    /// Whether an image for `self` is what a person who asked for `wanted` gets: a variant counts only when it was
    /// asked for.
    #[must_use]
    pub fn satisfies(&self, wanted: &Self) -> bool {
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && (wanted.variant.is_none() || self.variant == wanted.variant)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

/// Why a text is no [`Platform`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPlatform(String);

impl fmt::Display for InvalidPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not a platform: expected, say, linux/arm64 or linux/arm/v7", self.0.escape_debug())
    }
}

impl std::error::Error for InvalidPlatform {}

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, InvalidPlatform> {
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let mut words = text.split('/');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(os), Some(architecture), variant, None)
                if [os, architecture].into_iter().chain(variant).all(is_word) =>
            {
                Ok(Self { os: os.into(), architecture: architecture.into(), variant: variant.map(Into::into) })
            }
            _ => Err(InvalidPlatform(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_counts_only_when_it_is_asked_for() {
        let [any, v7, v6] = ["linux/arm", "linux/arm/v7", "linux/arm/v6"].map(|text| text.parse::<Platform>().unwrap());
        assert!(v7.satisfies(&any) && v7.satisfies(&v7));
        assert!(!v6.satisfies(&v7) && !any.satisfies(&v7));
    }

    #[test]
    fn is_written_as_it_is_read() {
        for text in ["linux/amd64", "linux/arm/v7", "windows/amd64"] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), text);
        }
        for text in ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux/a b"] {
            let refusal = text.parse::<Platform>().unwrap_err().to_string();
            assert!(refusal.starts_with(&format!("\"{text}\" is not a platform")), "{refusal}");
        }
    }
}
