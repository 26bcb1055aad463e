use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use futures_util::{StreamExt, stream};
use oci::Secrets;
use promotion::{Error, Name, RetryPolicy, Retrying};
use registry::{AnswerLimit, AnyRegistry, Connector, Ecr, Identity, Network, RegistryId, Role, Side, aws_http_client};
use tokio::sync::OnceCell;

use crate::pinned::MAX_STORED_BYTES;
use crate::registry_ids::role_for;
use crate::settings::{RolePurpose, Settings, Ssm};
use crate::{Targets, session_name};

use std::time::Duration;

/// The longest answer of S3 that is read: a file of a release is shorter.
const FILE: AnswerLimit = AnswerLimit::new(2 * MAX_STORED_BYTES);

/// How many targets are connected to at a time.
const AT_ONCE: usize = 8;

/// The connections of this process, made once and used by one invocation after the other.
#[derive(Debug)]
pub struct Aws {
    config: SdkConfig,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) ssm: aws_sdk_ssm::Client,
    connector: OnceCell<Retrying<Connector>>,
}

impl Aws {
    /// Reads the configuration from the environment. Nothing is sent yet.
    pub async fn load() -> Self {
        // Lambda renews them with the process.
        let credentials = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].map(|name| std::env::var(name).ok());
        Secrets::of(credentials.iter().flatten()).keep();
        // The SDK has no limit by default on how long an answer may take to begin.
        let timeouts =
            TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).read_timeout(Duration::from_secs(30));
        let loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts.build());
        let config = match aws_http_client(&Network::from_environment()) {
            Ok(client) => loader.http_client(client).load().await,
            // What is wrong with HTTPS_PROXY is reported when the registries are connected to.
            Err(_) => loader.load().await,
        };
        // An endpoint of one's own seldom answers under the name of every bucket.
        let is_local = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].iter().any(|name| std::env::var_os(name).is_some());
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(is_local).interceptor(FILE).build();
        Self {
            s3: aws_sdk_s3::Client::from_conf(s3),
            ssm: aws_sdk_ssm::Client::from_conf(
                aws_sdk_ssm::config::Builder::from(&config).interceptor(AnswerLimit::ONE_THING).build(),
            ),
            connector: OnceCell::new(),
            config,
        }
    }

    /// The own account and region.
    pub(crate) async fn own(&self) -> Result<RegistryId, Error> {
        let region = self.config.region().ok_or_else(|| {
            Error::new(
                Name::InvalidInput,
                "no region is configured: set the environment variable AWS_REGION, as Lambda does",
            )
        })?;
        Ok(RegistryId::new(self.connector().await?.get().identity().account(), region.as_ref()))
    }

    async fn connector(&self) -> Result<&Retrying<Connector>, Error> {
        let connect = || async {
            let config = Retrying::new(self.config.clone(), RetryPolicy::default());
            let identity = config.ask(Identity::read).await?;
            let connector = Connector::with_network(&self.config, identity, &Network::from_environment())?;
            Ok(Retrying::new(connector, RetryPolicy::default()))
        };
        self.connector.get_or_try_init(connect).await
    }

    /// The registry that images are read from, with the function's own role.
    pub(crate) async fn source(&self, settings: Settings<'_>, partition: &str) -> Result<AnyRegistry, Error> {
        let own = self.own().await?;
        let registry_id = settings.source(&own, &Ssm { client: &self.ssm, partition }).await?;
        let connector = self.connector().await?;
        let ecr = connector.ask(|connector| connector.connect(registry_id.clone(), Side::Source, None)).await?;
        Ok(AnyRegistry::Ecr(ecr))
    }

    /// The registries of all targets, in their order, or for each why it cannot be reached.
    pub(crate) async fn targets(
        &self,
        targets: &Targets,
        settings: Settings<'_>,
        purpose: RolePurpose,
        side: Side,
    ) -> Result<Vec<Result<Ecr, Error>>, Error> {
        let own = &self.own().await?;
        let connector = self.connector().await?;
        let role = &settings.role(purpose)?;
        let external_id = &settings.external_id()?;
        let session = &session_name(settings.event.repo.as_str(), settings.event.sk.as_str());
        let connect = |registry_id: RegistryId| async move {
            let role = role_for(&registry_id, own, purpose, role.as_ref())?.map(|name| {
                let partition = connector.get().identity().partition();
                let external_id = external_id.as_ref().map(|id| id.as_str().to_owned());
                Role::new(partition, &registry_id.account, name.as_str(), session).with_external_id(external_id)
            });
            connector.ask(|connector| connector.connect(registry_id.clone(), side, role.as_ref())).await
        };
        Ok(stream::iter(targets.registry_ids.clone()).map(connect).buffered(AT_ONCE).collect().await)
    }
}
