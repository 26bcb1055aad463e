use std::fmt;
use std::sync::Arc;

use aws_config::retry::RetryConfig;
use aws_config::{Region, SdkConfig};
use promotion::{Error, Name};

use super::answer_limit::AnswerLimit;
use super::api::Api;
use super::assumed::{Assumed, Provider};
use super::endpoint::EcrEndpoint;
use super::get_authorization_token::TokenAuthenticator;
use super::identity::{Identity, timeout_config};
use super::pace::{Paces, Rates};
use super::registry_id::RegistryId;
use super::role::Role;
use super::{Connection, Ecr};
use crate::http::{Client, Timeouts};
use crate::v2::V2;
use crate::{Network, Side};

/// Connects to ECR registries, as the caller whose credentials `SdkConfig` holds or as a role that it may assume.
///
/// One per process: the connections it makes share what must be shared, HTTP connections and the pace of calls that
/// write.
#[derive(Clone)]
pub struct Connector {
    config: SdkConfig,
    identity: Identity,
    http: Client,
    paces: Paces,
}

impl Connector {
    /// A connector that acts as `identity`, which is whoever the credentials of `config` belong to.
    ///
    /// # Errors
    /// `RegistryUnavailable` if no TLS client can be made on this machine.
    pub fn new(config: &SdkConfig, identity: Identity) -> Result<Self, Error> {
        Self::build(config, identity, &Network::default(), Timeouts::default())
    }

    /// The same, waiting this long; time-outs that `config` sets come first where they are of the SDK.
    ///
    /// # Errors
    /// Those of [`Connector::new`].
    pub fn with_timeouts(config: &SdkConfig, identity: Identity, timeouts: Timeouts) -> Result<Self, Error> {
        Self::build(config, identity, &Network::default(), timeouts)
    }

    /// The same, reaching the registries' `/v2` and their storage like this. How the AWS APIs are reached is a matter
    /// of the configuration: see [`aws_http_client`](crate::aws_http_client).
    ///
    /// # Errors
    /// `InvalidInput` if the proxy is no address; `RegistryUnavailable` if no TLS client can be made on this machine.
    pub fn with_network(config: &SdkConfig, identity: Identity, network: &Network) -> Result<Self, Error> {
        Self::build(config, identity, network, Timeouts::default())
    }

    fn build(config: &SdkConfig, identity: Identity, network: &Network, timeouts: Timeouts) -> Result<Self, Error> {
        let (config, http) = (config.clone(), Client::new(network, timeouts)?);
        Ok(Self { config, identity, http, paces: Paces::new(Rates::default()) })
    }

    /// Writes to one registry at these rates, for an account whose quotas are not ECR's defaults.
    #[must_use]
    pub fn with_rates(mut self, rates: Rates) -> Self {
        self.paces = Paces::new(rates);
        self
    }

    /// The same connections and paces, as another caller.
    #[must_use]
    pub fn acting_as(&self, config: &SdkConfig, identity: Identity) -> Self {
        Self { config: config.clone(), identity, ..self.clone() }
    }

    /// Who this process is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Connects to a registry, with the role if one is given. The role is assumed here and now; without one nothing is
    /// sent yet.
    ///
    /// # Errors
    /// `AssumeRoleDenied`; `RegistryUnavailable` when STS does not answer, `UnexpectedAnswer` when it answers without
    /// credentials.
    pub async fn connect(&self, registry_id: RegistryId, side: Side, role: Option<&Role>) -> Result<Ecr, Error> {
        let http = self.http.with_own_count();
        let mut config = self.config.to_builder().region(Region::new(registry_id.region.clone()));
        let mut caller = self.identity.clone();
        let mut assumed = None;
        if let Some(role) = role {
            caller = Identity::from_arn(role.arn()).ok_or_else(|| {
                Error::new(
                    Name::InvalidInput,
                    format!("{} is no ARN of a role: expected a twelve-digit account", role.arn()),
                )
            })?;
            let role = Arc::new(Assumed::new(&self.config, role.clone(), self.identity.clone(), http.clone()));
            role.credentials().await?;
            let provider = aws_credential_types::provider::SharedCredentialsProvider::new(Provider(Arc::clone(&role)));
            config = config.credentials_provider(provider);
            assumed = Some(role);
        }
        let config = aws_sdk_ecr::config::Builder::from(&config.build())
            // What is retried is chosen in `promotion`, once; besides, the SDK takes LimitExceededException for
            // throttling.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeout_config(&self.config, http.timeouts()))
            .interceptor(AnswerLimit::ECR)
            .build();
        let pace = self.paces.of(&registry_id);
        let api = Arc::new(Api {
            endpoint: EcrEndpoint::new(registry_id, side, caller),
            sdk: aws_sdk_ecr::Client::from_conf(config),
            http,
            assumed,
        });
        let v2 = V2::new(TokenAuthenticator::new(Arc::clone(&api)));
        Ok(Ecr(Arc::new(Connection { api, v2, pace })))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connector(as {})", self.identity.arn())
    }
}
