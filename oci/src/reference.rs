use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Digest;
use crate::text::{LONGEST_NAME, truncate};

/// A repository within a registry: `myapp/api`. No registry is ever implied.
///
/// The grammar is `<name>` of the OCI distribution specification, section "Pulling manifests"; the length is ECR's, at
/// most 256 characters (`repositoryName` of the CreateRepository API).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository(Arc<str>);

/// A tag: 1 to 128 characters of `<reference>` of the OCI distribution specification. There is no default.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(Arc<str>);

/// What names a manifest within a repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// By a name that may move.
    Tag(Tag),
    /// By its content.
    Digest(Digest),
}

/// A registry as it stands in front of an image's name: `111122223333.dkr.ecr.eu-west-1.amazonaws.com`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Registry(Arc<str>);

/// A reference to an image as people write it: `[registry/]repository[:tag][@digest]`.
///
/// The first part is a registry if it has a `.` or a `:`, or is `localhost`; that is the rule of Docker's references
/// (distribution/reference, `normalize.go`). Nothing is added that was not written: no registry, no `library/`, no
/// `latest`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageReference {
    /// The registry, if one was written.
    pub registry: Option<Registry>,
    /// The repository.
    pub repository: Repository,
    /// The tag, if one was written.
    pub tag: Option<Tag>,
    /// The digest, if one was written. It decides; a tag beside it is for people.
    pub digest: Option<Digest>,
}

/// Why a text is no repository, tag, registry or image reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidReference {
    text: String,
    expected: &'static str,
}

impl InvalidReference {
    fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.to_owned(), expected }
    }
}

impl fmt::Display for InvalidReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not {}", truncate(&self.text, LONGEST_NAME).escape_debug(), self.expected)
    }
}

impl std::error::Error for InvalidReference {}

impl FromStr for Repository {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        if text.len() <= 256 && text.split('/').all(is_path_component) {
            return Ok(Self(text.into()));
        }
        Err(InvalidReference::new(
            text,
            "a repository name: expected lowercase letters and digits, joined by `.`, `_`, `__`, `-` or `/`, at most 256 characters, \
             without a registry or a tag",
        ))
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_path_component(text: &str) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(is_word)
        && bytes.last().is_some_and(is_word)
        && bytes.split(is_word).all(|separator| {
            matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|byte| *byte == b'-')
        })
}

impl FromStr for Tag {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let bytes = text.as_bytes();
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let rest = |byte: &u8| is_word(byte) || matches!(byte, b'.' | b'-');
        if bytes.len() <= 128 && bytes.first().is_some_and(is_word) && bytes.iter().all(rest) {
            return Ok(Self(text.into()));
        }
        Err(InvalidReference::new(
            text,
            "a tag: expected 1 to 128 letters, digits, `_`, `.` or `-`, not beginning with `.` or `-`",
        ))
    }
}

impl FromStr for Registry {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
        if (1..=261).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.into()));
        }
        Err(InvalidReference::new(text, "a registry: expected a host name, and `:port` where there is one"))
    }
}

impl FromStr for ImageReference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let invalid_digest =
            |_| InvalidReference::new(text, "an image reference: `@` has to be followed by a SHA-256 digest");
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse().map_err(invalid_digest)?)),
            None => (text, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => (Some(first.parse()?), path),
            _ => (None, name),
        };
        let (repository, tag) = match path.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag.parse()?)),
            None => (path, None),
        };
        Ok(Self { registry, repository: repository.parse()?, tag, digest })
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.registry.iter().try_for_each(|registry| write!(f, "{registry}/"))?;
        write!(f, "{}", self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

macro_rules! text_type {
    ($type:ident) => {
        impl $type {
            /// The text as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

text_type!(Repository);
text_type!(Tag);
text_type!(Registry);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_the_specification_accepts() {
        for name in ["api", "myapp/api", "a.b_c__d-e---f/0", "x"] {
            assert_eq!(name.parse::<Repository>().unwrap().as_str(), name);
        }
        for tag in ["1.0.0-abc123", "_x", "A", &"t".repeat(128)] {
            assert_eq!(tag.parse::<Tag>().unwrap().as_str(), tag);
        }
    }

    #[test]
    fn refuses_the_rest_and_quotes_it() {
        let long = "a".repeat(257);
        for name in
            ["", "/", "a/", "/a", "a//b", "A", "a..b", "a___b", "a-", "-a", "a:1", "host.com:5000/a", "a b", "ä", &long]
        {
            assert!(name.parse::<Repository>().is_err(), "{name:?} was accepted");
        }
        for tag in ["", ".a", "-a", "a b", "a/b", "a+b", "ä", "latest:1", &"t".repeat(129)] {
            assert!(tag.parse::<Tag>().is_err(), "{tag:?} was accepted");
        }
        let error = "My\nApp".parse::<Repository>().unwrap_err().to_string();
        assert!(error.starts_with(r#""My\nApp" is not a repository name"#), "{error}");
    }

    #[test]
    fn image_references_are_written_as_they_are_read() {
        let digest = Digest::of(b"");
        for (text, registry, repository, tag) in [
            ("busybox", None, "busybox", None),
            ("busybox:1.36", None, "busybox", Some("1.36")),
            ("team/api:1", None, "team/api", Some("1")),
            ("localhost/api", Some("localhost"), "api", None),
            ("localhost:5000/api:1", Some("localhost:5000"), "api", Some("1")),
            ("[::1]:5000/api", Some("[::1]:5000"), "api", None),
            (
                "public.ecr.aws/docker/library/busybox:1.36",
                Some("public.ecr.aws"),
                "docker/library/busybox",
                Some("1.36"),
            ),
        ] {
            for digest in [None, Some(digest)] {
                let text = digest.map_or(text.to_owned(), |digest| format!("{text}@{digest}"));
                let image: ImageReference = text.parse().unwrap();
                let parts = (image.registry.as_ref().map(Registry::as_str), image.repository.as_str());
                assert_eq!(
                    (parts, image.tag.as_ref().map(Tag::as_str), image.digest),
                    ((registry, repository), tag, digest)
                );
                assert_eq!(image.to_string(), text);
            }
        }
        for text in ["", ":1", "@", "a@", "a@sha256:0", "a:1:2", "A", "host.example/", "https://host.example/a", "a b"]
        {
            assert!(text.parse::<ImageReference>().is_err(), "{text:?} was accepted");
        }
    }
}
