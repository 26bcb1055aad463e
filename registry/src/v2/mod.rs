//! `/v2` of any registry: each verb of the OCI distribution specification once.
//!
//! A verb has a file with two halves: the request as an [`AuthorizedClient`] sends it, and what its answers mean to a
//! promotion. How registries differ is in two traits: [`Dialect`], and [`Authenticate`] for the credentials.

mod authenticate;
mod blob_request;
mod digest;
mod has_blob;
mod mount_blob;
mod open_blob;
mod page;
mod permission;
mod ping;
mod probe_blob;
mod pull_manifest;
mod put_blob;
mod put_manifest;
mod referrers;
mod start_upload;
mod storage_urls;
mod tags;
mod unlisted;

use std::fmt;
use std::future::Future;

use oci::Repository;
use promotion::Error;

pub(crate) use self::authenticate::{Authenticate, Dialect, Sending, token_refused};
use self::has_blob::HeadOfNoUse;
pub use self::open_blob::Blob;
pub(crate) use self::permission::Permission;
pub use self::start_upload::Upload;
use self::storage_urls::StorageUrls;
use self::unlisted::Unlisted;
use crate::http::{AuthorizedClient, Failure};
use crate::operation::{Endpoint as _, Operation};

/// `/v2` of one registry.
pub(crate) struct V2<A> {
    authenticator: A,
    unlisted: Unlisted,
    storage_urls: StorageUrls,
    head_of_no_use: HeadOfNoUse,
}

impl<A: Authenticate> V2<A> {
    pub(crate) fn new(authenticator: A) -> Self {
        let (unlisted, head_of_no_use) = (Unlisted::default(), HeadOfNoUse::default());
        Self { authenticator, unlisted, storage_urls: StorageUrls::default(), head_of_no_use }
    }

    /// What its requests get their credentials from.
    pub(crate) fn authenticator(&self) -> &A {
        &self.authenticator
    }

    fn path(&self, repository: &Repository) -> Repository {
        self.authenticator.endpoint().path(repository)
    }

    /// Something tried with this permission.
    pub(crate) fn operation<'a>(
        &'a self,
        permission: Permission<'_>,
        repository: &'a Repository,
        doing: String,
    ) -> Operation<'a, A::Endpoint> {
        self.authenticator.endpoint().operation(A::Endpoint::action(permission), Some(repository), doing)
    }

    /// Sends a request, and once more with another credential if the first one was refused.
    async fn send<'a, T, F>(
        &'a self,
        operation: &Operation<'_, A::Endpoint>,
        permission: Permission<'a>,
        send: impl Fn(AuthorizedClient) -> F + Send + Sync + 'a,
    ) -> Result<T, Error>
    where
        T: Send + 'a,
        F: Future<Output = Result<T, Failure>> + Send + 'a,
    {
        self.authenticator.send(permission, send).await?.map_err(|failure| operation.failed(failure))
    }
}

impl<A: Authenticate> fmt::Debug for V2<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "V2({:?})", self.authenticator.endpoint())
    }
}
