//! The AWS SDK before the double of ECR.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

/// Speaks to this endpoint as whoever has this access key: the double takes an account for the key of its root.
pub(crate) fn config(endpoint: &str, key: &str, region: &'static str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(region))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(key, "secret", None, None, "tests")))
        .build()
}
