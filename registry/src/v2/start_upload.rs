use http::header::{CONTENT_LENGTH, LOCATION};
use http::{Method, StatusCode};
use oci::Repository;
use promotion::{Error, Name};
use reqwest::Response;

use super::{Authenticate, Dialect as _, Permission, V2};
use crate::http::{AuthorizedClient, Failure, Party, RequestUrl};

/// An upload that was started in a repository and not yet used.
#[derive(Debug)]
pub struct Upload {
    pub(super) repository: Repository,
    /// The address that takes its bytes.
    pub(super) location: RequestUrl,
}

impl Upload {
    /// Where it was started.
    pub(crate) fn repository(&self) -> &Repository {
        &self.repository
    }
}

impl<A: Authenticate> V2<A> {
    /// Starts an upload.
    pub(crate) async fn start_upload(&self, repository: &Repository) -> Result<Upload, Error> {
        let path = &self.path(repository);
        let permission = Permission::PushBlob(path);
        let operation =
            self.operation(permission, repository, "opening an upload".into()).or_absent(A::Endpoint::NO_UPLOAD);
        let location =
            self.send(&operation, permission, |client| async move { client.start_upload(path).await }).await?;
        Ok(Upload { repository: repository.clone(), location })
    }
}

impl AuthorizedClient {
    /// Section "Pushing blobs" of the distribution specification.
    pub(super) async fn start_upload(&self, path: &Repository) -> Result<RequestUrl, Failure> {
        let url = self.at(&format!("/v2/{path}/blobs/uploads/"));
        let response = self.post_upload(&url).await?;
        location(&response, &url)
    }

    /// Sends the request that starts an upload, or mounts a blob instead.
    pub(super) async fn post_upload(&self, url: &RequestUrl) -> Result<Response, Failure> {
        let request = self.request(Method::POST, url).header(CONTENT_LENGTH, 0);
        let response = self.send(request, "opening an upload at", url).await?;
        self.accepted(response).await
    }

    /// 201, 202 and 204 have all been seen where the specification wants one of them.
    pub(super) async fn accepted(&self, response: Response) -> Result<Response, Failure> {
        if matches!(response.status(), StatusCode::CREATED | StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(response);
        }
        Err(self.refusal(response, Party::Registry).await)
    }
}

/// Where the bytes of an upload go.
pub(super) fn location(response: &Response, url: &RequestUrl) -> Result<RequestUrl, Failure> {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    match location {
        Some(location) => Ok(url.follow(location)?),
        None => {
            let why = format!("opening an upload at {url}: {} without a Location", response.status());
            Err(Error::new(Name::UnexpectedAnswer, why).temporary().into())
        }
    }
}
