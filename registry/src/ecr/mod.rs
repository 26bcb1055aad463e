//! Amazon ECR: its API, one file per operation, and `/v2` with a token of the API.

mod answer_limit;
mod api;
mod assumed;
mod batch_check_layer_availability;
mod batch_get_image;
mod connect;
mod denied;
mod describe_repositories;
mod endpoint;
mod external_id;
mod get_account_setting;
mod get_authorization_token;
mod get_lifecycle_policy;
mod identity;
mod list_image_referrers;
mod list_images;
#[cfg(test)]
mod modelled_errors;
mod pace;
mod put_image;
mod registry_host;
mod registry_id;
mod role;
mod sdk;
mod statement;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use oci::{Descriptor, Digest, Manifest, Reference, Registry, Repository, Tag};
use promotion::pull::Consumer;
use promotion::{
    Error, Lookup, MountOutcome, Mounting, Name, OpenBlob, PutOutcome, Referrers, RepositorySettings, Source, Target,
};

pub use self::answer_limit::AnswerLimit;
use self::api::Api;
pub use self::connect::Connector;
use self::endpoint::EcrEndpoint;
pub use self::external_id::external_id_secrets;
use self::get_authorization_token::TokenAuthenticator;
pub use self::get_lifecycle_policy::UntaggedExpiry;
pub use self::identity::Identity;
pub use self::pace::Rates;
use self::pace::RegistryPace;
pub use self::registry_id::{RegistryId, is_account_id};
pub use self::role::Role;
use crate::v2::{Blob, Permission, Upload, V2};

/// An ECR registry: that of one account in one region, spoken to as one caller. Clones are the same connection.
#[derive(Clone)]
pub struct Ecr(Arc<Connection>);

struct Connection {
    api: Arc<Api>,
    v2: V2<TokenAuthenticator>,
    pace: Arc<RegistryPace>,
}

impl Ecr {
    /// The account and region.
    #[must_use]
    pub fn registry_id(&self) -> &RegistryId {
        &self.endpoint().registry_id
    }

    /// Who the registry sees: this process, or the role that it assumed.
    #[must_use]
    pub fn caller(&self) -> &Identity {
        &self.endpoint().caller
    }

    fn endpoint(&self) -> &EcrEndpoint {
        &self.0.api.endpoint
    }

    /// The client of the API, for one request.
    async fn api(&self) -> Result<&aws_sdk_ecr::Client, Error> {
        self.0.api.sdk().await
    }
}

impl fmt::Debug for Ecr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ecr({}, {:?}, as {})", self.registry_id(), self.endpoint().side, self.caller().arn())
    }
}

impl Source for Ecr {
    type Blob = Blob;

    fn name(&self) -> &str {
        &self.endpoint().name
    }

    /// What BatchGetImage and BatchCheckLayerAvailability take.
    fn batch_size(&self) -> usize {
        100
    }

    async fn registry(&self) -> Result<Registry, Error> {
        self.0.v2.authenticator().registry().await
    }

    async fn manifests(&self, repository: &Repository, references: &[Reference]) -> Result<Vec<Lookup>, Error> {
        self.batch_get_image(repository, references).await
    }

    /// Any repository may be one that a pull-through cache fills; which are, only a permission of its own would tell.
    fn imports_by_tag(&self) -> bool {
        true
    }

    async fn open_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        range: Range<u64>,
    ) -> Result<OpenBlob<Blob>, Error> {
        self.0.v2.open_blob(repository, blob, range).await
    }

    async fn referrers(&self, repository: &Repository, subject: Digest) -> Result<Referrers, Error> {
        self.list_image_referrers(repository, subject).await
    }

    async fn tags(&self, repository: &Repository, prefix: &str) -> Result<Option<Vec<Tag>>, Error> {
        self.list_images(repository, prefix).await.map(Some)
    }

    /// A repository may have 100,000 images, and BatchGetImage answers for a hundred tags at a time whether they exist.
    fn lists_tags_cheaply(&self) -> bool {
        false
    }

    fn requests(&self) -> u64 {
        self.0.api.http.requests()
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
        self.0.pace.initiate_layer_upload.turn().await;
        self.0.v2.start_upload(repository).await
    }

    async fn mount_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        from: &Repository,
    ) -> Result<MountOutcome<Upload>, Error> {
        // What is not mounted is opened as an upload.
        self.0.pace.initiate_layer_upload.turn().await;
        self.0.v2.mount_blob(repository, blob, from).await
    }

    async fn put_blob<B>(&self, upload: Upload, blob: &Descriptor, body: B) -> Result<(), Error>
    where
        B: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        if blob.size == 0 {
            let (repository, doing) = (upload.repository(), format!("uploading blob {}", blob.digest));
            let operation = self.0.v2.operation(Permission::PushBlob(repository), repository, doing);
            let why =
                "it is empty, and ECR refuses blobs of no bytes (devcontainers/cli#815): rebuild the image without it";
            return Err(operation.error(Name::RegistryLimit, why));
        }
        let body = self.0.pace.complete_layer_upload.clone().ending(body, blob.size);
        self.0.v2.put_blob(upload, blob, body).await
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

impl Consumer for Ecr {
    async fn pull_manifest(&self, repository: &Repository, reference: &Reference) -> Result<Manifest, Error> {
        self.0.v2.pull_manifest(repository, reference).await
    }

    async fn probe_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<(), Error> {
        self.0.v2.probe_blob(repository, blob).await
    }
}
