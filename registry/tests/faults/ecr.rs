use aws_config::SdkConfig;
use docker_registry::held::{image_is_whole, is_whole, tags_are_whole};
use ecr_double::{Config, EcrDouble};
use proxy::Proxy;
use registry::{AnyRegistry, Connector, Identity, Rates, RegistryId, Side};

use crate::images::images;
use crate::sdk;
use crate::setup::{Route, Setup, Setups, Waiting};

const REGION: &str = "eu-west-1";
const SOURCE: &str = "111122223333";
const TARGET: &str = "444455556666";

/// Two accounts of ECR: a double for each setup.
pub(crate) struct Doubles {
    /// Whose connections are shared: one that waits as usual, and one that waits a short time only.
    connectors: [Connector; 2],
}

impl Doubles {
    pub(crate) fn new() -> Self {
        let connector = |timeouts| {
            let connector =
                Connector::with_timeouts(&SdkConfig::builder().build(), identity(SOURCE), timeouts).unwrap();
            // ECR's own pace would make the matrix wait.
            connector.with_rates(Rates::of_each(10_000))
        };
        Self { connectors: Waiting::ALL.map(|waiting| connector(waiting.timeouts())) }
    }
}

impl Setups for Doubles {
    fn is_ecr(&self) -> bool {
        true
    }

    async fn setup(&self) -> Setup {
        let config = Config::default().registry(SOURCE, REGION).registry(TARGET, REGION);
        let double = EcrDouble::start(config).await.unwrap();
        let [source, target] = [SOURCE, TARGET].map(|account| double.registry(account, REGION));
        target.blob_mounting(true);
        let mut fixtures = images("team");
        // ECR lists referrers itself.
        fixtures[0].manifests.retain(|manifest| !manifest.is_index());
        for fixture in &fixtures {
            target.create_repository(&fixture.repository);
            source.create_repository(&fixture.repository);
            source.put(&fixture.repository, fixture);
        }
        let host = |endpoint: String| endpoint.trim_start_matches("http://").to_owned();
        let (api, storage) = (host(double.api_endpoint()), host(double.s3_endpoint()));
        let mut routes = Vec::new();
        for (name, host) in [
            ("source, API", &api),
            ("source, /v2", &source.host().to_owned()),
            ("source, S3", &storage),
            ("target, API", &api),
            ("target, /v2", &target.host().to_owned()),
        ] {
            let proxy = Proxy::start(host).await;
            if !name.ends_with("API") {
                double.detour(host, proxy.host());
            }
            let account = Some(if name.starts_with("source") { SOURCE } else { TARGET });
            routes.push(Route { name, account, proxy });
        }
        let endpoints = [0, 3].map(|at: usize| format!("http://{}", routes[at].proxy.host()));
        let [whole, image, tagged] = [target.clone(), target.clone(), target];
        let connectors = self.connectors.clone();
        Setup {
            routes,
            double: Some(double),
            fixtures,
            clients: Box::new(move |waiting| {
                let (endpoints, connector) =
                    (endpoints.clone(), connectors[usize::from(waiting == Waiting::Short)].clone());
                Box::pin(async move {
                    let [source, target] = &endpoints;
                    Ok([
                        client(&connector, source, SOURCE, Side::Source).await?,
                        client(&connector, target, TARGET, Side::Target).await?,
                    ])
                })
            }),
            is_whole: Box::new(move |fixture| is_whole(&whole, fixture)),
            image_is_whole: Box::new(move |fixture| image_is_whole(&image, fixture)),
            tags_are_whole: Box::new(move |fixture| tags_are_whole(&tagged, fixture)),
        }
    }
}

async fn client(
    connector: &Connector,
    endpoint: &str,
    account: &str,
    side: Side,
) -> Result<AnyRegistry, promotion::Error> {
    let config = sdk::config(endpoint, account, REGION);
    connector
        .acting_as(&config, identity(account))
        .connect(RegistryId::new(account, REGION), side, None)
        .await
        .map(AnyRegistry::Ecr)
}

fn identity(account: &str) -> Identity {
    Identity::from_arn(&format!("arn:aws:iam::{account}:root")).unwrap()
}
