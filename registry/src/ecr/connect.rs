use std::fmt;
use std::sync::Arc;

use aws_config::retry::RetryConfig;
use aws_config::{Region, SdkConfig};
use aws_types::service_config::ServiceConfigKey;
use promotion::{Error, Name};

use super::answer_limit::AnswerLimit;
use super::api::Api;
use super::assumed::{Assumed, Provider};
use super::endpoint::EcrEndpoint;
use super::get_authorization_token::TokenAuthenticator;
use super::identity::{Identity, timeout_config};
use super::pace::{Paces, Rates};
use super::registry_host::RegistryHost;
use super::registry_id::RegistryId;
use super::role::Role;
use super::{Connection, Ecr};
use crate::http::{Client, Timeouts};
use crate::v2::V2;
use crate::{EcrHost, Network, Side};

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
        let is_fips = self.config.use_fips().unwrap_or_default();
        let is_dual_stack = self.config.use_dual_stack().unwrap_or_default();
        let host = RegistryHost::Named { registry_id: registry_id.clone(), is_fips, is_dual_stack };
        self.connect_as(registry_id, host, side, role).await
    }

    /// Connects to a registry at the host that a user wrote: `/v2` is there, and the API is asked at an endpoint of the
    /// same form. What the configuration asks for besides stands.
    ///
    /// # Errors
    /// Those of [`Connector::connect`].
    pub async fn connect_to(&self, host: &EcrHost, side: Side, role: Option<&Role>) -> Result<Ecr, Error> {
        let registry_id = host.registry_id.clone();
        self.connect_as(registry_id, RegistryHost::Written(host.clone()), side, role).await
    }

    async fn connect_as(
        &self,
        registry_id: RegistryId,
        host: RegistryHost,
        side: Side,
        role: Option<&Role>,
    ) -> Result<Ecr, Error> {
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
        if let RegistryHost::Written(host) = &host
            && !has_own_endpoint(&self.config)
        {
            config.set_use_fips(Some(true).filter(|_| host.is_fips).or(self.config.use_fips()));
            config.set_use_dual_stack(Some(true).filter(|_| host.is_dual_stack).or(self.config.use_dual_stack()));
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
            host,
            sdk: aws_sdk_ecr::Client::from_conf(config),
            http,
            assumed,
        });
        let v2 = V2::new(TokenAuthenticator::new(Arc::clone(&api)));
        Ok(Ecr(Arc::new(Connection { api, v2, pace })))
    }
}

/// Whether the configuration names the endpoint of the API. That has one form, and the SDK refuses to be asked for
/// another.
fn has_own_endpoint(config: &SdkConfig) -> bool {
    let key = ServiceConfigKey::builder().service_id("ECR").env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let of_service = config.service_config().zip(key.ok()).and_then(|(service, key)| service.load_config(key));
    of_service.is_some() || config.endpoint_url().is_some()
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connector(as {})", self.identity.arn())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aws_config::BehaviorVersion;
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_types::body::SdkBody;
    use promotion::{Source as _, Target as _};

    use super::*;
    use crate::http::loopback::Loopback;
    use crate::{Location, Proxy};

    /// The API, which gives a token and names the IPv4 host, whatever host is asked. It remembers that.
    #[derive(Debug, Clone, Default)]
    struct Api(Arc<Mutex<Vec<String>>>);

    impl HttpConnector for Api {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            self.0.lock().unwrap().push(request.uri().trim_end_matches('/').to_owned());
            let json = r#"{"authorizationData":[{"authorizationToken":"QVdTOng=","expiresAt":4102444800,
                "proxyEndpoint":"https://111122223333.dkr.ecr.us-east-1.amazonaws.com"}]}"#;
            HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from(json))))
        }
    }

    /// Where the API and `/v2` are looked for: behind a proxy that lets nothing pass.
    async fn looked_for(api: &Api, connect: impl AsyncFnOnce(Connector) -> Ecr, set: (bool, bool)) -> [String; 3] {
        let proxy = Loopback::answering(["407 Proxy Authentication Required"]);
        let client = api.clone();
        let (https, except) = (Some(proxy.address.clone()), None);
        let network = Network { proxy: Proxy { https, except }, ..Network::default() };
        let credentials = Credentials::new("AKIAEXAMPLE", "secret", None, None, "tests");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .use_fips(set.0)
            .use_dual_stack(set.1)
            .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(client.clone())));
        let identity = Identity::from_arn("arn:aws:iam::111122223333:user/ann").unwrap();
        let ecr = connect(Connector::with_network(&config.build(), identity, &network).unwrap()).await;
        let name = ecr.registry().await.unwrap().to_string();
        ecr.start_upload(&"myapp/api".parse().unwrap()).await.unwrap_err();
        let requests = proxy.requests();
        let [request] = &requests[..] else { panic!("{requests:?}") };
        let v2 = request.strip_prefix("CONNECT ").unwrap().split(":443 ").next().unwrap().to_owned();
        [name, v2, std::mem::take(&mut *api.0.lock().unwrap()).concat()]
    }

    /// hashicorp/terraform-provider-aws#49276. The endpoints of the API are those of the SDK's own rules.
    #[tokio::test]
    async fn a_registry_is_at_the_host_that_a_user_wrote_and_its_api_at_one_of_that_form() {
        let api = Api::default();
        for (host, endpoint) in [
            ("111122223333.dkr.ecr.eu-west-1.amazonaws.com", "https://api.ecr.eu-west-1.amazonaws.com"),
            ("111122223333.dkr-ecr.eu-west-1.on.aws", "https://ecr.eu-west-1.api.aws"),
            ("111122223333.dkr.ecr-fips.us-east-1.amazonaws.com", "https://api.ecr-fips.us-east-1.amazonaws.com"),
            ("111122223333.dkr-ecr-fips.us-east-1.on.aws", "https://ecr-fips.us-east-1.api.aws"),
            ("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", "https://api.ecr.cn-north-1.amazonaws.com.cn"),
        ] {
            let Location::Ecr(written) = host.parse().unwrap() else { panic!("{host} is of ECR") };
            let connect =
                async |connector: Connector| connector.connect_to(&written, Side::Target, None).await.unwrap();
            assert_eq!(looked_for(&api, connect, (false, false)).await, [host, host, endpoint]);
        }
    }

    #[tokio::test]
    async fn account_and_region_are_looked_for_as_the_configuration_says() {
        let api = Api::default();
        let own = "111122223333.dkr.ecr.us-east-1.amazonaws.com";
        for (is_fips, is_dual_stack, host, endpoint) in [
            (false, false, own, "https://api.ecr.us-east-1.amazonaws.com"),
            (true, true, "111122223333.dkr-ecr-fips.us-east-1.on.aws", "https://ecr-fips.us-east-1.api.aws"),
        ] {
            let registry_id = RegistryId::new("111122223333", "us-east-1");
            let connect =
                async |connector: Connector| connector.connect(registry_id, Side::Target, None).await.unwrap();
            assert_eq!(looked_for(&api, connect, (is_fips, is_dual_stack)).await, [own, host, endpoint]);
        }
    }
}
