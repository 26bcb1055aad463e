//! A double of ECR with a source and two targets, and clients of the real thing that speak to it.

use std::fmt::Write as _;

use ecr_double::{Config, Deny, EcrDouble, Mutability, RegistryHandle, RepositoryOptions};
use oci::{Digest, MediaType};
use promotion::{Error, Limits, Promotion, Release, Report, RetryPolicy, Until};
use registry::{Connector, Ecr, Identity, RegistryId, Side};

use crate::sdk;

pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const SOURCE: &str = "111122223333";
pub(crate) const TARGETS: [&str; 2] = ["444455556666", "123456789012"];

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
            for repository in repositories {
                world.at(account).create_repository(repository);
            }
        }
        world
    }

    pub(crate) fn at(&self, account: &str) -> RegistryHandle {
        self.double.registry(account, REGION)
    }

    /// A client of one account's registry that acts as another account's root, as a role of that account would.
    pub(crate) async fn client(&self, caller: &str, account: &str, side: Side) -> Ecr {
        // ECR's own pace would make these tests wait.
        self.paced_client(caller, account, side, Some(10_000)).await
    }

    /// The same at another pace of PutImage, or at ECR's.
    pub(crate) async fn paced_client(&self, caller: &str, account: &str, side: Side, rate: Option<u32>) -> Ecr {
        let config = sdk::config(&self.double.api_endpoint(), caller, REGION);
        let identity = Identity::from_arn(&format!("arn:aws:iam::{caller}:root")).unwrap();
        let connector = Connector::new(&config, identity).unwrap();
        let connector = rate.map_or(connector.clone(), |rate| connector.with_put_image_rate(rate));
        connector.connect(RegistryId::new(account, REGION), side, None).await.unwrap()
    }

    pub(crate) async fn promotion(&self, targets: &[&str]) -> Promotion<Ecr, Ecr> {
        let source = self.client(SOURCE, SOURCE, Side::Source).await;
        let mut clients = Vec::new();
        for target in targets {
            clients.push(self.client(target, target, Side::Target).await);
        }
        let retry_policy =
            RetryPolicy { initial_backoff: std::time::Duration::from_millis(1), ..RetryPolicy::default() };
        Promotion::new(source, clients, retry_policy, Limits::default())
    }

    pub(crate) async fn promote(&self, images: &[&str]) -> Result<Report, Error> {
        self.promotion(&TARGETS[..1]).await.run(release(images), Until::Tagged, None).await
    }

    /// Takes a permission from everybody in an account.
    pub(crate) fn deny(&self, caller: &str, action: &str, explicit: bool) {
        let caller = format!("*{caller}*");
        self.double.deny(Deny { caller, action: action.into(), explicit, ..Deny::default() });
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

/// A manifest that was seeded, and how an index refers to it.
pub(crate) struct Seeded {
    pub(crate) digest: String,
    pub(crate) media_type: &'static str,
    pub(crate) size: usize,
}

pub(crate) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// An image over these layers, given by media type and bytes. A layer without bytes is one that stays elsewhere.
pub(crate) fn seed_image(at: &RegistryHandle, repository: &str, layers: &[(&str, &[u8])], tag: Option<&str>) -> Seeded {
    seed_as(at, repository, MediaType::OciManifest, "application/vnd.oci.image.config.v1+json", layers, tag)
}

/// The same in Docker's media types.
pub(crate) fn seed_docker_image(
    at: &RegistryHandle,
    repository: &str,
    layers: &[(&str, &[u8])],
    tag: Option<&str>,
) -> Seeded {
    seed_as(at, repository, MediaType::DockerManifest, "application/vnd.docker.container.image.v1+json", layers, tag)
}

fn seed_as(
    at: &RegistryHandle,
    repository: &str,
    media_type: MediaType,
    config_type: &str,
    layers: &[(&str, &[u8])],
    tag: Option<&str>,
) -> Seeded {
    let config = format!(r#"{{"architecture":"amd64","os":"linux","rootfs":{{"n":{}}}}}"#, layers.len());
    let config_digest = at.put_blob(repository, config.as_bytes());
    let entries: Vec<String> = layers
        .iter()
        .map(|(media_type, bytes)| {
            let (digest, size) = match bytes {
                [] => (Digest::of(b"elsewhere").to_string(), 9),
                bytes => (at.put_blob(repository, bytes), bytes.len()),
            };
            format!("{{ \"mediaType\":\"{media_type}\",\t\"digest\":\"{digest}\",\"size\":{size} }}")
        })
        .collect();
    let raw = format!(
        "{{\n   \"schemaVersion\": 2,\n   \"mediaType\": \"{media_type}\",\n   \"config\": {{\"mediaType\":\"{config_type}\",\"size\":{},\"digest\":\"{config_digest}\"}},\n   \"layers\": [{}]\n}}\n",
        config.len(),
        entries.join(" , ")
    );
    put(at, repository, &raw, media_type, tag)
}

/// An index over these manifests, with a text that is not a platform's for the attestations among them.
pub(crate) fn seed_index(
    at: &RegistryHandle,
    repository: &str,
    media_type: MediaType,
    children: &[(&Seeded, &str)],
    tag: Option<&str>,
) -> Seeded {
    let entries: Vec<String> = children
        .iter()
        .map(|(child, platform)| {
            let (os, architecture) = platform.split_once('/').unwrap();
            format!(
                r#"{{"mediaType":"{}","digest":"{}","size":{},"platform":{{"architecture":"{architecture}","os":"{os}"}}}}"#,
                child.media_type, child.digest, child.size
            )
        })
        .collect();
    let raw = format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","manifests":[{}]}}"#, entries.join(","));
    put(at, repository, &raw, media_type, tag)
}

fn put(at: &RegistryHandle, repository: &str, raw: &str, media_type: MediaType, tag: Option<&str>) -> Seeded {
    let media_type = media_type.as_str();
    Seeded { digest: at.put_manifest(repository, raw.as_bytes(), media_type, tag), media_type, size: raw.len() }
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
