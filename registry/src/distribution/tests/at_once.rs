use bytes::Bytes;
use futures_util::stream;
use promotion::{Descriptor, Digest, Mount, Name, Target as _};

use super::*;

fn blob(bytes: &'static [u8]) -> Descriptor {
    Descriptor { media_type: "x".into(), digest: Digest::of(bytes), size: bytes.len() as u64, platform: None }
}

/// Brings a small blob as the engine does where blobs are asked for one by one.
async fn bring(client: &Distribution, bytes: &'static [u8]) -> Result<(), promotion::Error> {
    match client.mount(&repository(), &blob(bytes), &repository()).await? {
        Mount::Mounted => Ok(()),
        Mount::Declined(upload) => {
            client.upload(upload, &blob(bytes), stream::iter([Ok(Bytes::from_static(bytes))])).await
        }
    }
}

fn target(server: &Loopback) -> Distribution {
    connect(&server.address, Login::Anonymous, Side::Target)
}

fn posted(bytes: &[u8]) -> String {
    format!("POST /v2/app/blobs/uploads/?digest=sha256%3A{}", Digest::of(bytes).hex())
}

#[tokio::test]
async fn a_small_blob_takes_one_request_where_the_registry_takes_it_so() {
    let server = Loopback::answering(["201 Created\n", "201 Created\n"]);
    let client = target(&server);
    bring(&client, b"one").await.unwrap();
    bring(&client, b"two").await.unwrap();
    assert_eq!(lines(&server), [posted(b"one"), posted(b"two")]);
    assert!(server.requests()[0].ends_with("\r\n\r\none"), "{:?}", server.requests());
}

#[tokio::test]
async fn a_registry_that_opens_an_upload_gets_the_bytes_there_and_is_asked_first_from_then_on() {
    for refusal in
        ["202 Accepted\nlocation: /up", "405 Method Not Allowed\n\n{\"errors\":[{\"code\":\"UNSUPPORTED\"}]}"]
    {
        let is_refused = refusal.starts_with("405");
        let answers = [refusal, "202 Accepted\nlocation: /up", "201 Created\n", "201 Created\n"];
        let server = if is_refused {
            Loopback::answering(answers)
        } else {
            Loopback::answering([answers[0], answers[2], answers[3], ""])
        };
        let client = target(&server);
        bring(&client, b"one").await.unwrap();
        bring(&client, b"two").await.unwrap();
        let (sent, asked) = (
            lines(&server),
            format!("POST /v2/app/blobs/uploads/?mount=sha256%3A{}&from=app", Digest::of(b"two").hex()),
        );
        assert_eq!(sent.first(), Some(&posted(b"one")));
        assert!(sent[sent.len() - 2].starts_with("PUT /up?digest="), "{sent:?}");
        assert_eq!(sent.last(), Some(&asked));
    }
}

#[tokio::test]
async fn a_denial_is_told_and_a_broken_body_sends_nothing() {
    let server = Loopback::answering(["403 Forbidden\n\n{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no\"}]}"]);
    let client = target(&server);
    let (name, again, _) = named(bring(&client, b"one").await);
    assert_eq!((name, again), (Name::TargetAccessDenied, false));
    let Mount::Declined(upload) = client.mount(&repository(), &blob(b"two"), &repository()).await.unwrap() else {
        panic!("mounted")
    };
    let body = stream::iter([Err(promotion::Error::new(Name::CorruptContent, "bad source"))]);
    assert_eq!(client.upload(upload, &blob(b"two"), body).await.unwrap_err().name(), Name::CorruptContent);
    assert_eq!(server.requests().len(), 1);
}
