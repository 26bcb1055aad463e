use std::future::Future;

use futures_util::future::BoxFuture;
use oci::Repository;
use promotion::{Error, Name};

use super::permission::Permission;
use crate::error_kind::ErrorKind;
use crate::http::{AuthorizedClient, Failure, Refusal};
use crate::operation::Endpoint;

/// How registries differ, beside their credentials.
pub(crate) trait Dialect: Endpoint + Send + Sync {
    /// What 404 without a code means when an upload is to be started.
    const NO_UPLOAD: ErrorKind;

    /// The repository as the registry knows it.
    fn path(&self, repository: &Repository) -> Repository;

    /// The word for what has to be allowed, as in the registry's policies.
    fn action(permission: Permission<'_>) -> &'static str;
}

/// A request on its way. Boxed: through a future without a name, the compiler cannot see that those of the verbs are
/// `Send` (rust-lang/rust#100013).
pub(crate) type Sending<'a, T> = BoxFuture<'a, Result<Result<T, Failure>, Error>>;

/// Where the credentials of requests to `/v2` come from.
///
/// An `Error` of these methods says itself what was tried, as asking ECR for a token, and is the same for every request
/// that waited for it. A [`Failure`] does not: the verb adds its operation.
pub(crate) trait Authenticate: Send + Sync {
    type Endpoint: Dialect;

    fn endpoint(&self) -> &Self::Endpoint;

    /// Sends a request, and once more with another credential if the first one was refused.
    fn send<'a, T, F>(
        &'a self,
        permission: Permission<'a>,
        send: impl Fn(AuthorizedClient) -> F + Send + Sync + 'a,
    ) -> Sending<'a, T>
    where
        T: Send + 'a,
        F: Future<Output = Result<T, Failure>> + Send + 'a;

    /// Sends a request that can be sent only once, as its body can. A token that is refused is not used again: the next
    /// request gets another one.
    fn send_once<'a, T, F>(
        &'a self,
        permission: Permission<'a>,
        send: impl FnOnce(AuthorizedClient) -> F + Send + 'a,
    ) -> Sending<'a, T>
    where
        T: Send + 'a,
        F: Future<Output = Result<T, Failure>> + Send + 'a;

    /// Whether this refuses the credential for every request, and not only for this one.
    fn refuses_every_request(refusal: &Refusal) -> bool;
}

/// The failure of a request that can be sent only once, when its token was refused.
pub(crate) fn token_refused(refusal: &Refusal) -> Failure {
    Error::new(Name::RegistryUnavailable, format!("the token was refused: {refusal}")).into()
}
