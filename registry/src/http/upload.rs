use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{Method, StatusCode};
use promotion::{Descriptor, Digest, Error, Name, Repository};
use reqwest::Response;
use url::Url;

use bytes::Bytes;
use futures_util::Stream;

use super::client::{Client, Credential};
use super::failure::{Failure, Party, Refusal, transport};
use super::origin::{follow, shown};
use super::stall::Outgoing;

/// An upload that was opened: the address that takes its bytes.
pub(crate) struct Session(Url);

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({})", shown(&self.0))
    }
}

/// Opens an upload (section "Pushing blobs" of the distribution specification).
pub(crate) async fn start(
    client: &Client,
    credential: &Credential,
    repository: &Repository,
) -> Result<Session, Failure> {
    let url = credential.origin().at(&format!("/v2/{repository}/blobs/uploads/"));
    let response = post(client, credential, &url).await?;
    session(&response, &url)
}

/// Asks for a blob of a sibling repository: none if it was mounted, an upload if that was declined.
pub(crate) async fn mount(
    client: &Client,
    credential: &Credential,
    repository: &Repository,
    blob: Digest,
    from: &Repository,
) -> Result<Option<Session>, Failure> {
    let mut url = credential.origin().at(&format!("/v2/{repository}/blobs/uploads/"));
    url.query_pairs_mut().append_pair("mount", &blob.to_string()).append_pair("from", from.as_str());
    let response = post(client, credential, &url).await?;
    if response.status() == StatusCode::CREATED { Ok(None) } else { session(&response, &url).map(Some) }
}

async fn post(client: &Client, credential: &Credential, url: &Url) -> Result<Response, Failure> {
    let request = client.request(Method::POST, url, Some(credential)).header(CONTENT_LENGTH, 0);
    let response = client.send(request, "opening an upload at", url).await?;
    accepted(response).await
}

fn session(response: &Response, url: &Url) -> Result<Session, Failure> {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    match location {
        Some(location) => Ok(Session(follow(url, location)?)),
        None => {
            let why = format!("opening an upload at {}: {} without a Location", shown(url), response.status());
            Err(Error::new(Name::RegistryUnavailable, why).into())
        }
    }
}

/// Sends a blob as one body of known length and commits it with the same request.
///
/// Never in chunks: ECR answers the first PATCH with 201 and stops telling its progress after it (aws/containers-roadmap#2831).
pub(crate) async fn put<B>(
    client: &Client,
    credential: &Credential,
    session: Session,
    blob: &Descriptor,
    body: B,
) -> Result<(), Failure>
where
    B: Stream<Item = Result<Bytes, Error>> + Send + 'static,
{
    let Session(mut url) = session;
    url.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
    let (body, watch) = Outgoing::new(body, blob.size);
    let request = client
        .request(Method::PUT, &url, Some(credential))
        .header(CONTENT_TYPE, "application/octet-stream")
        .header(CONTENT_LENGTH, blob.size)
        .body(reqwest::Body::wrap_stream(body));
    let response = tokio::select! {
        response = client.send_body(request) => response,
        () = watch.stalled() => {
            let why = format!("uploading to {}: the registry stood still", shown(&url));
            return Err(Error::new(Name::RegistryUnavailable, why).into());
        }
    };
    // A registry may answer before it has read everything: then its answer counts. A body that broke breaks the request, and its own error counts.
    match (response, watch.error()) {
        (_, Some(error)) => Err(error.into()),
        (Ok(response), None) => accepted(response).await.map(drop),
        (Err(error), None) => Err(transport(error, "uploading to", &url).into()),
    }
}

/// 201, 202 and 204 have all been seen where the specification wants one of them.
async fn accepted(response: Response) -> Result<Response, Failure> {
    if matches!(response.status(), StatusCode::CREATED | StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
        return Ok(response);
    }
    Err(Failure::Refused(Refusal::read(response, Party::Registry).await))
}
