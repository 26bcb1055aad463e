//! What a deployment asks for: the images of `deploy-manifest.json`, or those that were pinned before.

mod fields;
mod image;

use std::collections::{HashMap, HashSet};

use fields::{Fields, Lines, Problems};
use image::Written;
pub use image::{Image, Parameter, PinnedImage};
use oci::text::excerpt;
use oci::{Repository, Tag};
use serde::de::IgnoredAny;

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
    /// Reads a `deploy-manifest.json`.
    ///
    /// # Errors
    /// `InvalidManifest`, with each line, image and field, and what was expected there.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        Self::parse_file("deploy-manifest.json", json)
    }

    /// The same of a file that has another name.
    ///
    /// # Errors
    /// Those of [`Release::parse`].
    pub fn parse_file(name: &str, json: &[u8]) -> Result<Self, Error> {
        let images = text(json).map_err(|what| vec![what]).and_then(entries);
        images.map(|images| Self::Tagged(Images(images))).map_err(|problems| invalid(name, problems))
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

/// So many problems of a file are listed, as far as they are no longer than this together, in bytes.
const LISTED: usize = 100;
const LISTED_BYTES: usize = 12_000;

fn invalid(name: &str, mut problems: Problems) -> Error {
    if let [problem] = problems.as_slice() {
        return Error::new(Name::InvalidManifest, format!("{name}: {problem}"));
    }
    let count = problems.len();
    let mut bytes = 0;
    let fits = |problem: &&String| {
        bytes += problem.len();
        bytes <= LISTED_BYTES
    };
    let listed = problems.iter().take(LISTED).take_while(fits).count();
    if listed < count {
        problems.truncate(listed);
        problems.push(format!("and {} more", count - listed));
    }
    Error::new(Name::InvalidManifest, format!("{name}: {count} problems:")).listing(problems)
}

/// What is wrong with a file of JSON that begins with a byte order mark, which no message about JSON shows: it is UTF-8,
/// and no mark is added to it (RFC 8259, section 8.1).
#[must_use]
pub fn byte_order_mark(json: &[u8]) -> Option<String> {
    let encoding = match json {
        [0xEF, 0xBB, 0xBF, ..] => "UTF-8",
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => "UTF-16",
        _ => return None,
    };
    Some(format!("it begins with the byte order mark (BOM) of {encoding}: save it as UTF-8 without BOM"))
}

/// The text of a file.
fn text(json: &[u8]) -> Result<&str, String> {
    if json.len() > MAX_RELEASE_BYTES {
        return Err(format!("it has {} bytes, and at most {MAX_RELEASE_BYTES} are read", json.len()));
    }
    if let Some(mark) = byte_order_mark(json) {
        return Err(mark);
    }
    std::str::from_utf8(json).map_err(|error| format!("it is not UTF-8 from byte {} on", error.valid_up_to()))
}

/// The images of a file, or all that is wrong with it.
fn entries(text: &str) -> Result<Vec<Image>, Problems> {
    // What is no JSON has one mistake that can be found.
    let () = serde_json::from_str::<IgnoredAny>(text).map(drop).map_err(|error| vec![excerpt(&error.to_string())])?;
    let lines = Lines::new(text);
    let mut file = Fields::read(&lines, text.trim_start(), String::new()).map_err(|problem| vec![problem])?;
    let mut problems = Problems::new();
    let line = file.line_of_field("images");
    let entries = file.required_entries("images", &mut problems);
    if entries.as_ref().is_some_and(Vec::is_empty) {
        let what = "it is empty: list at least one image, or leave the file out";
        problems.push(file.problem(line, "images", what));
    }
    file.end(&["images"], &mut problems);
    let mut images = Vec::new();
    let mut seen = Seen::default();
    for (entry, number) in entries.unwrap_or_default().into_iter().zip(1..) {
        let Some(written) = Image::parse(&lines, entry, number, &mut problems) else { continue };
        seen.add(&written, number, &mut problems);
        images.push(written.image);
    }
    if problems.is_empty() { Ok(images) } else { Err(problems) }
}

/// What was seen where: the number of the image, and the line.
#[derive(Default)]
struct Seen {
    images: HashMap<(Repository, Tag), (usize, usize)>,
    parameters: HashMap<Parameter, (usize, usize)>,
}

impl Seen {
    fn add(&mut self, written: &Written, number: usize, problems: &mut Problems) {
        let Written { image, line, tag_line, parameter_line } = written;
        let mut twice = |line: &usize, field: &str, what: &str, (first, first_line): (usize, usize)| {
            problems.push(format!(
                "line {line}, image {number}, field \"{field}\": {what} is already in image {first} on line {first_line}"
            ));
        };
        let name = (image.repository.clone(), image.tag.clone());
        let first = *self.images.entry(name).or_insert((number, *line));
        if first.0 != number {
            twice(tag_line, "tag", &image.to_string(), first);
        }
        if let Some(parameter) = &image.parameter {
            let first = *self.parameters.entry(parameter.clone()).or_insert((number, *parameter_line));
            if first.0 != number {
                twice(parameter_line, "parameter", parameter.as_str(), first);
            }
        }
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
        let again = format!(r#"{{"images":[{}]}}"#, serde_json::to_string(web).unwrap());
        let Release::Tagged(again) = Release::parse(again.as_bytes()).unwrap() else { panic!("no tags") };
        assert_eq!(again[0], *web);
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
            (
                r#"{"repository": "b", "tag": "1", "tags": []}"#,
                "line 4, image 2, field \"tags\": unknown field `tags`, expected one of `repository`",
            ),
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
    fn all_mistakes_are_told_together_under_the_name_of_the_file() {
        let json = r#"{ "images": [
            { "repository": "A", "tag": "-", "tag": "1", "platforms": ["linux", 1, "linux/arm64"], "x": {} },
            { "repository": "b", "tag": "1",
              "digest": "sha256:0" },
            { "tag": 1, "parameter": "P" }, "c:1",
            { "repository": "d", "tag": "1", "parameter": "P" },
            { "repository": "d",
              "tag": "1",
              "parameter": "P" }
          ],
          "image": [] }"#;
        let error = Release::parse_file("a/release.json", json.as_bytes()).unwrap_err();
        let text = error.to_string();
        let expected = [
            "a/release.json: 13 problems:",
            "line 11, field \"image\": unknown field `image`, expected `images`",
            "line 2, image 1, field \"repository\": \"A\" is not a repository",
            "line 2, image 1: duplicate field `tag`",
            "line 2, image 1, field \"tag\": \"-\" is not a tag",
            "line 2, image 1, field \"platforms[0]\": \"linux\" is not a platform",
            "line 2, image 1, field \"platforms[1]\": invalid type",
            "line 2, image 1, field \"x\": unknown field `x`, expected one of `repository`, `tag`, `digest`, `parameter`, `platforms`",
            "line 4, image 2, field \"digest\": \"sha256:0\" is not a digest",
            "line 5, image 3: missing field `repository`",
            "line 5, image 3, field \"tag\": invalid type",
            "line 5, image 4: invalid type",
            "line 8, image 6, field \"tag\": d:1 is already in image 5 on line 6",
            "line 9, image 6, field \"parameter\": P is already in image 5 on line 6",
        ];
        assert_eq!(text.lines().count(), expected.len(), "{text}");
        for (line, expected) in text.lines().zip(expected) {
            assert!(line.starts_with(expected), "{expected}\n{text}");
        }
        // A file that is wrong everywhere is not listed to its end.
        let many = format!(r#"{{"images":[{}1]}}"#, "1,".repeat(999));
        let refusal = refusal(&many);
        assert!(refusal.lines().count() == 102 && refusal.ends_with("and 900 more"), "{refusal}");
    }

    #[test]
    fn a_byte_order_mark_is_named() {
        for (mark, encoding) in [(&b"\xEF\xBB\xBF"[..], "UTF-8"), (b"\xFF\xFE", "UTF-16"), (b"\xFE\xFF", "UTF-16")] {
            let error = Release::parse(&[mark, br#"{"images":[]}"#].concat()).unwrap_err().to_string();
            assert!(error.contains(&format!("the byte order mark (BOM) of {encoding}")), "{error}");
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
            ("{\"images\": [],\n \"image\": 1}", "line 2, field \"image\": unknown field `image`, expected `images`"),
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
