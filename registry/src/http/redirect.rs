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
    /// Who gave it.
    pub(crate) by: Party,
}

impl AuthorizedClient {
    /// Asks for a URL, or only for its HEAD, and follows where it leads.
    ///
    /// Redirects are followed by hand, so that the credential stays with its origin: S3 answers "Only one auth
    /// mechanism allowed" to a presigned URL with an `Authorization` header (open-policy-agent/opa#6580), and any other
    /// host would learn it. `other` is what another host is taken for that it leads to.
    pub(crate) async fn get(
        &self,
        method: Method,
        mut url: RequestUrl,
        doing: &str,
        other: Party,
        with: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<FinalResponse, Failure> {
        let mut hops = 0;
        loop {
            // A list may lead to a next page elsewhere, and a challenge from there would name its own token server:
            // only the origin that the credential is for answers as the registry.
            let by = if Origin::of(&url) == *self.credential().origin() { Party::Registry } else { other };
            let sent = self.send(with(self.request(method.clone(), &url)), doing, &url).await;
            // That a host elsewhere cannot be reached says nothing of the registry.
            let response = sent.map_err(|error| if by == Party::Elsewhere { error.inconclusive() } else { error })?;
            let status = response.status();
            if status.is_success() {
                if is_used_up(response.headers()) {
                    tracing::debug!(%url, limit = limit(response.headers()), "nothing more may be pulled for now");
                }
                return Ok(FinalResponse { response, url, by });
            }
            if !status.is_redirection() {
                return Err(self.refusal(response, by).await);
            }
            url = match destination(&response, &url, hops, doing) {
                Ok(destination) => destination,
                // A web page, perhaps, that leads from one to the next: the answer of that host, and not the registry's.
                Err(error) if by == Party::Elsewhere => {
                    return Err(match self.refusal(response, by).await {
                        Failure::Refused(mut refusal) => {
                            refusal.note(&error.to_string());
                            Failure::Refused(refusal)
                        }
                        failed @ Failure::Failed(_) => failed,
                    });
                }
                Err(error) => return Err(error.into()),
            };
            hops += 1;
        }
    }
}

/// Where a redirect leads, if it may be followed there after so many others.
fn destination(response: &Response, url: &RequestUrl, hops: usize, doing: &str) -> Result<RequestUrl, Error> {
    let unexpected = |why: &str| Error::new(Name::UnexpectedAnswer, format!("{doing} {url}: {why}"));
    if hops == HOPS {
        return Err(unexpected(&format!("more than {HOPS} redirects in a row")));
    }
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let location =
        location.ok_or_else(|| unexpected(&format!("a redirect ({}) without a Location", response.status())))?;
    sent_to_https(url, location).map_or_else(|| url.follow(location), Err)
}

/// What is wrong where a registry at a plain address sends on to https on the same host: the address that was written.
///
/// A login that was read for the plain address is not sent to the other one, and nothing that is pushed is sent on, so
/// it would not even be enough to follow.
pub(super) fn sent_to_https(url: &RequestUrl, location: &str) -> Option<Error> {
    let (from, to) = (url.as_url(), url.follow(location).ok()?);
    if from.scheme() != "http" || to.as_url().scheme() != "https" || from.host() != to.as_url().host() {
        return None;
    }
    let address = Origin::of(&to).authority().to_owned();
    let why =
        format!("{url} sends plain HTTP on to https: write {address} (https://, not http://), which is what it speaks");
    Some(Error::new(Name::InvalidInput, why))
}
