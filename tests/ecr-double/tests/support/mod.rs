//! What the tests of the double share: a double with a registry, an SDK client, images.

#![allow(dead_code)] // Each test binary uses its own part.

pub(crate) mod http;

use std::io::Write as _;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use ecr_double::{Config, EcrDouble, RegistryHandle, sha256};
use serde_json::{Value, json};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const OTHER: &str = "444455556666";
pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// A double with one repository, `app`.
pub(crate) async fn start() -> (EcrDouble, RegistryHandle) {
    let double = EcrDouble::start(Config::default().registry(ACCOUNT, REGION)).await.unwrap();
    let registry = double.registry(ACCOUNT, REGION);
    registry.create_repository("app");
    (double, registry)
}

/// A client that signs as `key` and does not retry.
pub(crate) fn client(double: &EcrDouble, key: &str) -> Client {
    client_in(double, key, REGION)
}

pub(crate) fn client_in(double: &EcrDouble, key: &str, region: &str) -> Client {
    let config = aws_sdk_ecr::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(Credentials::new(key, "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(double.api_endpoint())
        .build();
    Client::from_conf(config)
}

/// The code of a failed call.
pub(crate) fn code<T, E: ProvideErrorMetadata>(result: Result<T, SdkError<E>>) -> String {
    error(result).0
}

/// The code and message of a failed call.
pub(crate) fn error<T, E: ProvideErrorMetadata>(result: Result<T, SdkError<E>>) -> (String, String) {
    match result {
        Ok(_) => ("no error".to_owned(), String::new()),
        Err(error) => {
            let meta = error.as_service_error().map(ProvideErrorMetadata::meta);
            let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
            meta.map_or_else(
                || ("no service error".to_owned(), format!("{:?}", error.raw_response())),
                |meta| (text(meta.code()), text(meta.message())),
            )
        }
    }
}

pub(crate) fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": sha256(bytes), "size": bytes.len() })
}

/// Config and layer of a small image.
pub(crate) fn blobs(seed: &str) -> (Vec<u8>, Vec<u8>) {
    let layer = gzip(&format!("layer of {seed}"));
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": { "type": "layers", "diff_ids": [sha256(format!("layer of {seed}").as_bytes())] },
        "author": seed,
    });
    (config.to_string().into_bytes(), layer)
}

/// The manifest of the image of that seed.
pub(crate) fn manifest(seed: &str) -> Vec<u8> {
    let (config, layer) = blobs(seed);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &layer)],
    });
    serde_json::to_vec_pretty(&manifest).unwrap()
}

/// Puts an image past all protocols and answers its digest.
pub(crate) fn seed(registry: &RegistryHandle, repository: &str, seed: &str, tag: Option<&str>) -> String {
    let (config, layer) = blobs(seed);
    registry.put_blob(repository, &config);
    registry.put_blob(repository, &layer);
    registry.put_manifest(repository, &manifest(seed), OCI_MANIFEST, tag)
}

pub(crate) fn index(children: &[(&str, usize)]) -> Vec<u8> {
    let children: Vec<Value> = children
        .iter()
        .map(|(digest, size)| json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": size }))
        .collect();
    json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children }).to_string().into_bytes()
}
