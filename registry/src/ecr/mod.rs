//! Amazon ECR: one file per operation, of its API and of `/v2`.

mod assumed;
mod batch_check_layer_availability;
mod batch_get_image;
mod blob;
mod connect;
mod denied;
mod describe_repositories;
mod endpoint;
mod get_account_setting;
mod get_authorization_token;
mod get_lifecycle_policy;
mod identity;
mod list_image_referrers;
mod pace;
mod pull;
mod put_image;
mod registry_id;
mod role;
mod sdk;
mod statement;
mod upload;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use oci::{Descriptor, Digest, Manifest, Reference, Registry, Repository, Tag};
use promotion::{
    Error, Lookup, MountOutcome, Mounting, OpenBlob, PutOutcome, Referrers, RepositorySettings, Source, Target,
};

use self::assumed::Assumed;
pub use self::connect::Connector;
use self::endpoint::EcrEndpoint;
pub use self::get_lifecycle_policy::UntaggedExpiry;
pub use self::identity::Identity;
use self::pace::Pace;
pub use self::registry_id::{RegistryId, is_account_id};
pub use self::role::Role;
use crate::http::{Authorization, Client};
use crate::{Blob, Upload};

/// An ECR registry: that of one account in one region, spoken to as one caller. Clones are the same connection.
#[derive(Clone)]
pub struct Ecr(Arc<Connection>);

struct Connection {
    endpoint: EcrEndpoint,
    api: aws_sdk_ecr::Client,
    http: Client,
    /// The role that is acted as, if any.
    assumed: Option<Arc<Assumed>>,
    authorization: Authorization,
    pace: Arc<Pace>,
}

impl Ecr {
    /// The account and region.
    #[must_use]
    pub fn registry_id(&self) -> &RegistryId {
        &self.0.endpoint.registry_id
    }

    /// Who the registry sees: this process, or the role that it assumed.
    #[must_use]
    pub fn caller(&self) -> &Identity {
        &self.0.endpoint.caller
    }

    fn endpoint(&self) -> &EcrEndpoint {
        &self.0.endpoint
    }

    fn http(&self) -> &Client {
        &self.0.http
    }

    /// The client of the API, for one request: with credentials that are good, and counted.
    async fn api(&self) -> Result<&aws_sdk_ecr::Client, Error> {
        if let Some(assumed) = &self.0.assumed {
            assumed.credentials().await?;
        }
        self.0.http.count();
        Ok(&self.0.api)
    }
}

impl fmt::Debug for Ecr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Ecr({}, {:?}, as {})",
            self.0.endpoint.registry_id,
            self.0.endpoint.side,
            self.0.endpoint.caller.arn()
        )
    }
}

impl Source for Ecr {
    type Blob = Blob;

    fn name(&self) -> &str {
        &self.0.endpoint.name
    }

    /// What BatchGetImage and BatchCheckLayerAvailability take.
    fn batch_size(&self) -> usize {
        100
    }

    async fn registry(&self) -> Result<Registry, Error> {
        self.host().await
    }

    async fn manifests(&self, repository: &Repository, references: &[Reference]) -> Result<Vec<Lookup>, Error> {
        self.batch_get_image(repository, references).await
    }

    async fn open_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        range: Range<u64>,
    ) -> Result<OpenBlob<Blob>, Error> {
        self.open_blob(repository, blob, range).await
    }

    async fn referrers(&self, repository: &Repository, subject: Digest) -> Result<Referrers, Error> {
        self.list_image_referrers(repository, subject).await.map(Referrers::Listed)
    }

    /// A repository may have 100,000 images, and BatchGetImage answers for a hundred tags at a time whether they exist.
    async fn tags(&self, _: &Repository, _prefix: &str) -> Result<Option<Vec<Tag>>, Error> {
        Ok(None)
    }

    fn requests(&self) -> u64 {
        self.0.http.requests()
    }
}

impl Target for Ecr {
    type Upload = Upload;

    async fn repository_settings(&self, repositories: &[Repository]) -> Result<Vec<Option<RepositorySettings>>, Error> {
        self.describe_repositories(repositories).await
    }

    async fn mounting(&self) -> Result<Mounting, Error> {
        Ok(if self.get_account_setting().await? { Mounting::Referenced } else { Mounting::Never })
    }

    async fn has_blobs(&self, repository: &Repository, blobs: &[Digest]) -> Result<Vec<bool>, Error> {
        self.batch_check_layer_availability(repository, blobs).await
    }

    async fn start_upload(&self, repository: &Repository) -> Result<Upload, Error> {
        self.start_upload(repository).await
    }

    async fn mount_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        from: &Repository,
    ) -> Result<MountOutcome<Upload>, Error> {
        self.mount_blob(repository, blob, from).await
    }

    async fn put_blob<B>(&self, upload: Upload, blob: &Descriptor, body: B) -> Result<(), Error>
    where
        B: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        self.put_blob(upload, blob, body).await
    }

    async fn put_manifest(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        tag: Option<&Tag>,
    ) -> Result<PutOutcome, Error> {
        self.put_image(repository, manifest, tag).await
    }
}
