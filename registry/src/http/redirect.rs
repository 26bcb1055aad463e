use http::Method;
use http::header::LOCATION;
use promotion::{Error, Name};
use reqwest::{RequestBuilder, Response};

use super::authorized::AuthorizedClient;
use super::failure::{Failure, Party};
use super::origin::Origin;
use super::rate::{is_used_up, limit};
use super::request_url::RequestUrl;

/// ECR needs one hop, from the registry to S3.
const HOPS: usize = 4;

/// An answer that is no redirect and no error, and the URL that gave it.
#[derive(Debug)]
pub(crate) struct FinalResponse {
    pub(crate) response: Response,
    pub(crate) url: RequestUrl,
}

impl AuthorizedClient {
    /// Asks for a URL, or only for its HEAD, and follows where it leads.
    ///
    /// Redirects are followed by hand, so that the credential stays with its origin: S3 answers "Only one auth
    /// mechanism allowed" to a presigned URL with an `Authorization` header (open-policy-agent/opa#6580), and any other
    /// host would learn it.
    pub(crate) async fn get(
        &self,
        method: Method,
        mut url: RequestUrl,
        doing: &str,
        with: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<FinalResponse, Failure> {
        for _ in 0..=HOPS {
            let response = self.send(with(self.request(method.clone(), &url)), doing, &url).await?;
            let status = response.status();
            if status.is_success() {
                if is_used_up(response.headers()) {
                    tracing::debug!(%url, limit = limit(response.headers()), "nothing more may be pulled for now");
                }
                return Ok(FinalResponse { response, url });
            }
            if !status.is_redirection() {
                // A list may lead to a next page elsewhere, and a challenge from there would name its own token server:
                // only the origin that the credential is for answers as the registry.
                let is_registry = Origin::of(&url) == *self.credential().origin();
                return Err(self.refusal(response, if is_registry { Party::Registry } else { Party::Storage }).await);
            }
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            let Some(location) = location else {
                let why = format!("{doing} {url}: a redirect ({status}) without a Location");
                return Err(Error::new(Name::UnexpectedAnswer, why).into());
            };
            url = url.follow(location)?;
        }
        let why = format!("{doing} {url}: more than {HOPS} redirects in a row");
        Err(Error::new(Name::UnexpectedAnswer, why).into())
    }
}
