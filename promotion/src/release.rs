use std::collections::HashMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{Error, Name, PinnedImage};
use oci::text::excerpt;
use oci::{Digest, Platform, Repository, Tag};

/// The largest `deploy-manifest.json` that is read, in bytes. A release of a thousand images needs about a fifth of it.
pub const MAX_RELEASE_BYTES: usize = 1 << 20;

/// What a deployment asks for: the images of `deploy-manifest.json`, at least one, no two alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    images: Vec<Image>,
    pinned: bool,
}

/// One image of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The repository, of the same name in the source and in every target.
    pub repository: Repository,
    /// The tag, read in the source and written in every target.
    pub tag: Tag,
    /// The digest that the tag has to point to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The CloudFormation parameter that receives the pinned image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<Parameter>,
    /// The platforms that have to exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "platform_names")]
    pub platforms: Vec<Platform>,
}

impl std::fmt::Display for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}

impl Release {
    /// Reads `deploy-manifest.json`.
    ///
    /// # Errors
    /// `InvalidManifest`, with the line, the image and the field, and what was expected there.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        if json.len() > MAX_RELEASE_BYTES {
            return Err(invalid(format!("it has {} bytes, and at most {MAX_RELEASE_BYTES} are read", json.len())));
        }
        let text = std::str::from_utf8(json)
            .map_err(|error| invalid(format!("it is not UTF-8 from byte {} on", error.valid_up_to())))?;
        let entries: Entries<'_> = serde_json::from_str(text).map_err(|error| invalid(excerpt(&error.to_string())))?;
        if entries.images.is_empty() {
            return Err(invalid("\"images\" is empty: list at least one image, or leave the file out".into()));
        }
        let mut images = Vec::with_capacity(entries.images.len());
        let mut seen = Seen::default();
        for (entry, number) in entries.images.iter().zip(1..) {
            let line = line_of(text, entry.get());
            let image = parse_image(entry.get(), number, line)?;
            seen.add(&image, number, line)?;
            images.push(image);
        }
        Ok(Self { images, pinned: false })
    }

    /// A release whose tags were pinned before. What the tags point to by now is not asked again.
    ///
    /// # Errors
    /// `InvalidInput` if the list is empty, holds an image twice, or holds one without a digest.
    pub fn pinned(images: Vec<Image>) -> Result<Self, Error> {
        let wrong = |what: String| Err(Error::new(Name::InvalidInput, format!("the pinned images are wrong: {what}")));
        if images.is_empty() {
            return wrong("the list is empty".into());
        }
        let mut seen = std::collections::HashSet::new();
        for image in &images {
            if image.digest.is_none() {
                return wrong(format!("{image} has no digest"));
            }
            if !seen.insert((&image.repository, &image.tag)) {
                return wrong(format!("{image} stands there twice"));
            }
        }
        Ok(Self { images, pinned: true })
    }

    /// The release of images that were pinned already.
    pub(crate) fn of(images: &[PinnedImage]) -> Self {
        let images = images.iter().map(|image| Image {
            repository: image.repository.clone(),
            tag: image.tag.clone(),
            digest: Some(image.digest),
            parameter: image.parameter.clone(),
            platforms: vec![],
        });
        Self { images: images.collect(), pinned: true }
    }

    /// The images, in the order of the file.
    #[must_use]
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// Whether the digests stand, whatever the tags point to by now.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.pinned
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entries<'a> {
    #[serde(borrow)]
    images: Vec<&'a RawValue>,
}

fn invalid(what: String) -> Error {
    Error::new(Name::InvalidManifest, format!("deploy-manifest.json: {what}"))
}

fn parse_image(json: &str, number: usize, line: usize) -> Result<Image, Error> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let line = line + error.inner().line().saturating_sub(1);
        let field = match error.path().to_string() {
            path if path == "." => String::new(),
            path => format!(", field \"{path}\""),
        };
        let what = error.inner().to_string();
        // The position within the image would contradict the line within the file.
        let what = what.split(" at line ").next().unwrap_or_default();
        invalid(format!("line {line}, image {number}{}: {}", excerpt(&field), excerpt(what)))
    })
}

/// The line, from 1, on which `part` begins, which is a part of `text`.
fn line_of(text: &str, part: &str) -> usize {
    let offset = part.as_ptr().addr() - text.as_ptr().addr();
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

#[derive(Default)]
struct Seen {
    images: HashMap<(Repository, Tag), (usize, usize)>,
    parameters: HashMap<Parameter, (usize, usize)>,
}

impl Seen {
    fn add(&mut self, image: &Image, number: usize, line: usize) -> Result<(), Error> {
        let twice = |field: &str, what: &str, (first, first_line): (usize, usize)| {
            Err(invalid(format!(
                "line {line}, image {number}, field \"{field}\": {what} stands already in image {first} on line {first_line}"
            )))
        };
        let name = (image.repository.clone(), image.tag.clone());
        if let Some(first) = self.images.insert(name, (number, line)) {
            return twice("tag", &image.to_string(), first);
        }
        if let Some(parameter) = &image.parameter
            && let Some(first) = self.parameters.insert(parameter.clone(), (number, line))
        {
            return twice("parameter", parameter.as_str(), first);
        }
        Ok(())
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
    use oci::InvalidPlatform;

    use super::{Deserialize, Deserializer, Platform, Serializer};

    #[derive(Deserialize)]
    #[serde(try_from = "String")]
    struct PlatformName(Platform);

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

    fn refusal(json: &str) -> String {
        let error = Release::parse(json.as_bytes()).unwrap_err();
        assert_eq!(error.name(), Name::InvalidManifest);
        error.to_string()
    }

    #[test]
    fn reads_the_original_two_fields_and_the_optional_ones() {
        let digest = Digest::of(b"x");
        let json = format!(
            r#"{{ "images": [
                {{ "repository": "myapp/api", "tag": "1.0.0-abc123" }},
                {{ "repository": "myapp/web", "tag": "1", "digest": "{digest}", "parameter": "WebImage", "platforms": ["linux/arm64", "linux/arm/v7"] }}
            ] }}"#
        );
        let release = Release::parse(json.as_bytes()).unwrap();
        assert_eq!(release.images()[0].to_string(), "myapp/api:1.0.0-abc123");
        let web = &release.images()[1];
        assert_eq!((web.digest, web.parameter.as_ref().map(Parameter::as_str)), (Some(digest), Some("WebImage")));
        assert_eq!(web.platforms[1].to_string(), "linux/arm/v7");
        let again = serde_json::to_string(web).unwrap();
        assert_eq!(serde_json::from_str::<Image>(&again).unwrap(), *web);
    }

    #[test]
    fn what_is_quoted_is_cut() {
        let long = "x".repeat(100_000);
        for json in [
            format!(r#"{{"images":[{{"repository":"a","tag":"1","{long}":1}}]}}"#),
            format!(r#"{{"images":[{{"repository":"a","tag":{{"{long}":1}}}}]}}"#),
            format!(r#"{{"{long}":1}}"#),
            format!(r#"{{"images":"{long}"}}"#),
        ] {
            assert!(refusal(&json).len() < 1_000, "{}", refusal(&json).len());
        }
    }

    #[test]
    fn names_the_field_the_image_and_the_line() {
        let second = |image: &str| {
            format!(
                "{{\n \"images\": [\n  {{\"repository\": \"a\", \"tag\": \"1\", \"parameter\": \"P\"}},\n  {image}\n ]\n}}"
            )
        };
        for (image, expected) in [
            ("{\"repository\": \"b\",\n \"tag\": \"-\"}", "line 5, image 2, field \"tag\": \"-\" is not a tag"),
            (r#"{"repository": "B", "tag": "1"}"#, "line 4, image 2, field \"repository\": \"B\" is not a repository"),
            (r#"{"repository": "b", "tag": "1", "tags": []}"#, "line 4, image 2, field \"tags\": unknown field `tags`"),
            (r#"{"repository": "b"}"#, "line 4, image 2: missing field `tag`"),
            (r#"{"repository": "b", "tag": 1}"#, "line 4, image 2, field \"tag\": invalid type: integer"),
            (r#"{"repository": "b", "tag": "1", "tag": "2"}"#, "line 4, image 2: duplicate field `tag`"),
            (
                r#"{"repository": "b", "tag": "1", "digest": "sha256:0"}"#,
                "line 4, image 2, field \"digest\": \"sha256:0\" is not a digest",
            ),
            (
                r#"{"repository": "b", "tag": "1", "platforms": ["linux"]}"#,
                "line 4, image 2, field \"platforms[0]\": \"linux\" is not a platform",
            ),
            (
                r#"{"repository": "b", "tag": "1", "parameter": "a-b"}"#,
                "line 4, image 2, field \"parameter\": \"a-b\" is not the name",
            ),
            (
                r#"{"repository": "b", "tag": "1", "parameter": "P"}"#,
                "line 4, image 2, field \"parameter\": P stands already in image 1 on line 3",
            ),
            (
                r#"{"repository": "a", "tag": "1"}"#,
                "line 4, image 2, field \"tag\": a:1 stands already in image 1 on line 3",
            ),
            (r#""a:1""#, "line 4, image 2: invalid type: string"),
        ] {
            let refusal = refusal(&second(image));
            assert!(refusal.starts_with(&format!("deploy-manifest.json: {expected}")), "{image}\n{refusal}");
        }
    }

    #[test]
    fn refuses_what_is_no_list_of_images() {
        for (json, expected) in [
            ("", "EOF while parsing"),
            ("{", "EOF while parsing"),
            ("[]", "invalid"),
            ("{}", "missing field `images`"),
            (r#"{"images": []}"#, "is empty"),
            ("{\"images\": [],\n \"image\": 1}", "unknown field `image`, expected `images` at line 2"),
            (r#"{"images": [{"repository":"a","tag":"1"}]} x"#, "trailing characters at line 1"),
        ] {
            let refusal = refusal(json);
            assert!(refusal.contains(expected), "{json}\n{refusal}");
        }
        assert!(
            Release::parse(b"{\"images\": [\"\xff\"]}").unwrap_err().to_string().contains("not UTF-8 from byte 13")
        );
        assert!(Release::parse(&vec![b' '; MAX_RELEASE_BYTES + 1]).unwrap_err().to_string().contains("at most"));
    }

    #[test]
    fn pinned_images_all_have_a_digest() {
        let image = |digest| Image {
            repository: "a".parse().unwrap(),
            tag: "1".parse().unwrap(),
            digest,
            parameter: None,
            platforms: vec![],
        };
        let whole = image(Some(Digest::of(b"")));
        assert!(Release::pinned(vec![whole.clone()]).unwrap().is_pinned());
        for wrong in [vec![], vec![image(None)], vec![whole.clone(), whole]] {
            assert_eq!(Release::pinned(wrong).unwrap_err().name(), Name::InvalidInput);
        }
    }
}
