use docker_registry::held::Held;
use ecr_double::{Config, EcrDouble, RegistryHandle};
use image_fixtures::{Fixture, shared_layers};
use proxy::{Fault, Proxy};

use crate::sts::Sts;
use crate::sweep::{Setup, sweep};

const ACCOUNT: &str = "111122223333";
const REGIONS: [&str; 3] = ["eu-west-1", "eu-west-2", "us-east-1"];

/// Ways: the API, which is one for all registries; `/v2` of the source and of either target; S3.
const API: usize = 0;
const SOURCE: usize = 1;
const TARGET: usize = 2;
const OTHER: usize = 3;
const S3: usize = 4;

/// A registry with an image, and those of two other regions.
struct CrashSetup {
    ways: Vec<Proxy>,
    targets: Vec<RegistryHandle>,
    image: Fixture,
    sts: Sts,
    _double: EcrDouble,
}

impl CrashSetup {
    async fn new(image: &Fixture) -> Self {
        let config = REGIONS.iter().fold(Config::default(), |config, region| config.registry(ACCOUNT, region));
        let double = EcrDouble::start(config).await.unwrap();
        let registries = REGIONS.map(|region| double.registry(ACCOUNT, region));
        for registry in &registries {
            registry.create_repository(&image.repository);
        }
        registries[0].put(&image.repository, image);
        let host = |endpoint: String| endpoint.trim_start_matches("http://").to_owned();
        let api = host(double.api_endpoint());
        let mut ways = vec![Proxy::start(&api).await];
        let registry_hosts = registries.iter().map(|registry| registry.host().to_owned());
        for host in registry_hosts.chain([host(double.s3_endpoint())]) {
            let proxy = Proxy::start(&host).await;
            double.detour(&host, proxy.host());
            ways.push(proxy);
        }
        let [_, targets @ ..] = registries;
        Self { ways, targets: targets.into(), image: image.clone(), sts: Sts::start(), _double: double }
    }
}

impl Setup for CrashSetup {
    fn targets(&self) -> Vec<&dyn Held> {
        self.targets.iter().map(|target| target as &dyn Held).collect()
    }

    fn ways(&self) -> Vec<&Proxy> {
        self.ways.iter().collect()
    }

    fn fixture(&self) -> &Fixture {
        &self.image
    }

    fn arguments(&self) -> Vec<String> {
        let named = ["--source", "--target", "--target"].into_iter().zip(REGIONS);
        named
            .flat_map(|(option, region)| [option.to_owned(), format!("{ACCOUNT}.dkr.ecr.{region}.amazonaws.com")])
            .collect()
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", ACCOUNT.into()),
            ("AWS_SECRET_ACCESS_KEY", "secret".into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("AWS_ENDPOINT_URL_ECR", format!("http://{}", self.ways[API].host())),
            ("AWS_ENDPOINT_URL_STS", self.sts.endpoint()),
        ]
    }
}

async fn at_each_request(way: usize, fault: Fault) {
    let image = shared_layers("team/app", "1.0");
    let moments = sweep(async || CrashSetup::new(&image).await, way, fault).await;
    println!("{moments} moments");
    assert!(moments >= image.blobs.len(), "all requests pass the proxies");
}

#[tokio::test]
async fn before_the_api_is_asked() {
    at_each_request(API, Fault::Hang).await;
}

#[tokio::test]
async fn before_the_api_answers() {
    at_each_request(API, Fault::HoldAnswer).await;
}

#[tokio::test]
async fn before_the_source_is_read() {
    at_each_request(SOURCE, Fault::Hang).await;
    at_each_request(S3, Fault::Hang).await;
}

#[tokio::test]
async fn before_a_target_is_asked() {
    at_each_request(TARGET, Fault::Hang).await;
}

#[tokio::test]
async fn before_a_target_answers() {
    at_each_request(TARGET, Fault::HoldAnswer).await;
}

#[tokio::test]
async fn before_the_other_target_is_asked() {
    at_each_request(OTHER, Fault::Hang).await;
}

#[tokio::test]
async fn before_the_other_target_answers() {
    at_each_request(OTHER, Fault::HoldAnswer).await;
}
