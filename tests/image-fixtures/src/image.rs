use std::fmt::Display;

use serde_json::{Value, json};

use crate::content::{Content, odd};
use crate::media_type::{DOCKER_CONFIG, DOCKER_GZIP, DOCKER_MANIFEST, OCI_CONFIG, OCI_EMPTY, OCI_MANIFEST, OCI_TAR};
use crate::{descriptor, with};

/// Builds an image for linux/amd64, or an artifact.
#[derive(Debug, Clone)]
#[must_use]
pub struct Image {
    media_type: &'static str,
    config_type: &'static str,
    layer_type: &'static str,
    config: Vec<u8>,
    layers: Vec<Value>,
    blobs: Vec<Vec<u8>>,
    more: Value,
}

impl Image {
    /// An image without layers.
    pub fn new() -> Self {
        Self {
            media_type: OCI_MANIFEST,
            config_type: OCI_CONFIG,
            layer_type: OCI_TAR,
            config: br#"{"architecture":"amd64","os":"linux"}"#.to_vec(),
            layers: Vec::new(),
            blobs: Vec::new(),
            more: json!({}),
        }
    }

    /// The same in Docker's media types.
    pub fn docker() -> Self {
        Self { media_type: DOCKER_MANIFEST, config_type: DOCKER_CONFIG, layer_type: DOCKER_GZIP, ..Self::new() }
    }

    /// An artifact without layers, such as an SBOM.
    pub fn artifact(artifact_type: &str) -> Self {
        let image = Self { config_type: OCI_EMPTY, config: b"{}".to_vec(), ..Self::new() };
        image.with(json!({ "artifactType": artifact_type }))
    }

    /// With a config of these bytes.
    pub fn config(self, bytes: impl Into<Vec<u8>>) -> Self {
        Self { config: bytes.into(), ..self }
    }

    /// With one more layer.
    pub fn layer(self, bytes: impl Into<Vec<u8>>) -> Self {
        let layer_type = self.layer_type;
        self.layer_as(layer_type, bytes)
    }

    /// With one more layer of this media type.
    pub fn layer_as(mut self, media_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        self.layers.push(descriptor(media_type, &bytes));
        self.blobs.push(bytes);
        self
    }

    /// With one more layer that is named, and kept elsewhere if anywhere.
    pub fn absent_layer(mut self, media_type: &str, digest: impl Display, size: u64) -> Self {
        self.layers.push(json!({ "mediaType": media_type, "digest": digest.to_string(), "size": size }));
        self
    }

    /// With these annotations on the layer that was added last.
    pub fn annotated(mut self, annotations: Value) -> Self {
        let layer = self.layers.pop().expect("a layer was added");
        self.layers.push(with(layer, json!({ "annotations": annotations })));
        self
    }

    /// ReferrerPolicy to the manifest of this descriptor.
    pub fn subject(self, descriptor: Value) -> Self {
        self.with(json!({ "subject": descriptor }))
    }

    /// With more fields in the manifest.
    pub fn with(self, fields: Value) -> Self {
        Self { more: with(self.more, fields), ..self }
    }

    /// The image.
    pub fn build(self) -> Content {
        let config = descriptor(self.config_type, &self.config);
        let fields =
            json!({ "schemaVersion": 2, "mediaType": self.media_type, "config": config, "layers": self.layers });
        let text = odd(&with(fields, self.more));
        Content::new(self.media_type, text.into_bytes(), [vec![self.config], self.blobs].concat())
    }
}
