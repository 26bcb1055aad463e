use http::Method;
use http::header::LOCATION;
use promotion::{Error, Name};
use reqwest::{RequestBuilder, Response};
use url::Url;

use super::client::{Client, Credential};
use super::failure::{Failure, Party, Refusal};
use super::origin::{Origin, follow, shown};

/// ECR needs one hop, from the registry to S3.
const HOPS: usize = 4;

/// An answer that is no redirect and no error, and the URL that gave it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: Response,
    pub(super) url: Url,
}

/// GETs a URL and follows where it leads, by hand, so that the credential stays with its origin: S3 answers "Only one auth mechanism
/// allowed" to a presigned URL with an `Authorization` header (open-policy-agent/opa#6580), and any other host
/// would learn it.
pub(super) async fn get(
    client: &Client,
    url: Url,
    credential: Option<&Credential>,
    doing: &str,
    with: impl Fn(RequestBuilder) -> RequestBuilder,
) -> Result<Answer, Failure> {
    let first = Origin::of(&url)?;
    let mut url = url;
    for _ in 0..=HOPS {
        let request = with(client.request(Method::GET, &url, credential));
        let response = client.send(request, doing, &url).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(Answer { response, url });
        }
        if !status.is_redirection() {
            let by = if Origin::of(&url)? == first { Party::Registry } else { Party::Storage };
            return Err(Failure::Refused(Refusal::read(response, by).await));
        }
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let Some(location) = location else {
            let why = format!("{doing} {}: a redirect ({status}) without a Location", shown(&url));
            return Err(Error::new(Name::RegistryUnavailable, why).permanent().into());
        };
        url = follow(&url, location)?;
    }
    let why = format!("{doing} {}: more than {HOPS} redirects in a row", shown(&url));
    Err(Error::new(Name::RegistryUnavailable, why).permanent().into())
}
