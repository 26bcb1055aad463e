//! What ECR reads in a manifest, and what makes it refuse one. The bytes themselves are kept as they came.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::refusal::Refusal;

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// Largest `imageManifest` of PutImage (service model).
pub(crate) const MAX_BYTES: usize = 4_194_304;

#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) media_type: String,
    pub(crate) artifact_type: Option<String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) config: Option<Descriptor>,
    pub(crate) layers: Vec<Descriptor>,
    pub(crate) children: Vec<Descriptor>,
    pub(crate) subject: Option<Descriptor>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
    #[serde(default)]
    annotations: Option<Value>,
}

impl Descriptor {
    /// Foreign layers live elsewhere: a registry does not ask for them.
    pub(crate) fn is_foreign(&self) -> bool {
        self.media_type.contains(".nondistributable.") || self.media_type.contains(".foreign.")
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    schema_version: u64,
    media_type: Option<String>,
    artifact_type: Option<String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
}

/// Reads a manifest as PutImage does. `given` is `imageManifestMediaType`, or `/v2`'s Content-Type.
pub(crate) fn parse(bytes: &[u8], given: Option<&str>) -> Result<Parsed, Refusal> {
    if bytes.is_empty() || bytes.len() > MAX_BYTES {
        return Err(invalid("length must be between 1 and 4194304"));
    }
    let wire: Wire = serde_json::from_slice(bytes).map_err(|_| invalid("Invalid JSON syntax"))?;
    if wire.schema_version != 2 {
        return Err(invalid("Image manifest schema version not supported"));
    }
    let media_type = match (wire.media_type, given) {
        (Some(own), Some(given)) if own != given => {
            return Err(invalid("imageManifestMediaType must match the mediaType of the manifest"));
        }
        (Some(own), _) => own,
        (None, Some(given)) => given.to_owned(),
        (None, None) => return Err(invalid("Invalid JSON syntax")),
    };
    let is_index = match media_type.as_str() {
        OCI_MANIFEST | DOCKER_MANIFEST => false,
        OCI_INDEX | DOCKER_LIST => true,
        _ => return Err(invalid("Unsupported image manifest media type")),
    };
    let parsed = Parsed {
        artifact_type: wire.artifact_type.or_else(|| wire.config.as_ref().map(|config| config.media_type.clone())),
        media_type,
        annotations: wire.annotations,
        config: wire.config,
        layers: wire.layers.unwrap_or_default(),
        children: wire.manifests.unwrap_or_default(),
        subject: wire.subject,
    };
    shape(&parsed, is_index)?;
    Ok(parsed)
}

fn shape(parsed: &Parsed, is_index: bool) -> Result<(), Refusal> {
    let descriptors = parsed.config.iter().chain(&parsed.layers).chain(&parsed.children).chain(&parsed.subject);
    for descriptor in descriptors {
        if !crate::digest::is_digest(&descriptor.digest) {
            return Err(invalid("Invalid JSON syntax"));
        }
    }
    if is_index {
        let mixed = parsed.config.is_some() || !parsed.layers.is_empty();
        return if mixed { Err(invalid("Invalid JSON syntax")) } else { Ok(()) };
    }
    let Some(config) = &parsed.config else {
        return Err(invalid("Invalid JSON syntax"));
    };
    if config.annotations.is_some() {
        // goharbor/acceleration-service#353: ECR's schema knows no annotations on the config descriptor.
        return Err(invalid("Invalid JSON syntax"));
    }
    if !parsed.children.is_empty() {
        return Err(invalid("Invalid JSON syntax"));
    }
    if parsed.layers.is_empty() {
        // werf/werf#2558.
        return Err(invalid("Image has to have at least 1 layer"));
    }
    Ok(())
}

fn invalid(constraint: &str) -> Refusal {
    Refusal::parameter("ImageManifest", constraint)
}

/// Rewrites the media types of an image manifest between the OCI and the Docker form. The bytes, and so the digest,
/// are no longer what was pushed: that is the trap of asking for an image by tag.
pub(crate) fn convert(bytes: &[u8], media_type: &str, accepted: &[String]) -> Option<(Vec<u8>, String)> {
    let accepts = |wanted: &str| accepted.iter().any(|one| one == wanted);
    if accepted.is_empty() || accepts(media_type) || accepts("*/*") {
        return None;
    }
    let to = match media_type {
        OCI_MANIFEST if accepts(DOCKER_MANIFEST) => DOCKER_MANIFEST,
        DOCKER_MANIFEST if accepts(OCI_MANIFEST) => OCI_MANIFEST,
        _ => return None,
    };
    let mut text = String::from_utf8(bytes.to_vec()).ok()?;
    let pairs = [
        (OCI_MANIFEST, DOCKER_MANIFEST),
        ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"),
        ("application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip"),
    ];
    for (oci, docker) in pairs {
        text = if to == DOCKER_MANIFEST { text.replace(oci, docker) } else { text.replace(docker, oci) };
    }
    Some((text.into_bytes(), to.to_owned()))
}
