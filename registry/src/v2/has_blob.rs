use http::Method;
use oci::{Digest, Repository};
use promotion::Error;

use super::{Authenticate, Permission, V2};
use crate::http::{AuthorizedClient, Failure};

impl<A: Authenticate> V2<A> {
    /// Whether a repository has a blob.
    pub(crate) async fn has_blob(&self, repository: &Repository, blob: Digest) -> Result<bool, Error> {
        let path = &self.path(repository);
        let permission = Permission::PullBlob(path);
        let operation = self.operation(permission, repository, format!("looking for blob {blob}"));
        self.send(&operation, permission, |client| async move { client.has_blob(path, blob).await }).await
    }
}

impl AuthorizedClient {
    /// Section "Checking if content exists in the registry" of the distribution specification.
    async fn has_blob(&self, path: &Repository, blob: Digest) -> Result<bool, Failure> {
        let url = self.at(&format!("/v2/{path}/blobs/{blob}"));
        match self.get(Method::HEAD, url, "looking for", |request| request).await {
            Ok(_) => Ok(true),
            Err(Failure::Refused(refusal)) if refusal.status == 404 => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}
