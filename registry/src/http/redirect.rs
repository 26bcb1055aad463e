use http::Method;
use http::header::LOCATION;
use promotion::{Error, Name};
use reqwest::{RequestBuilder, Response};
use url::Url;

use super::client::{Client, Credential};
use super::failure::{Failure, Party, Refusal};
use super::origin::{Origin, follow, shown};
use super::rate::{is_used_up, limit};
use super::secrets::Secrets;

/// ECR needs one hop, from the registry to S3.
const HOPS: usize = 4;

/// An answer that is no redirect and no error, and the URL that gave it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: Response,
    pub(super) url: Url,
}

/// Asks a registry for nothing but whether it is one (section "Determining Support" of the distribution specification).
pub(crate) async fn ping(client: &Client, credential: &Credential) -> Result<(), Failure> {
    let url = credential.origin().at("/v2/");
    get(client, Method::GET, url, Some(credential), "asking", |request| request).await.map(drop)
}

/// GETs a URL, or asks for its HEAD, and follows where it leads, by hand, so that the credential stays with its origin: S3 answers "Only one auth mechanism
/// allowed" to a presigned URL with an `Authorization` header (open-policy-agent/opa#6580), and any other host
/// would learn it.
pub(super) async fn get(
    client: &Client,
    method: Method,
    url: Url,
    credential: Option<&Credential>,
    doing: &str,
    with: impl Fn(RequestBuilder) -> RequestBuilder,
) -> Result<Answer, Failure> {
    // Who answers is the registry only if it is the one that the credential is for: a list may lead to a next page elsewhere, and a challenge from there
    // would name its own token server.
    let registry = credential.map_or_else(|| Origin::of(&url), |credential| Ok(credential.origin().clone()))?;
    let (mut url, nothing) = (url, Secrets::default());
    let secrets = credential.map_or(&nothing, Credential::secrets);
    for _ in 0..=HOPS {
        let request = with(client.request(method.clone(), &url, credential));
        let response = client.send(request, doing, &url).await?;
        let status = response.status();
        if status.is_success() {
            if is_used_up(response.headers()) {
                tracing::debug!(
                    url = shown(&url),
                    limit = limit(response.headers()),
                    "nothing more may be pulled for now"
                );
            }
            return Ok(Answer { response, url });
        }
        if !status.is_redirection() {
            let by = if Origin::of(&url)? == registry { Party::Registry } else { Party::Storage };
            return Err(Refusal::read(client, response, by, secrets).await.into());
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
