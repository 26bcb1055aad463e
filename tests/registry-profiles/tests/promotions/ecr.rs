//! Amazon ECR has a double of its own. Its promotions are tested in `registry/tests/promotion`; here it stands where the
//! other registries do: beside one of the specification.

use std::collections::BTreeMap;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use ecr_double::{Config, EcrDouble, RegistryHandle};
use promotion::{Limits, Promotion, Until};
use registry::{AnyRegistry, Connector, Distributions, Identity, Network, RegistryId, Side};
use registry_profiles::{Registry, profiles};

use crate::images::{Images, without_lists};
use crate::setup::{known, retries};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";

struct Ecr {
    double: EcrDouble,
    registry: RegistryHandle,
}

impl Ecr {
    async fn start(images: &Images) -> Self {
        let double = EcrDouble::start(Config::default().registry(ACCOUNT, REGION)).await.unwrap();
        let registry = double.registry(ACCOUNT, REGION);
        images.all().iter().for_each(|image| registry.create_repository(&image.repository));
        Self { double, registry }
    }

    async fn connect(&self, side: Side) -> AnyRegistry {
        let credentials = Credentials::new(ACCOUNT, "secret", None, None, "tests");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .endpoint_url(self.double.api_endpoint())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let identity = Identity::from_arn(&format!("arn:aws:iam::{ACCOUNT}:root")).unwrap();
        let connector = Connector::new(&config, identity).unwrap();
        AnyRegistry::Ecr(connector.connect(RegistryId::new(ACCOUNT, REGION), side, None).await.unwrap())
    }
}

fn specified(registry: &Registry, side: Side) -> AnyRegistry {
    let distributions = Distributions::new(&Network::default()).unwrap();
    AnyRegistry::Distribution(distributions.connect(registry.address().parse().unwrap(), known(), side))
}

async fn promote(source: AnyRegistry, target: AnyRegistry, images: &Images) {
    let promotion = Promotion::new(source, [target], retries(), Limits::default());
    let report = Box::pin(promotion.run(images.release(), Until::Tagged, None)).await.unwrap();
    assert_eq!(report.notes, Vec::<String>::new());
}

/// What a repository should hold: every manifest of an image, and what its tags point to.
fn wanted(images: &Images, repository: &str) -> BTreeMap<String, Vec<u8>> {
    let image = images.all().into_iter().find(|image| image.repository == repository).unwrap();
    let manifests = without_lists(image).manifests.clone().into_iter();
    manifests
        .flat_map(|held| {
            [vec![held.digest], held.tags].concat().into_iter().map(move |name| (name, held.bytes.clone()))
        })
        .collect()
}

#[tokio::test]
async fn as_source() {
    let images = Images::new();
    let (ecr, target) = (Ecr::start(&images).await, Registry::start(profiles::specified()).await);
    for image in images.all() {
        ecr.registry.put(&image.repository, &without_lists(image));
    }
    for _ in 0..2 {
        target.reset();
        promote(ecr.connect(Side::Source).await, specified(&target, Side::Target), &images).await;
        for image in images.all() {
            for (name, bytes) in wanted(&images, &image.repository) {
                assert_eq!(target.manifest(&image.repository, &name).as_deref(), Some(&*bytes), "{name}");
            }
        }
    }
    assert_eq!(target.writes(), []);
    assert_eq!(target.tags("team/app").len(), 2);
}

#[tokio::test]
async fn as_target() {
    let images = Images::new();
    let (ecr, source) = (Ecr::start(&images).await, Registry::start(profiles::specified()).await);
    for image in images.all() {
        source.hold(&without_lists(image));
    }
    for run in 0..2 {
        ecr.double.reset_requests();
        promote(specified(&source, Side::Source), ecr.connect(Side::Target).await, &images).await;
        for image in images.all() {
            for (name, bytes) in wanted(&images, &image.repository) {
                let digest = ecr.registry.resolve(&image.repository, &name).unwrap_or(name);
                assert_eq!(ecr.registry.manifest(&image.repository, &digest), Some(bytes), "{digest}");
            }
        }
        assert_eq!(ecr.double.requests_of("PutImage").is_empty(), run == 1);
    }
    assert_eq!(ecr.registry.tags("team/app").len(), 2);
}
