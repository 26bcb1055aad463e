//! What comes of each error that the SDK models for an operation that is called here: one file each, of its name.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use oci::{Digest, Manifest, MediaType, Reference, Repository};
use promotion::{Error, Referrers, Source as _, Target as _};
use sdk_errors::Sdk;

use super::{Connector, Ecr, Identity, RegistryId};
use crate::Side;
use crate::http::loopback::Loopback;

/// The value that comes of an error, or the name of its failure, and "again" where the same may succeed later.
type Outcomes = &'static [(&'static str, &'static str)];

const UNAVAILABLE: &str = "RegistryUnavailable, again";

/// What comes of them where a registry is used like this.
const OPERATIONS: &[(&str, Side, Outcomes)] = &[
    (
        "batch_check_layer_availability",
        Side::Target,
        &[
            ("InvalidParameterException", "UnexpectedAnswer"),
            ("RepositoryNotFoundException", "TargetRepositoryNotFound"),
            ("ServerException", UNAVAILABLE),
        ],
    ),
    (
        "batch_get_image",
        Side::Source,
        &[
            ("InvalidParameterException", "UnexpectedAnswer"),
            ("LimitExceededException", "RegistryLimit"),
            ("RepositoryNotFoundException", "SourceImageNotFound"),
            ("ServerException", UNAVAILABLE),
            ("UnableToGetUpstreamImageException", "UnexpectedAnswer"),
        ],
    ),
    (
        "batch_get_image",
        Side::Target,
        &[
            ("InvalidParameterException", "UnexpectedAnswer"),
            ("LimitExceededException", "RegistryLimit"),
            ("RepositoryNotFoundException", "TargetRepositoryNotFound"),
            ("ServerException", UNAVAILABLE),
            ("UnableToGetUpstreamImageException", "UnexpectedAnswer"),
        ],
    ),
    (
        "describe_repositories",
        Side::Target,
        &[
            ("InvalidParameterException", "UnexpectedAnswer"),
            ("RepositoryNotFoundException", "[None]"),
            ("ServerException", UNAVAILABLE),
        ],
    ),
    (
        "get_account_setting",
        Side::Target,
        &[
            ("InvalidParameterException", "Referenced"),
            ("ServerException", UNAVAILABLE),
            ("ValidationException", "Referenced"),
        ],
    ),
    (
        "get_authorization_token",
        Side::Pull,
        &[("InvalidParameterException", "UnexpectedAnswer"), ("ServerException", UNAVAILABLE)],
    ),
    (
        "get_lifecycle_policy",
        Side::Target,
        &[
            ("InvalidParameterException", "UnexpectedAnswer"),
            ("LifecyclePolicyNotFoundException", "[]"),
            ("RepositoryNotFoundException", "TargetRepositoryNotFound"),
            ("ServerException", UNAVAILABLE),
            ("ValidationException", "UnexpectedAnswer"),
        ],
    ),
    (
        "list_image_referrers",
        Side::Source,
        &[
            ("InvalidParameterException", "UnexpectedAnswer"),
            ("RepositoryNotFoundException", "SourceImageNotFound"),
            ("ServerException", UNAVAILABLE),
            ("UnableToListUpstreamImageReferrersException", "Unclear(UnexpectedAnswer)"),
            ("ValidationException", "UnexpectedAnswer"),
        ],
    ),
    (
        "list_images",
        Side::Source,
        &[
            ("InvalidParameterException", "UnexpectedAnswer"),
            ("RepositoryNotFoundException", "SourceImageNotFound"),
            ("ServerException", UNAVAILABLE),
        ],
    ),
    (
        "put_image",
        Side::Target,
        &[
            ("ImageAlreadyExistsException", "Stored"),
            ("ImageDigestDoesNotMatchException", "CorruptContent"),
            ("ImageTagAlreadyExistsException", "TagConflict"),
            ("InvalidParameterException", "RegistryLimit"),
            ("KmsException", "TargetAccessDenied"),
            ("LayersNotFoundException", "LacksBlobs([])"),
            ("LimitExceededException", "RegistryLimit"),
            ("ReferencedImagesNotFoundException", "LacksManifests"),
            ("RepositoryNotFoundException", "TargetRepositoryNotFound"),
            ("ServerException", UNAVAILABLE),
        ],
    ),
];

/// An index of nothing.
fn manifest() -> Manifest {
    let kind = MediaType::OciIndex.as_str();
    let text = format!(r#"{{"schemaVersion":2,"mediaType":"{kind}","manifests":[]}}"#);
    Manifest::parse(text.into(), Some(kind)).unwrap()
}

async fn call(ecr: &Ecr, operation: &str) -> Result<String, Error> {
    let app: Repository = "app".parse().unwrap();
    let digest = Digest::of(b"x");
    Ok(match operation {
        "batch_check_layer_availability" => format!("{:?}", ecr.has_blobs(&app, &[digest]).await?),
        "batch_get_image" => format!("{:?}", ecr.manifests(&app, &[Reference::Digest(digest)]).await?),
        "describe_repositories" => format!("{:?}", ecr.repository_settings(&[app]).await?),
        "get_account_setting" => format!("{:?}", ecr.mounting().await?),
        "get_authorization_token" => format!("{:?}", ecr.registry().await?),
        "get_lifecycle_policy" => format!("{:?}", ecr.untagged_expiry(&app).await?),
        "list_image_referrers" => match ecr.referrers(&app, digest).await? {
            Referrers::Unclear(error) => format!("Unclear({})", error.name()),
            listed => format!("{listed:?}"),
        },
        "list_images" => format!("{:?}", ecr.tags(&app, "sha256-").await?),
        "put_image" => format!("{:?}", ecr.put_manifest(&app, &manifest(), None).await?),
        other => panic!("{other} is not called"),
    })
}

/// What comes of an operation that ECR answers with this error.
async fn outcome(operation: &str, side: Side, error: &str) -> String {
    let status = if error == "ServerException" { "500 Internal Server Error" } else { "400 Bad Request" };
    let head = "content-type: application/x-amz-json-1.1";
    let ecr = Loopback::answering([&*format!("{status}\n{head}\n\n{{\"__type\":\"{error}\",\"message\":\"m\"}}")]);
    let credentials = Credentials::new("AKIAEXAMPLE", "secret", None, None, "tests");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(&ecr.address)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let connector = Connector::new(&config, Identity::from_arn("arn:aws:iam::111122223333:root").unwrap()).unwrap();
    let connected = connector.connect(RegistryId::new("111122223333", "eu-west-1"), side, None).await.unwrap();
    let outcome = match call(&connected, operation).await {
        Ok(outcome) => outcome,
        Err(error) if error.is_temporary() => format!("{}, again", error.name()),
        Err(error) => error.name().to_string(),
    };
    let requests = ecr.requests();
    let asked = requests[0].lines().find_map(|line| line.strip_prefix("x-amz-target: ")).unwrap().split('.').nth(1);
    let asked = asked.unwrap().to_lowercase();
    assert_eq!((asked, requests.len()), (operation.replace('_', ""), 1), "{requests:?}");
    outcome
}

#[test]
fn every_operation_that_is_called_is_listed() {
    let sdk = Sdk::of("aws-sdk-ecr");
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/ecr")).unwrap();
    let names = files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    let mut called: Vec<String> = names.filter(|name| sdk.has(name)).collect();
    called.sort_unstable();
    let mut listed: Vec<_> = OPERATIONS.iter().map(|(operation, ..)| *operation).collect();
    listed.dedup();
    assert_eq!(called, listed);
}

#[tokio::test]
async fn every_modelled_error_has_an_outcome() {
    let sdk = Sdk::of("aws-sdk-ecr");
    for (operation, side, outcomes) in OPERATIONS {
        let listed: Vec<_> = outcomes.iter().map(|(error, _)| *error).collect();
        assert_eq!(sdk.errors(operation), listed, "{operation}");
        for (error, expected) in *outcomes {
            assert_eq!(outcome(operation, *side, error).await, *expected, "{operation}, {side:?}: {error}");
        }
    }
}
