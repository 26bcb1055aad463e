//! A double of ECR with a source and two targets, and clients of the real thing that speak to it.

use std::fmt::Write as _;
use std::time::Duration;

use ecr_double::{Caller, Config, EcrDouble, Mutability, RegistryHandle, RepositoryOptions};
pub(crate) use image_fixtures::{Image, Index};
use promotion::{Error, Limits, Promotion, Release, Report, RetryPolicy, Until};
use registry::{Connector, Ecr, Identity, Rates, RegistryId, Side};
use serde_json::{Value, json};

use crate::sdk;

pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const SOURCE: &str = "111122223333";
pub(crate) const TARGETS: [&str; 2] = ["444455556666", "123456789012"];

/// The role of each account that acts.
const ROLE: &str = "promoter";
/// What these tests wait at a time.
const MOMENT: Duration = Duration::from_millis(1);

pub(crate) struct World {
    pub(crate) double: EcrDouble,
}

impl World {
    /// Repositories of these names everywhere.
    pub(crate) async fn new(repositories: &[&str]) -> Self {
        let config = [SOURCE, TARGETS[0], TARGETS[1]]
            .iter()
            .fold(Config::default(), |config, account| config.registry(account, REGION));
        let world = Self { double: EcrDouble::start(config).await.unwrap() };
        for account in [SOURCE, TARGETS[0], TARGETS[1]] {
            world.double.caller(Caller::named(account, account, ROLE));
            world.allow_all(account);
            for repository in repositories {
                world.at(account).create_repository(repository);
            }
        }
        world
    }

    pub(crate) fn at(&self, account: &str) -> RegistryHandle {
        self.double.registry(account, REGION)
    }

    /// A client of one account's registry that acts as a role of another account.
    pub(crate) async fn client(&self, caller: &str, account: &str, side: Side) -> Ecr {
        // ECR's own pace would make these tests wait.
        self.paced_client(caller, account, side, Rates::of_each(10_000)).await
    }

    /// The same at another pace.
    pub(crate) async fn paced_client(&self, caller: &str, account: &str, side: Side, rates: Rates) -> Ecr {
        let config = sdk::config(&self.double.api_endpoint(), caller, REGION);
        let identity = Identity::from_arn(&format!("arn:aws:sts::{caller}:assumed-role/{ROLE}/session")).unwrap();
        let connector = Connector::new(&config, identity).unwrap().with_rates(rates);
        connector.connect(RegistryId::new(account, REGION), side, None).await.unwrap()
    }

    pub(crate) async fn promotion(&self, targets: &[&str]) -> Promotion<Ecr, Ecr> {
        let source = self.client(SOURCE, SOURCE, Side::Source).await;
        let mut clients = Vec::new();
        for target in targets {
            clients.push(self.client(target, target, Side::Target).await);
        }
        let retry_policy =
            RetryPolicy { initial_backoff: MOMENT, patience: MOMENT, lag: 64 * MOMENT, ..RetryPolicy::default() };
        Promotion::new(source, clients, retry_policy, Limits::default())
    }

    pub(crate) async fn promote(&self, images: &[&str]) -> Result<Report, Error> {
        self.promotion(&TARGETS[..1]).await.run(release(images), Until::Tagged, None).await
    }

    /// Allows an account's role all.
    pub(crate) fn allow_all(&self, account: &str) {
        self.give(account, &json!({ "Effect": "Allow", "Action": "*", "Resource": "*" }));
    }

    /// Leaves an account's role all but one action.
    pub(crate) fn take(&self, account: &str, action: &str) {
        self.give(account, &json!({ "Effect": "Allow", "NotAction": action, "Resource": "*" }));
    }

    /// Denies an account's role an action, whatever else allows it.
    pub(crate) fn deny(&self, account: &str, action: &str) {
        let all = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
        self.give(account, &json!([all, { "Effect": "Deny", "Action": action, "Resource": "*" }]));
    }

    fn give(&self, account: &str, statement: &Value) {
        let role = format!("arn:aws:iam::{account}:role/{ROLE}");
        self.double.identity_policies(&role, &[json!({ "Statement": statement })]);
    }

    /// How many requests of each kind the double has seen of this account's registry, beside authorisation.
    pub(crate) fn requests(&self, account: &str) -> Vec<String> {
        let requests = self.double.requests().into_iter().filter(|request| request.account == account);
        requests.map(|request| request.operation).filter(|operation| operation != "GetAuthorizationToken").collect()
    }

    /// Everything a repository of the source has is, byte for byte, in that of the target.
    pub(crate) fn assert_same(&self, repository: &str, target: &str) {
        let (source, target) = (self.at(SOURCE), self.at(target));
        assert_eq!(source.tags(repository), target.tags(repository));
        assert_eq!(source.blobs(repository), target.blobs(repository));
        for manifest in source.manifests(repository) {
            assert_eq!(target.manifest(repository, &manifest.digest).as_ref(), Some(&manifest.bytes));
        }
        for digest in source.blobs(repository).keys() {
            let read = |handle: &RegistryHandle| std::fs::read(handle.blob_path(digest)).unwrap();
            assert_eq!(read(&source), read(&target), "{digest}");
        }
    }
}

/// A release of these images, written `repository:tag`.
pub(crate) fn release(images: &[&str]) -> Release {
    release_with(images, "")
}

/// The same with more fields, written as in JSON and preceded by a comma.
pub(crate) fn release_with(images: &[&str], more: &str) -> Release {
    let mut json = String::new();
    for image in images {
        let (repository, tag) = image.split_once(':').unwrap();
        write!(
            json,
            r#"{}{{"repository":"{repository}","tag":"{tag}"{more}}}"#,
            if json.is_empty() { "" } else { "," }
        )
        .unwrap();
    }
    Release::parse(format!(r#"{{"images":[{json}]}}"#).as_bytes()).unwrap()
}

/// Bytes that differ from those of another seed.
pub(crate) fn bytes(seed: u8, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + usize::from(seed) * 7 + at / 251) as u8).collect()
}

/// A repository in which these tags may move and no others.
pub(crate) fn immutable_but(exclusions: &[&str]) -> RepositoryOptions {
    let mode = if exclusions.is_empty() { "IMMUTABLE" } else { "IMMUTABLE_WITH_EXCLUSION" };
    let exclusions = exclusions.iter().map(ToString::to_string).collect();
    RepositoryOptions { mutability: Mutability { mode: mode.into(), exclusions }, ..RepositoryOptions::default() }
}
