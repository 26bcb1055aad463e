use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{Method, StatusCode};
use oci::Descriptor;
use promotion::{Error, Name};

use super::{Authenticate, Permission, Upload, V2};
use crate::error_kind::ErrorKind;
use crate::http::{AuthorizedClient, Failure, Outgoing, Party, RequestUrl, transport};

/// How long a registry is given to refuse a body for the length that is announced: it need not read anything for that.
const ANNOUNCED: Duration = Duration::from_secs(2);

impl<A: Authenticate> V2<A> {
    /// Sends a blob. Its body can be sent only once.
    ///
    /// An upload that is not known, with or without a code, is a temporary failure: another one can be started.
    pub(crate) async fn put_blob<B>(&self, upload: Upload, blob: &Descriptor, body: B) -> Result<(), Error>
    where
        B: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        let Upload { repository, location } = upload;
        let path = &self.path(&repository);
        let permission = Permission::PushBlob(path);
        let operation = self
            .operation(permission, &repository, format!("uploading blob {}", blob.digest))
            .or_absent(ErrorKind::UploadNotFound);
        self.authenticator
            .send_once(permission, |client| async move { client.put_blob(location, blob, body).await })
            .await?
            .map_err(|failure| operation.failed(failure))
    }
}

impl AuthorizedClient {
    /// Sends a blob as one body of known length and commits it with the same request.
    ///
    /// Never in chunks: ECR answers the first PATCH with 201 and says no more how far it is
    /// (aws/containers-roadmap#2831).
    async fn put_blob<B>(&self, location: RequestUrl, blob: &Descriptor, body: B) -> Result<(), Failure>
    where
        B: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        let url = location.with_query([("digest", blob.digest.to_string())]);
        let (body, watch) = Outgoing::new(body, blob.size, self.client().timeouts());
        let request = self
            .request(Method::PUT, &url)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, blob.size)
            .body(reqwest::Body::wrap_stream(body));
        let response = tokio::select! {
            response = self.client().send_body(request, &url) => response,
            () = watch.stalled() => {
                let why = format!("uploading to {url}: the registry stood still");
                return Err(Error::new(Name::RegistryUnavailable, why).into());
            }
        };
        // A registry may answer before it has read everything: then its answer counts. A body that broke breaks the
        // request, and its own error counts.
        match (response, watch.error()) {
            (_, Some(error)) => Err(error.into()),
            (Ok(response), None) => self.accepted(response).await.map(drop),
            (Err(error), None) => Err(self.why_cut(&url, blob.size, transport(error, "uploading to", &url)).await),
        }
    }

    /// Why an upload was cut.
    ///
    /// A registry that refuses an upload before it has read the body closes the connection, and then the pipe breaks
    /// under the writer before the answer is seen. An empty body is never too long to be answered: if that is denied,
    /// the denial is what happened. A body that is announced and does not come is not in the way of an answer either: if
    /// it is too large, that is what happened.
    async fn why_cut(&self, url: &RequestUrl, size: u64, cut: Error) -> Failure {
        let empty = self.request(Method::PUT, url).header(CONTENT_LENGTH, 0);
        match self.send(empty, "uploading to", url).await {
            Ok(response) if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                return self.refusal(response, Party::Registry).await;
            }
            Ok(_) => {}
            Err(_) => return cut.into(),
        }
        let none = stream::pending::<Result<Bytes, Error>>();
        let announced = self
            .request(Method::PUT, url)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, size)
            .body(reqwest::Body::wrap_stream(none));
        match tokio::time::timeout(ANNOUNCED, self.send(announced, "uploading to", url)).await {
            Ok(Ok(response)) if response.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                self.refusal(response, Party::Registry).await
            }
            _ => cut.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use oci::Digest;

    use super::*;
    use crate::http::loopback::Loopback;

    async fn started(server: &Loopback) -> RequestUrl {
        server.client().start_upload(&"myapp/api".parse().unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn sends_one_body_of_known_length_to_the_location() {
        let server =
            Loopback::answering(["202 Accepted\nlocation: /up/1?state=a%2Fb", "201 Created\ncontent-length: 0"]);
        let location = started(&server).await;
        assert!(!format!("{location:?}").contains("state"));
        let blob = Descriptor { media_type: "x".into(), digest: Digest::of(b"abcd"), size: 4, platform: None };
        let pieces = ["ab", "cd"].map(|piece| Ok(Bytes::from_static(piece.as_bytes())));
        server.client().put_blob(location, &blob, stream::iter(pieces)).await.unwrap();
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
        let location = started(&server).await;
        let blob = Descriptor { media_type: "x".into(), digest: Digest::of(b"a"), size: 1, platform: None };
        let body = stream::iter([Ok(Bytes::from_static(b"a"))]);
        server.client().put_blob(location, &blob, body).await.unwrap();
        assert!(!elsewhere.requests().concat().to_lowercase().contains("authorization"));
    }

    #[tokio::test]
    async fn a_body_that_breaks_breaks_the_request_with_its_own_error() {
        let server = Loopback::answering(["202 Accepted\nlocation: /up", "201 Created"]);
        let location = started(&server).await;
        let blob = Descriptor { media_type: "x".into(), digest: Digest::of(b"abcd"), size: 4, platform: None };
        let pieces = [Ok(Bytes::from_static(b"ab")), Err(Error::new(Name::CorruptContent, "bad source"))];
        match server.client().put_blob(location, &blob, stream::iter(pieces)).await {
            Err(Failure::Failed(error)) => assert_eq!(error.to_string(), "bad source"),
            other => panic!("{other:?}"),
        }
    }
}
