use serde::{Deserialize, Deserializer};

use crate::{Descriptor, Digest};

/// An entry of a list of manifests: a [`Descriptor`], or one whose digest is in an algorithm other than SHA-256
/// (section "Digests" of `descriptor.md`), which is known by its digest only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedDescriptor(Result<Descriptor, Box<str>>);

impl ListedDescriptor {
    /// The descriptor.
    ///
    /// # Errors
    /// The digest, of an algorithm other than SHA-256.
    pub fn into_descriptor(self) -> Result<Descriptor, Box<str>> {
        self.0
    }
}

impl<'de> Deserialize<'de> for ListedDescriptor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ListedAs { media_type, digest, size, platform } = ListedAs::deserialize(deserializer)?;
        Ok(Self(match digest.parse::<Digest>() {
            Ok(digest) => Ok(Descriptor { media_type, digest, size, platform }),
            Err(_) if is_of_another_algorithm(&digest) => Err(digest),
            Err(invalid) => return Err(serde::de::Error::custom(invalid)),
        }))
    }
}

/// A [`Descriptor`] with whatever stands for its digest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedAs {
    media_type: Box<str>,
    digest: Box<str>,
    size: u64,
    #[serde(default, deserialize_with = "crate::platform::said")]
    platform: Option<crate::Platform>,
}

/// The grammar of digests, for all algorithms but the one that is known.
fn is_of_another_algorithm(digest: &str) -> bool {
    let Some((algorithm, encoded)) = digest.split_once(':') else { return false };
    let is_of = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    algorithm != "sha256" && is_of(algorithm, "+._-") && is_of(encoded, "=_-")
}
