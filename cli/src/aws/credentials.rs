use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::Region;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result, SharedCredentialsProvider, future};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::result::ConnectorError;
use oci::Secrets;
use oci::text::sanitize_line;

use super::files::ConfigFiles;
use super::processes::EndOnDrop;

/// How long one way of finding credentials may take: a `credential_process` may have to ask the user, as a credential
/// helper of a registry may.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long an instance's metadata service may take to answer, which is one hop away where there is one.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

/// The ways in which the AWS CLI finds credentials, in its order, those of IAM Identity Center and of `aws login` among
/// them.
#[derive(Debug)]
pub(super) struct Chain {
    steps: Vec<(&'static str, SharedCredentialsProvider)>,
    metadata: ImdsCredentialsProvider,
    commands: Vec<String>,
    /// Those of what was found last.
    secrets: Mutex<Secrets>,
}

impl Chain {
    pub(super) fn new(files: &ConfigFiles, region: Option<Region>, http: &SharedHttpClient) -> Self {
        let config = ProviderConfig::without_region().with_region(region).with_http_client(http.clone());
        let profile = ProfileFileCredentialsProvider::builder().configure(&config);
        let metadata = imds::Client::builder()
            .configure(&config)
            .max_attempts(2)
            .connect_timeout(METADATA_TIMEOUT)
            .read_timeout(METADATA_TIMEOUT)
            .operation_attempt_timeout(METADATA_TIMEOUT)
            .operation_timeout(2 * METADATA_TIMEOUT)
            .build();
        let steps: [(_, SharedCredentialsProvider); 4] = [
            ("the environment", SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new())),
            ("the profile", SharedCredentialsProvider::new(profile.profile_files(files.profiles.clone()).build())),
            (
                "the web identity token",
                SharedCredentialsProvider::new(
                    WebIdentityTokenCredentialsProvider::builder().configure(&config).build(),
                ),
            ),
            (
                "the container's endpoint",
                SharedCredentialsProvider::new(EcsCredentialsProvider::builder().configure(&config).build()),
            ),
        ];
        let metadata = ImdsCredentialsProvider::builder().configure(&config).imds_client(metadata).build();
        Self { steps: steps.into(), metadata, commands: files.commands.clone(), secrets: Mutex::default() }
    }

    async fn find(&self) -> Result {
        for (place, provider) in &self.steps {
            match self.ask(place, provider).await {
                Err(error @ CredentialsError::CredentialsNotLoaded(_)) if !is_wrong(&error) => {}
                Err(error) if is_of_network(&error) => return Err(error),
                // Asking again would not change it.
                Err(error) => {
                    return Err(CredentialsError::invalid_configuration(format!("{place}: {}", root(&error))));
                }
                found => return found,
            }
        }
        // Off AWS anything may answer in its place, or nothing.
        self.metadata.provide_credentials().await.map_err(|_| {
            CredentialsError::not_loaded(
                "none in the environment, in a profile or of a container, and no instance metadata answers",
            )
        })
    }

    async fn ask(&self, place: &str, provider: &SharedCredentialsProvider) -> Result {
        let mut running = EndOnDrop { commands: &self.commands, is_armed: true };
        let answer = tokio::time::timeout(TIMEOUT, provider.provide_credentials()).await;
        match answer {
            Ok(answer) => {
                running.is_armed = false;
                answer
            }
            Err(_) => Err(CredentialsError::invalid_configuration(format!(
                "{place} did not answer within {TIMEOUT:?} and was stopped; see what its credential_process waits for"
            ))),
        }
    }
}

impl ProvideCredentials for Chain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let found = self.find().await?;
            let secrets = Secrets::of([found.secret_access_key()].into_iter().chain(found.session_token()));
            *self.secrets.lock().unwrap_or_else(PoisonError::into_inner) = secrets;
            Ok(found)
        })
    }
}

/// Whether this is no absence but a mistake: a profile that is named and not there.
fn is_wrong(error: &(dyn std::error::Error + 'static)) -> bool {
    std::env::var_os("AWS_PROFILE").is_some_and(|profile| !profile.is_empty()) && root(error).contains("profile")
}

fn is_of_network(error: &(dyn std::error::Error + 'static)) -> bool {
    chain(error).any(|error| error.is::<ConnectorError>())
}

/// The innermost error: those around it say "failed to load" and the like.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    chain(error).last().map(|error| sanitize_line(&error.to_string())).unwrap_or_default()
}

fn chain<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}
