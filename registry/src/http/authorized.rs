use http::Method;
use http::header::LOCATION;
use promotion::Error;
use reqwest::{RequestBuilder, Response};

use super::client::{Client, Credential};
use super::failure::{Failure, Party, Refusal};
use super::redirect::sent_to_https;
use super::request_url::RequestUrl;

/// A client and the credential with which it speaks to one registry.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizedClient {
    client: Client,
    credential: Credential,
}

impl AuthorizedClient {
    pub(crate) fn new(client: Client, credential: Credential) -> Self {
        Self { client, credential }
    }

    /// The client alone.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn credential(&self) -> &Credential {
        &self.credential
    }

    /// A URL of the registry. `target` is made of parts that need no escaping, such as repository names and digests.
    pub(crate) fn at(&self, target: &str) -> RequestUrl {
        self.client.leading(self.credential.origin().at(target))
    }

    /// A request, with the credential if `url` is of the registry and not otherwise.
    pub(crate) fn request(&self, method: Method, url: &RequestUrl) -> RequestBuilder {
        self.client.request(method, url, Some(&self.credential))
    }

    /// Sends a request without a body, or with a short one, and waits for the head of the answer.
    pub(crate) async fn send(&self, request: RequestBuilder, doing: &str, url: &RequestUrl) -> Result<Response, Error> {
        self.client.send(request, doing, url).await
    }

    /// An answer that is an error; a redirect is one to what writes.
    pub(crate) async fn refusal(&self, response: Response, by: Party) -> Failure {
        let location = response.headers().get(LOCATION).filter(|_| response.status().is_redirection());
        if let Some(location) = location.and_then(|location| location.to_str().ok())
            && let Ok(url) = RequestUrl::parse(response.url().as_str())
            && let Some(error) = sent_to_https(&url, location)
        {
            return error.into();
        }
        Refusal::read(&self.client, response, by).await.into()
    }
}
