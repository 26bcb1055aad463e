use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{Method, StatusCode};
use oci::{Descriptor, Digest, Repository};
use promotion::{Error, Name};
use reqwest::Response;
use url::Url;

use bytes::Bytes;
use futures_util::Stream;

use super::client::{Client, Credential};
use super::failure::{Failure, Party, Refusal};
use super::origin::{follow, shown};
use super::stall::Outgoing;
use super::transport::transport;

/// An upload that was opened in a repository and not yet used.
#[derive(Debug)]
pub struct Upload {
    pub(crate) repository: Repository,
    pub(crate) session: Session,
}

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
    accepted(client, response, credential).await
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
    let (body, watch) = Outgoing::new(body, blob.size, client.timeouts());
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
        (Ok(response), None) => accepted(client, response, credential).await.map(drop),
        (Err(error), None) => Err(why_cut(client, credential, &url, transport(error, "uploading to", &url)).await),
    }
}

/// A registry that refuses an upload before it has read the body closes the connection, and then the pipe breaks under the writer before the answer
/// is seen. An empty body is never too long to be answered: if that is denied, the denial is what happened.
async fn why_cut(client: &Client, credential: &Credential, url: &Url, cut: Error) -> Failure {
    let empty = client.request(Method::PUT, url, Some(credential)).header(CONTENT_LENGTH, 0);
    if let Ok(response) = client.send(empty, "uploading to", url).await
        && matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
    {
        return Refusal::read(client, response, Party::Registry, credential.secrets()).await.into();
    }
    cut.into()
}

/// 201, 202 and 204 have all been seen where the specification wants one of them.
async fn accepted(client: &Client, response: Response, credential: &Credential) -> Result<Response, Failure> {
    if matches!(response.status(), StatusCode::CREATED | StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
        return Ok(response);
    }
    Err(Refusal::read(client, response, Party::Registry, credential.secrets()).await.into())
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;
    use crate::http::loopback::Loopback;

    fn client() -> Client {
        Client::for_tests()
    }

    async fn opened(server: &Loopback) -> Result<Session, Failure> {
        start(&client(), &server.credential(), &"myapp/api".parse().unwrap()).await
    }

    #[tokio::test]
    async fn sends_one_body_of_known_length_to_where_it_was_told() {
        let server =
            Loopback::answering(["202 Accepted\nlocation: /up/1?state=a%2Fb", "201 Created\ncontent-length: 0"]);
        let session = opened(&server).await.unwrap();
        assert!(!format!("{session:?}").contains("state"));
        let blob = Descriptor { media_type: "x".into(), digest: Digest::of(b"abcd"), size: 4, platform: None };
        let pieces = ["ab", "cd"].map(|piece| Ok(Bytes::from_static(piece.as_bytes())));
        put(&client(), &server.credential(), session, &blob, stream::iter(pieces)).await.unwrap();
        let requests = server.requests();
        assert!(requests[0].starts_with("POST /v2/myapp/api/blobs/uploads/ HTTP/1.1\r\n"), "{requests:?}");
        let hex = blob.digest.hex();
        assert!(
            requests[1].starts_with(&format!("PUT /up/1?state=a%2Fb&digest=sha256%3A{hex} HTTP/1.1\r\n")),
            "{requests:?}"
        );
        assert!(requests[1].contains("content-length: 4\r\n") && requests[1].ends_with("\r\n\r\nabcd"), "{requests:?}");
        assert!(requests.iter().all(|request| request.contains("authorization: ")));
    }

    #[tokio::test]
    async fn a_foreign_location_gets_no_credential() {
        let elsewhere = Loopback::answering(["201 Created"]);
        let location = format!("202 Accepted\nlocation: {}/up", elsewhere.address);
        let server = Loopback::answering([location.as_str()]);
        let session = opened(&server).await.unwrap();
        let blob = Descriptor { media_type: "x".into(), digest: Digest::of(b"a"), size: 1, platform: None };
        let body = stream::iter([Ok(Bytes::from_static(b"a"))]);
        put(&client(), &server.credential(), session, &blob, body).await.unwrap();
        assert!(!elsewhere.requests().concat().to_lowercase().contains("authorization"));
    }

    #[tokio::test]
    async fn a_body_that_breaks_breaks_the_request_with_its_own_error() {
        let server = Loopback::answering(["202 Accepted\nlocation: /up", "201 Created"]);
        let session = opened(&server).await.unwrap();
        let blob = Descriptor { media_type: "x".into(), digest: Digest::of(b"abcd"), size: 4, platform: None };
        let pieces = [Ok(Bytes::from_static(b"ab")), Err(Error::new(Name::CorruptContent, "bad source"))];
        match put(&client(), &server.credential(), session, &blob, stream::iter(pieces)).await {
            Err(Failure::Failed(error)) => assert_eq!(error.to_string(), "bad source"),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn mounting_is_accepted_declined_or_refused() {
        let digest = Digest::of(b"a");
        let (repository, from) = ("b".parse().unwrap(), "a/c".parse().unwrap());
        for (answer, expected) in [
            ("201 Created", Ok(true)),
            ("202 Accepted\nlocation: /up", Ok(false)),
            ("404 Not Found\n\n{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}", Err("NAME_UNKNOWN")),
            ("200 OK", Err("")),
        ] {
            let server = Loopback::answering([answer]);
            let mounted = match mount(&client(), &server.credential(), &repository, digest, &from).await {
                Ok(session) => Ok(session.is_none()),
                Err(Failure::Refused(refusal)) => Err(refusal.code),
                Err(Failure::Failed(error)) => panic!("{error}"),
            };
            assert_eq!(mounted, expected.map_err(str::to_owned), "{answer}");
            let line = format!("POST /v2/b/blobs/uploads/?mount=sha256%3A{}&from=a%2Fc HTTP/1.1\r\n", digest.hex());
            assert!(server.requests()[0].starts_with(&line), "{:?}", server.requests());
        }
    }
}
