use std::fmt;

use promotion::{Error, Name, PinnedImage};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ReleaseFolder;
use crate::words::Text;

/// The longest list that is passed on as it is, in bytes of JSON. The whole state of a state machine has 256 KiB (AWS
/// Step Functions Developer Guide, "Service quotas"), and this is in it once or twice.
pub(crate) const MAX_INLINE_BYTES: usize = 100 << 10;

/// The longest list that is read back: 1,000 images with the longest names there are.
pub(crate) const MAX_STORED_BYTES: usize = 2 << 20;

/// Images whose tags are pinned to digests: the list itself, or where it lies when it is long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pinned {
    /// The list.
    Inline(Vec<PinnedImage>),
    /// Where the list lies.
    Stored(Stored),
}

/// A file in the artifact bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The bucket.
    #[serde(serialize_with = "as_text")]
    pub s3_bucket: Text,
    /// The key, in the folder of the release.
    #[serde(serialize_with = "as_text")]
    pub s3_key: Text,
}

fn as_text<S: Serializer>(text: &Text, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text.as_str())
}

impl Stored {
    /// The list may only lie in the folder of the release that is being promoted: nothing else decides what is
    /// promoted.
    ///
    /// # Errors
    /// `InvalidInput` if it lies elsewhere.
    pub fn check(&self, bucket: &Text, folder: &ReleaseFolder) -> Result<(), Error> {
        if self.s3_bucket == *bucket && folder.holds(self.s3_key.as_str()) {
            return Ok(());
        }
        Err(Error::new(
            Name::InvalidInput,
            format!(
                "the event, field \"pinned\": the list at s3://{}/{} is not in the folder of the release, s3://{bucket}/{}/: pass on what \
                 check-manifest answered",
                self.s3_bucket,
                self.s3_key,
                folder.path()
            ),
        ))
    }
}

impl<'de> Deserialize<'de> for Pinned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By hand, because serde's untagged enums do not say what is wrong, nor where.
        deserializer.deserialize_any(ListOrPlace)
    }
}

struct ListOrPlace;

impl<'de> Visitor<'de> for ListOrPlace {
    type Value = Pinned;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of images, each with repository, tag and digest, or an object with s3_bucket and s3_key")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Pinned, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(Pinned::Inline)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Pinned, A::Error> {
        Stored::deserialize(MapAccessDeserializer::new(object)).map(Pinned::Stored)
    }
}

/// The images as JSON, and whether that is too long to be passed on.
///
/// # Errors
/// `InvalidInput` if the list is longer than would be read back.
pub fn encode(images: &[PinnedImage]) -> Result<(Vec<u8>, bool), Error> {
    let invalid = |why: String| Error::new(Name::InvalidInput, why);
    let json = serde_json::to_vec(images).map_err(|error| invalid(error.to_string()))?;
    if json.len() > MAX_STORED_BYTES {
        return Err(invalid(format!(
            "the list of the {} pinned images has {} bytes, and at most {MAX_STORED_BYTES} are passed on: split the release",
            images.len(),
            json.len()
        )));
    }
    let is_long = json.len() > MAX_INLINE_BYTES;
    Ok((json, is_long))
}

/// Reads a list back that was stored.
///
/// # Errors
/// `InvalidInput`, with the file and what is wrong with it.
pub(crate) fn decode(file: &str, json: &[u8]) -> Result<Vec<PinnedImage>, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let what = format!("{file}, \"{}\": {}", error.path(), error.inner());
        Error::new(Name::InvalidInput, format!("{what}: run check-manifest again, which writes this file"))
    })
}

#[cfg(test)]
mod tests {
    use oci::Digest;
    use serde_json::json;

    use super::*;
    use crate::Event;
    use crate::event::tests::with;

    fn image(number: usize) -> PinnedImage {
        PinnedImage {
            repository: format!("myapp/service-{number}").parse().unwrap(),
            tag: "1.0.0-abc123".parse().unwrap(),
            digest: Digest::of(&number.to_le_bytes()),
            parameter: None,
            platforms: vec![],
        }
    }

    #[test]
    fn a_thousand_images_are_stored_and_a_few_are_not() {
        let few: Vec<_> = (0..10).map(image).collect();
        let many: Vec<_> = (0..1000).map(image).collect();
        assert!(!encode(&few).unwrap().1);
        let (json, is_long) = encode(&many).unwrap();
        assert!(is_long);
        let again = decode("s3://b/k", &json).unwrap();
        assert_eq!(again, many);
    }

    #[test]
    fn reads_a_list_or_a_place_and_says_what_is_wrong() {
        let digest = Digest::of(b"");
        let list = json!([{ "repository": "a", "tag": "1", "digest": digest, "parameter": "AImage" }]);
        assert!(matches!(Event::parse(&with(json!({ "pinned": list }))).unwrap().pinned, Some(Pinned::Inline(_))));
        let stored = json!({ "s3_bucket": "artifacts", "s3_key": "myapp/main/42.0a1b2c3/pinned.json" });
        assert!(matches!(Event::parse(&with(json!({ "pinned": stored }))).unwrap().pinned, Some(Pinned::Stored(_))));
        for (pinned, expected) in [
            (json!("x"), "field \"pinned\": invalid type: string \"x\", expected a list of images, each with"),
            (json!([{ "repository": "a" }]), "field \"pinned[0]\": missing field `tag`"),
            (json!([{ "repository": "a", "tag": "1" }]), "field \"pinned[0]\": missing field `digest`"),
            (json!([{ "repository": "a", "tag": "1", "digest": "x" }]), "field \"pinned[0].digest\": \"x\" is not a"),
            (json!({ "s3_bucket": "b" }), "field \"pinned\": missing field `s3_key`"),
        ] {
            let error = Event::parse(&with(json!({ "pinned": pinned }))).unwrap_err().to_string();
            assert!(error.starts_with(&format!("the event, {expected}")), "{error}");
        }
        assert!(decode("s3://b/k", b"[{}]").unwrap_err().to_string().starts_with("s3://b/k, \"[0]\": missing field"));
    }

    #[test]
    fn a_list_outside_of_the_release_is_refused() {
        let folder = ReleaseFolder::try_from("myapp/main/42.0a1b2c3/".to_owned()).unwrap();
        let text = |text: &str| Text::try_from(text.to_owned()).unwrap();
        let check =
            |bucket, key| Stored { s3_bucket: text(bucket), s3_key: text(key) }.check(&text("artifacts"), &folder);
        assert!(check("artifacts", "myapp/main/42.0a1b2c3/pinned.json").is_ok());
        for (bucket, key) in [
            ("elsewhere", "myapp/main/42.0a1b2c3/pinned.json"),
            ("artifacts", "myapp/main/41.0a1b2c3/pinned.json"),
            ("artifacts", "pinned.json"),
        ] {
            assert_eq!(check(bucket, key).unwrap_err().name(), Name::InvalidInput);
        }
    }
}
