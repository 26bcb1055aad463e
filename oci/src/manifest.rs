use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::text::excerpt;
use crate::{Descriptor, Digest, ListedDescriptor, MediaType, Platform, platform};

/// The largest manifest ECR takes: 4 MiB (`imageManifest` of the PutImage API).
pub const MAX_MANIFEST_BYTES: usize = 4 << 20;

/// What is declared of files by servers that know nothing of manifests.
const GENERIC: [&str; 4] = ["application/json", "application/octet-stream", "binary/octet-stream", "text/plain"];

/// A manifest: the exact bytes, and beside them what they say.
///
/// The bytes are what travels. They are never written anew from the parsed view, so the digest cannot change.
#[derive(Clone, PartialEq, Eq)]
pub struct Manifest {
    raw: Bytes,
    digest: Digest,
    media_type: MediaType,
    content: Arc<Content>,
    subject: Option<Digest>,
}

/// What a manifest refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// One image (or artifact): its config and its layers, as listed.
    Image {
        /// The configuration blob.
        config: Descriptor,
        /// The layers from the lowest up. One digest may stand here twice.
        layers: Vec<Descriptor>,
        /// What cosign keeps in annotations of layers: signatures of one image by several keys are the same layer but
        /// for these.
        signatures: Vec<Box<str>>,
    },
    /// A list of manifests, often one per platform.
    Index {
        /// The entries, as listed.
        manifests: Vec<Descriptor>,
        /// The digests of entries in an algorithm other than SHA-256, which no registry is asked for: an image that
        /// lists one cannot be promoted whole, a list of referrers can do without.
        others: Vec<Box<str>>,
    },
}

impl Content {
    /// The manifests below this one: none for an image.
    #[must_use]
    pub fn children(&self) -> &[Descriptor] {
        match self {
            Self::Index { manifests, .. } => manifests,
            Self::Image { .. } => &[],
        }
    }

    /// The digests of entries that are not SHA-256: none for an image.
    #[must_use]
    pub fn others(&self) -> &[Box<str>] {
        match self {
            Self::Index { others, .. } => others,
            Self::Image { .. } => &[],
        }
    }

    /// Whether this is an index with an entry for that manifest.
    #[must_use]
    pub fn lists(&self, digest: Digest) -> bool {
        self.children().iter().any(|child| child.digest == digest)
    }

    /// The config and the layers, those that registries leave elsewhere included: none for an index.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, layers) = match self {
            Self::Image { config, layers, .. } => (Some(config), layers.as_slice()),
            Self::Index { .. } => (None, [].as_slice()),
        };
        config.into_iter().chain(layers)
    }
}

/// Why bytes are no manifest that can be promoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidManifest {
    /// Docker schema 1: no registry of today takes it.
    SchemaOne,
    /// Over [`MAX_MANIFEST_BYTES`].
    TooLarge(usize),
    /// Everything else, in words.
    Malformed(String),
}

impl fmt::Display for InvalidManifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SchemaOne => f.write_str(
                "it is a Docker schema 1 manifest, which ECR no longer takes: pull the image and push it again with a current client",
            ),
            Self::TooLarge(bytes) => {
                write!(f, "the manifest has {bytes} bytes, and ECR takes at most {MAX_MANIFEST_BYTES}")
            }
            Self::Malformed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for InvalidManifest {}

/// The fields that Transship reads. All others travel in the raw bytes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    schema_version: u32,
    media_type: Option<Box<str>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Layer>>,
    manifests: Option<Vec<ListedDescriptor>>,
    fs_layers: Option<IgnoredAny>,
    subject: Option<Subject>,
}

/// A [`Descriptor`] with annotations. All but the signature among these is skipped, however long it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: Box<str>,
    digest: Digest,
    size: u64,
    #[serde(default, deserialize_with = "platform::said")]
    platform: Option<Platform>,
    annotations: Option<Annotations>,
}

#[derive(Deserialize)]
struct Annotations {
    /// The signature of the layer's bytes (sigstore/cosign, `specs/SIGNATURE_SPEC.md`).
    #[serde(rename = "dev.cosignproject.cosign/signature")]
    signature: Option<Box<str>>,
}

/// A text, so that a manifest whose subject has a digest of another algorithm is read all the same.
#[derive(Deserialize)]
struct Subject {
    digest: Option<Box<str>>,
}

impl Manifest {
    /// Reads a manifest. `declared` is the media type the registry gave, needed when the manifest names none itself.
    ///
    /// A manifest that is both an image and an index, or whose own media type disagrees with `declared` or with its
    /// fields, is refused: two clients could read it as two different images (CVE-2021-41190).
    ///
    /// # Errors
    /// [`InvalidManifest`] says what is wrong.
    pub fn parse(raw: Bytes, declared: Option<&str>) -> Result<Self, InvalidManifest> {
        // What it quotes may be as long as the manifest.
        let malformed = |why: String| Err(InvalidManifest::Malformed(excerpt(&why)));
        if raw.len() > MAX_MANIFEST_BYTES {
            return Err(InvalidManifest::TooLarge(raw.len()));
        }
        // JSON is UTF-8 throughout (RFC 8259, section 8.1), also in fields that are not read, and PutImage takes
        // nothing else.
        let text = match std::str::from_utf8(&raw) {
            Ok(text) => text,
            Err(error) => {
                return malformed(format!("it is not a manifest: not UTF-8 from byte {} on", error.valid_up_to()));
            }
        };
        let wire: Wire = match serde_json::from_str(text) {
            Ok(wire) => wire,
            Err(error) => return malformed(format!("it is not a manifest: {error}")),
        };
        if wire.schema_version == 1 || wire.fs_layers.is_some() {
            return Err(InvalidManifest::SchemaOne);
        }
        if wire.schema_version != 2 {
            return malformed(format!("schemaVersion is {}, expected 2", wire.schema_version));
        }
        let own = wire.media_type.as_deref().filter(|own| !own.is_empty());
        // A server that only keeps files says this of any JSON, which is not to say that it is another manifest.
        let declared = declared.filter(|declared| own.is_none() || !GENERIC.contains(declared));
        let named = match (own, declared) {
            (Some(own), Some(declared)) if own != declared => {
                return malformed(format!(
                    "it calls itself {:?}, the registry calls it {:?}",
                    excerpt(own),
                    excerpt(declared)
                ));
            }
            (Some(named), _) | (None, Some(named)) => named,
            (None, None) => return malformed("neither it nor the registry names its media type".into()),
        };
        let Some(media_type) = MediaType::parse(named) else {
            return malformed(format!("media type {named:?} is no image manifest and no index"));
        };
        let content = match (wire.config, wire.layers, wire.manifests) {
            // A list that is empty may be left out, or `null` (image-spec#1016).
            (Some(config), layers, None) if !media_type.is_index() => image(config, layers.unwrap_or_default()),
            (None, None, manifests) if media_type.is_index() => index(manifests.unwrap_or_default()),
            _ => return malformed(format!("its fields do not fit its media type {named:?}")),
        };
        let subject = wire.subject.and_then(|subject| subject.digest?.parse().ok());
        Ok(Self { digest: Digest::of(&raw), raw, media_type, content: Arc::new(content), subject })
    }

    /// The bytes, exactly as they were read.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The digest of [`Manifest::raw`], computed, never taken on trust.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The media type.
    #[must_use]
    pub fn media_type(&self) -> MediaType {
        self.media_type
    }

    /// The manifest that this one says something about, if any: a signature or an SBOM names the image it is for.
    #[must_use]
    pub fn subject(&self) -> Option<Digest> {
        self.subject
    }

    /// What it refers to.
    #[must_use]
    pub fn content(&self) -> &Arc<Content> {
        &self.content
    }
}

fn image(config: Descriptor, layers: Vec<Layer>) -> Content {
    let mut signatures = Vec::new();
    let layers = layers.into_iter().map(|layer| {
        let Layer { media_type, digest, size, platform, annotations } = layer;
        signatures.extend(annotations.and_then(|annotations| annotations.signature));
        Descriptor { media_type, digest, size, platform }
    });
    Content::Image { config, layers: layers.collect(), signatures }
}

fn index(listed: Vec<ListedDescriptor>) -> Content {
    let (mut manifests, mut others) = (Vec::new(), Vec::new());
    for entry in listed {
        match entry.into_descriptor() {
            Ok(descriptor) => manifests.push(descriptor),
            Err(other) => others.push(other),
        }
    }
    Content::Index { manifests, others }
}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Manifest({}, {}, {} bytes)", self.digest, self.media_type, self.raw.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn descriptor(media_type: &str) -> String {
        format!(r#"{{"mediaType":"{media_type}","digest":"sha256:{HEX}","size":7,"annotations":{{"a":"b"}}}}"#)
    }

    fn image(media_type: &str) -> String {
        let layer = descriptor("application/vnd.oci.image.layer.v1.tar+zstd");
        let config = descriptor("application/vnd.oci.image.config.v1+json");
        format!(r#"{{"schemaVersion":2,{media_type} "config":{config},"layers":[{layer},{layer}]}}"#)
    }

    fn parse(text: &str, declared: Option<&str>) -> Result<Manifest, InvalidManifest> {
        Manifest::parse(Bytes::copy_from_slice(text.as_bytes()), declared)
    }

    #[test]
    fn keeps_odd_bytes_and_reads_them_as_oci_spec_does() {
        let text = format!(" \n{}\t\n", image(r#""mediaType":"application/vnd.oci.image.manifest.v1+json","#));
        let manifest = parse(&text, None).unwrap();
        assert_eq!(manifest.raw(), text.as_bytes());
        assert_eq!(manifest.digest(), Digest::of(text.as_bytes()));
        let peer = oci_spec::image::ImageManifest::from_reader(text.as_bytes()).unwrap();
        let ours: Vec<_> = manifest.content().blobs().map(|blob| (blob.digest.to_string(), blob.size)).collect();
        let theirs: Vec<_> = std::iter::once(peer.config())
            .chain(peer.layers())
            .map(|blob| (blob.digest().to_string(), blob.size()))
            .collect();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn takes_the_media_type_from_the_registry_when_the_manifest_has_none() {
        let bare = image("");
        let manifest = parse(&bare, Some(MediaType::DockerManifest.as_str())).unwrap();
        assert_eq!(manifest.media_type(), MediaType::DockerManifest);
        assert!(matches!(parse(&bare, None), Err(InvalidManifest::Malformed(why)) if why.contains("media type")));
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        let own = r#""mediaType":"application/vnd.oci.image.manifest.v1+json","#;
        assert!(parse(&image(own), Some(MediaType::DockerManifest.as_str())).is_err());
        assert!(parse(&image(r#""manifests":[],"#), Some(MediaType::OciManifest.as_str())).is_err());
        assert!(parse(&image(""), Some(MediaType::OciIndex.as_str())).is_err());
        assert!(parse(&image(""), Some("application/json")).is_err());
    }

    /// A builder that is written in Go leaves out, or writes `null`, where there is nothing (image-spec#1016).
    #[test]
    fn a_list_that_is_absent_or_null_is_empty() {
        let config = descriptor("application/vnd.oci.image.config.v1+json");
        let image = MediaType::OciManifest;
        let index = MediaType::OciIndex;
        for (media_type, fields) in [
            (image, format!(r#""config":{config},"layers":null"#)),
            (image, format!(r#""config":{config}"#)),
            (image, format!(r#""config":{config},"layers":[],"manifests":null,"subject":null"#)),
            (image, format!(r#""config":{config},"mediaType":"","subject":{{}}"#)),
            (index, r#""manifests":null"#.to_owned()),
            (index, r#""manifests":[],"layers":null,"config":null"#.to_owned()),
        ] {
            let text = format!(r#"{{"schemaVersion":2,{fields}}}"#);
            let manifest = parse(&text, Some(media_type.as_str())).unwrap();
            let blobs = usize::from(media_type == image);
            assert_eq!((manifest.content().blobs().count(), manifest.content().children().len()), (blobs, 0), "{text}");
        }
        assert!(parse(r#"{"schemaVersion":2,"layers":[]}"#, Some(image.as_str())).is_err());
    }

    #[test]
    fn an_entry_of_another_algorithm_is_known_apart() {
        let theirs = format!(r#"{{"mediaType":"x","digest":"sha512:{HEX}{HEX}","size":7}}"#);
        let text = format!(r#"{{"schemaVersion":2,"manifests":[{theirs},{}]}}"#, descriptor("x"));
        let index = parse(&text, Some(MediaType::OciIndex.as_str())).unwrap();
        assert_eq!((index.content().children().len(), index.content().others().len()), (1, 1));
        for broken in ["sha256:abc", "sha512", "", ":x", "sha512:", "sha512:ü"] {
            let entry = format!(r#"{{"mediaType":"x","digest":"{broken}","size":7}}"#);
            let text = format!(r#"{{"schemaVersion":2,"manifests":[{entry}]}}"#);
            assert!(parse(&text, Some(MediaType::OciIndex.as_str())).is_err(), "{broken:?} was accepted");
        }
    }

    #[test]
    fn what_a_server_of_files_declares_does_not_disagree() {
        let own = r#""mediaType":"application/vnd.oci.image.manifest.v1+json","#;
        for declared in GENERIC {
            assert_eq!(parse(&image(own), Some(declared)).unwrap().media_type(), MediaType::OciManifest);
            assert!(parse(&image(""), Some(declared)).is_err());
        }
    }

    #[test]
    fn refuses_schema_one_oversize_and_nonsense() {
        let schema_one = r#"{"schemaVersion":1,"name":"a","fsLayers":[]}"#;
        assert_eq!(parse(schema_one, None), Err(InvalidManifest::SchemaOne));
        let large = Bytes::from(vec![b' '; MAX_MANIFEST_BYTES + 1]);
        assert_eq!(Manifest::parse(large, None), Err(InvalidManifest::TooLarge(MAX_MANIFEST_BYTES + 1)));
        for text in ["", "null", "{}", r#"{"schemaVersion":3}"#, r#"{"schemaVersion":2,"layers":[{"size":-1}]}"#] {
            assert!(parse(text, Some(MediaType::OciManifest.as_str())).is_err(), "{text:?} was accepted");
        }
    }

    /// Found by fuzzing: what is skipped was not looked at.
    #[test]
    fn refuses_what_is_no_text_where_nobody_reads() {
        let whole = image(r#""annotations":{"a":"?"},"#);
        assert!(parse(&whole, Some(MediaType::OciManifest.as_str())).is_ok());
        let mut raw = whole.into_bytes();
        let at = raw.iter().position(|byte| *byte == b'?').unwrap();
        raw[at] = 0x80;
        let refused = Manifest::parse(raw.into(), Some(MediaType::OciManifest.as_str()));
        assert!(matches!(refused, Err(InvalidManifest::Malformed(why)) if why.contains(&format!("byte {at} "))));
    }
}
