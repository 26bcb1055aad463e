use std::sync::Arc;

use promotion::Error;

use super::assumed::Assumed;
use super::endpoint::EcrEndpoint;
use super::registry_host::RegistryHost;
use crate::http::Client;

/// The API of one registry, as one caller.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) endpoint: EcrEndpoint,
    pub(super) host: RegistryHost,
    pub(super) sdk: aws_sdk_ecr::Client,
    /// Sends what goes to `/v2`, and counts the requests of both.
    pub(super) http: Client,
    /// The role that is acted as, if any.
    pub(super) assumed: Option<Arc<Assumed>>,
}

impl Api {
    /// The client of the SDK, for one request: with credentials that are good, and counted.
    pub(super) async fn sdk(&self) -> Result<&aws_sdk_ecr::Client, Error> {
        if let Some(assumed) = &self.assumed {
            assumed.credentials().await?;
        }
        self.http.count();
        Ok(&self.sdk)
    }
}
