//! What a double is started with, and the switches that may be changed while it runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::names::RegistryId;

const MIB: u64 = 1024 * 1024;

/// How to start a double. `Config::default()` has no registries: they come into being when first named.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Where the state lives. Without one, a temporary directory that goes when the double does.
    pub dir: Option<PathBuf>,
    /// Registries to open at once, with a port (0 for any free one).
    pub registries: BTreeMap<RegistryId, u16>,
    /// The port of the ECR API, 0 for any free one.
    pub api_port: u16,
    /// The port of the control endpoint, 0 for any free one.
    pub control_port: u16,
    /// An STS to ask who owns an access key id (`http://127.0.0.1:4566`).
    pub sts_endpoint: Option<String>,
    /// Behaviour that is a matter of choice.
    pub switches: Switches,
    /// Requests per second by operation, see [`Config::ecr_quotas`]. None by default.
    pub quotas: BTreeMap<String, f64>,
}

impl Config {
    /// Adds a registry.
    #[must_use]
    pub fn registry(mut self, account: &str, region: &str) -> Self {
        self.registries.insert(RegistryId::new(account, region), 0);
        self
    }

    /// Switches on ECR's published default rates
    /// (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html>).
    #[must_use]
    pub fn ecr_quotas(mut self) -> Self {
        self.quotas = ecr_quotas();
        self
    }
}

pub(crate) fn ecr_quotas() -> BTreeMap<String, f64> {
    [
        ("GetAuthorizationToken", 500.0),
        ("BatchGetImage", 2000.0),
        ("GetDownloadUrlForLayer", 3000.0),
        ("BatchCheckLayerAvailability", 1000.0),
        ("InitiateLayerUpload", 100.0),
        ("UploadLayerPart", 500.0),
        ("CompleteLayerUpload", 100.0),
        ("PutImage", 10.0),
    ]
    .into_iter()
    .map(|(operation, rate)| (operation.to_owned(), rate))
    .collect()
}

/// Behaviour that differs between reports about ECR, that ECR does not publish, or that a test wants smaller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// How long a registry token lives: 12 hours (`AuthorizationData.expiresAt`).
    pub token_lifetime_seconds: u64,
    /// How long a blob's S3 URL lives. ECR does not say; one hour here.
    pub url_lifetime_seconds: u64,
    /// `partSize` that InitiateLayerUpload answers.
    pub part_size: u64,
    /// Every part but the last is at least this long (`LayerPartTooSmallException`).
    pub min_part_bytes: u64,
    /// No part may be longer: the model's limit of `layerPartBlob`.
    pub max_part_bytes: u64,
    /// No layer may be larger (quota: 52,000 MiB).
    pub max_layer_bytes: u64,
    /// Images in a repository (quota: 100,000); then `LimitExceededException`.
    pub max_images_per_repository: usize,
    /// Tags on an image (quota: 1,000).
    pub max_tags_per_image: usize,
    /// Layers in an image. ECR has a limit it does not publish (cirruslabs/tart#890); off by default.
    pub max_layers_per_image: Option<usize>,
    /// What putting the same digest under the same immutable tag again answers; users report both
    /// (aws/containers-roadmap#2179, #2380).
    pub immutable_same_digest: SameDigest,
    /// What a second PATCH of one `/v2` upload does (aws/containers-roadmap#2831 and others differ).
    pub later_chunks: LaterChunks,
    /// Whether `/v2` upload locations are relative URLs.
    pub relative_locations: bool,
    /// Pushing to a repository that does not exist breaks the connection (aws/containers-roadmap#1970).
    pub hang_up_on_missing_repository: bool,
    /// `/v2` gives out only blobs that an image refers to, as GetDownloadUrlForLayer does. Inferred: `/v2` shows up in
    /// CloudTrail as the API's operations (devcontainers/cli#814).
    pub v2_blob_needs_image: bool,
    /// `/v2` refuses an upload while its body is still coming in, which a client may see as a broken pipe. When off,
    /// the body is read to its end first.
    pub early_refusals: bool,
    /// `/v2` refuses a manifest without a `mediaType` field, whatever its Content-Type (containers/image#584).
    pub v2_requires_media_type: bool,
    /// BatchGetImage and `/v2` GET by tag convert a manifest between Docker and OCI forms when only the other one
    /// is accepted (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-manifest-formats.html>).
    pub convert_by_tag: bool,
    /// A registry token works only in the region that gave it out.
    pub token_is_regional: bool,
    /// What GetAuthorizationToken answers as `proxyEndpoint`, where that is not the registry's own address: ECR answers
    /// one form whatever host was asked (hashicorp/terraform-provider-aws#49276). `{account}`, `{region}` and `{port}`
    /// stand for the registry's: `https://{account}.dkr.ecr.{region}.amazonaws.com`, `http://localhost:{port}`.
    pub proxy_endpoint: Option<String>,
}

/// See [`Switches::immutable_same_digest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SameDigest {
    /// `ImageAlreadyExistsException`; `/v2` answers 201.
    ImageAlreadyExists,
    /// `ImageTagAlreadyExistsException`; `/v2` answers 400 TAG_INVALID.
    ImageTagAlreadyExists,
}

/// See [`Switches::later_chunks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LaterChunks {
    /// 201, the `Range` of the first chunk, and the data is thrown away.
    Dropped,
    /// 201 and the `Range` of the first chunk, while the data is kept; a chunk that follows that `Range` is refused
    /// with 416 (crashappsec/chalk#682).
    Stale,
    /// As the distribution specification has it, to compare.
    Accepted,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            token_lifetime_seconds: 12 * 3600,
            url_lifetime_seconds: 3600,
            part_size: 10 * MIB,
            min_part_bytes: 5 * MIB,
            max_part_bytes: 20 * MIB,
            max_layer_bytes: 52_000 * MIB,
            max_images_per_repository: 100_000,
            max_tags_per_image: 1000,
            max_layers_per_image: None,
            immutable_same_digest: SameDigest::ImageAlreadyExists,
            later_chunks: LaterChunks::Dropped,
            relative_locations: false,
            hang_up_on_missing_repository: false,
            v2_blob_needs_image: true,
            early_refusals: false,
            v2_requires_media_type: false,
            convert_by_tag: true,
            token_is_regional: true,
            proxy_endpoint: None,
        }
    }
}
