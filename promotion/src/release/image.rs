//! The images of a release, as files and events spell them.

use std::fmt;

use oci::{Digest, Platform, Repository, Tag};
use platform_names::PlatformName;
use serde::{Deserialize, Serialize};

use super::fields::{Fields, Lines, Problems};

/// An image as `deploy-manifest.json` asks for it: by its tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// The repository, of the same name in the source and in every target.
    pub repository: Repository,
    /// The tag, read in the source and written in every target.
    pub tag: Tag,
    /// The digest that the tag has to point to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The CloudFormation parameter that receives the pinned image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<Parameter>,
    /// The platforms that have to exist.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "platform_names::serialize")]
    pub platforms: Vec<Platform>,
}

/// An image of a file, and where it stands there.
pub(super) struct Written {
    pub(super) image: Image,
    pub(super) line: usize,
    pub(super) tag_line: usize,
    pub(super) parameter_line: usize,
}

impl Image {
    /// Reads an entry of a file. None if something is wrong with it, which is noted.
    pub(super) fn parse(lines: &Lines, entry: &str, number: usize, problems: &mut Problems) -> Option<Written> {
        let fields = Fields::read(lines, entry, format!(", image {number}"));
        let mut fields = fields.map_err(|problem| problems.push(problem)).ok()?;
        let before = problems.len();
        let [line, tag_line, parameter_line] = ["", "tag", "parameter"].map(|field| fields.line_of_field(field));
        let repository = fields.required("repository", problems);
        let tag = fields.required("tag", problems);
        let digest = fields.optional::<Option<Digest>>("digest", problems).flatten();
        let parameter = fields.optional::<Option<Parameter>>("parameter", problems).flatten();
        let platforms = fields.list::<PlatformName>("platforms", problems);
        fields.end(&["repository", "tag", "digest", "parameter", "platforms"], problems);
        let platforms = platforms.into_iter().map(|PlatformName(platform)| platform).collect();
        let image = Self { repository: repository?, tag: tag?, digest, parameter, platforms };
        (problems.len() == before).then_some(Written { image, line, tag_line, parameter_line })
    }

    /// This image, whose tag points to `digest`.
    pub(crate) fn pin(self, digest: Digest) -> PinnedImage {
        let Self { repository, tag, digest: _, parameter, platforms } = self;
        PinnedImage { repository, tag, digest, parameter, platforms }
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}

/// An image whose tag is pinned to a digest. The states of a pipeline pass lists of these on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedImage {
    /// The repository, in the source and in every target.
    pub repository: Repository,
    /// The tag.
    pub tag: Tag,
    /// What is promoted, wherever the tag in the source moves.
    pub digest: Digest,
    /// The CloudFormation parameter that receives the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<Parameter>,
    /// The platforms that have to exist. They are judged when the image is pinned, and not passed on.
    #[serde(default, skip_serializing, deserialize_with = "platform_names::deserialize")]
    pub platforms: Vec<Platform>,
}

impl fmt::Display for PinnedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}

/// The name of a CloudFormation parameter: letters and digits (AWS CloudFormation User Guide, "Parameters").
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Parameter(String);

impl Parameter {
    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Parameter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(Self(text));
        }
        Err(format!(
            "\"{}\" is not the name of a CloudFormation parameter: expected 1 to 255 letters and digits",
            text.escape_debug()
        ))
    }
}

impl From<Parameter> for String {
    fn from(parameter: Parameter) -> Self {
        parameter.0
    }
}

/// Platforms as a person writes them, `linux/arm64`, unlike the objects in an index.
mod platform_names {
    use oci::{InvalidPlatform, Platform};
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(try_from = "String")]
    pub(super) struct PlatformName(pub(super) Platform);

    impl TryFrom<String> for PlatformName {
        type Error = InvalidPlatform;

        fn try_from(text: String) -> Result<Self, InvalidPlatform> {
            text.parse().map(Self)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Platform>, D::Error> {
        let names = Vec::<PlatformName>::deserialize(deserializer)?;
        Ok(names.into_iter().map(|PlatformName(platform)| platform).collect())
    }

    pub(super) fn serialize<S: Serializer>(platforms: &[Platform], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(platforms.iter().map(ToString::to_string))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_image_is_passed_on_without_its_platforms_and_is_never_without_its_digest() {
        let digest = Digest::of(b"");
        let json = format!(
            r#"{{"repository":"a","tag":"1","digest":"{digest}","parameter":"P","platforms":["linux/arm64"]}}"#
        );
        let image: PinnedImage = serde_json::from_str(&json).unwrap();
        assert_eq!((image.digest, image.platforms[0].to_string()), (digest, "linux/arm64".into()));
        let passed_on = serde_json::to_string(&image).unwrap();
        assert_eq!(passed_on, json.replace(r#","platforms":["linux/arm64"]"#, ""));
        for wrong in [r#"{"repository":"a","tag":"1"}"#.into(), json.replace("parameter", "parameters")] {
            assert!(serde_json::from_str::<PinnedImage>(&wrong).is_err(), "{wrong}");
        }
    }
}
