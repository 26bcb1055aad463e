//! What the tests of the double share: a double with a registry, an SDK client, images.

#![allow(dead_code, unused_imports)] // Each test binary uses its own part.

pub(crate) mod http;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use ecr_double::{Config, EcrDouble, RegistryHandle, sha256};
pub(crate) use image_fixtures::media_type::{DOCKER_MANIFEST, OCI_GZIP, OCI_MANIFEST};
use image_fixtures::{Content, Image, gzip};
use serde_json::{Value, json};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const OTHER: &str = "444455556666";
pub(crate) const REGION: &str = "eu-west-1";

/// A double with one repository, `app`.
pub(crate) async fn start() -> (EcrDouble, RegistryHandle) {
    let double = EcrDouble::start(Config::default().registry(ACCOUNT, REGION)).await.unwrap();
    let registry = double.registry(ACCOUNT, REGION);
    registry.create_repository("app");
    (double, registry)
}

/// An identity policy of one statement.
pub(crate) fn policy(statement: Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statement })
}

/// The policy that allows all.
pub(crate) fn everything() -> Value {
    policy(json!({ "Effect": "Allow", "Action": "*", "Resource": "*" }))
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

/// A small image.
pub(crate) fn image(seed: &str) -> Content {
    let tar = format!("layer of {seed}");
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": { "type": "layers", "diff_ids": [sha256(tar.as_bytes())] },
        "author": seed,
    });
    Image::new().config(config.to_string()).layer_as(OCI_GZIP, gzip(tar.as_bytes())).build()
}

/// Its config and its layer.
pub(crate) fn blobs(seed: &str) -> (Vec<u8>, Vec<u8>) {
    let [(_, config), (_, layer)] = image(seed).blobs.try_into().unwrap();
    (config, layer)
}

/// Its manifest.
pub(crate) fn manifest(seed: &str) -> Vec<u8> {
    image(seed).bytes().to_vec()
}

/// Puts an image past all protocols and answers its digest.
pub(crate) fn seed(registry: &RegistryHandle, repository: &str, seed: &str, tag: Option<&str>) -> String {
    let image = image(seed);
    registry.put(repository, &image);
    tag.iter().for_each(|tag| registry.set_tag(repository, tag, image.digest()));
    image.digest().to_owned()
}
