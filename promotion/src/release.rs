//! What a deployment asks for: the images of `deploy-manifest.json`, or those that were pinned before.

mod image;

use std::collections::{HashMap, HashSet};

pub use image::{Image, Parameter, PinnedImage};
use oci::text::excerpt;
use oci::{Repository, Tag};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Error, Name};

/// The largest `deploy-manifest.json` that is read, in bytes. A release of a thousand images needs about a fifth of it.
pub const MAX_RELEASE_BYTES: usize = 1 << 20;

/// What a deployment asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// What the tags of the source point to.
    Tagged(Images<Image>),
    /// Digests, wherever the tags of the source point by now.
    Pinned(Images<PinnedImage>),
}

/// At least one image, no two of the same repository and tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images<I>(Vec<I>);

impl<I> std::ops::Deref for Images<I> {
    type Target = [I];

    fn deref(&self) -> &[I] {
        &self.0
    }
}

impl<I> From<Images<I>> for Vec<I> {
    fn from(Images(images): Images<I>) -> Self {
        images
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
        Ok(Self::Tagged(Images(images)))
    }

    /// A release whose tags were pinned before: the source is not asked what they point to.
    ///
    /// # Errors
    /// `InvalidInput` if the list is empty, or holds an image twice.
    pub fn pinned(images: Vec<PinnedImage>) -> Result<Self, Error> {
        let wrong = |what: String| Err(Error::new(Name::InvalidInput, format!("the pinned images are wrong: {what}")));
        if images.is_empty() {
            return wrong("the list is empty".into());
        }
        let mut seen = HashSet::new();
        if let Some(twice) = images.iter().find(|image| !seen.insert((&image.repository, &image.tag))) {
            return wrong(format!("{twice} is listed twice"));
        }
        Ok(Self::Pinned(Images(images)))
    }

    /// What a release was pinned to, once its rules are judged: the platforms are not asked for again.
    pub(crate) fn judged(images: &[PinnedImage]) -> Self {
        Self::Pinned(Images(images.iter().map(|image| PinnedImage { platforms: vec![], ..image.clone() }).collect()))
    }

    /// The repositories and tags, in the order of the file.
    pub(crate) fn tags(&self) -> Vec<(Repository, Tag)> {
        match self {
            Self::Tagged(images) => images.iter().map(|image| (image.repository.clone(), image.tag.clone())).collect(),
            Self::Pinned(images) => images.iter().map(|image| (image.repository.clone(), image.tag.clone())).collect(),
        }
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
                "line {line}, image {number}, field \"{field}\": {what} is already in image {first} on line {first_line}"
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

#[cfg(test)]
mod tests {
    use oci::Digest;

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
        let Release::Tagged(images) = Release::parse(json.as_bytes()).unwrap() else { panic!("no tags") };
        assert_eq!(images[0].to_string(), "myapp/api:1.0.0-abc123");
        let web = &images[1];
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
                "line 4, image 2, field \"parameter\": P is already in image 1 on line 3",
            ),
            (
                r#"{"repository": "a", "tag": "1"}"#,
                "line 4, image 2, field \"tag\": a:1 is already in image 1 on line 3",
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
    fn pinned_images_are_some_and_distinct() {
        let image = |digest| Image {
            repository: "a".parse().unwrap(),
            tag: "1".parse().unwrap(),
            digest,
            parameter: None,
            platforms: vec!["linux/arm64".parse().unwrap()],
        };
        let one = image(None).pin(Digest::of(b""));
        assert_eq!(one, image(Some(Digest::of(b"other"))).pin(Digest::of(b"")));
        let Release::Pinned(images) = Release::pinned(vec![one.clone()]).unwrap() else { panic!("not pinned") };
        assert_eq!(*images, *std::slice::from_ref(&one));
        let Release::Pinned(judged) = Release::judged(&images) else { panic!("not pinned") };
        assert!(judged[0].platforms.is_empty() && judged[0].digest == one.digest);
        for wrong in [vec![], vec![one.clone(), one]] {
            assert_eq!(Release::pinned(wrong).unwrap_err().name(), Name::InvalidInput);
        }
    }
}
