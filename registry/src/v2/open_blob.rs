use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use oci::{Descriptor, Repository};
use promotion::{Error, Name, OpenBlob};

use super::blob_request::{ContentRange, Extent, unfit};
use super::storage_urls::StorageUrls;
use super::{Authenticate, Permission, V2};
use crate::error_kind::ErrorKind;
use crate::http::{AuthorizedClient, Body, Failure, FinalResponse, Party, Refusal};

/// The bytes of a blob as they arrive: as many as there should be, or an error at the end.
#[derive(Debug)]
pub struct Blob(Option<Body>);

impl Stream for Blob {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().map_or(Poll::Ready(None), |body| Pin::new(body).poll_next(cx))
    }
}

impl<A: Authenticate> V2<A> {
    /// Opens a blob at the first byte of a range.
    ///
    /// Where the registry redirects to a storage, as ECR does to S3, the address is good for a while only. It is used
    /// for the ranges that follow until the storage refuses it; then the registry is asked for a new one. A refusal of
    /// that is a temporary failure. The first byte is always asked for at the registry: what came wrong is read anew from
    /// there, and may have been led astray.
    pub(crate) async fn open_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        range: Range<u64>,
    ) -> Result<OpenBlob<Blob>, Error> {
        let (path, range) = (&self.path(repository), &range);
        let permission = Permission::PullBlob(path);
        let operation = self
            .operation(permission, repository, format!("opening blob {}", blob.digest))
            .or_absent(ErrorKind::BlobNotFound);
        let urls = &self.storage_urls;
        self.send(&operation, permission, |client| async move { client.open_blob(path, blob, range, urls).await }).await
    }
}

impl AuthorizedClient {
    async fn open_blob(
        &self,
        path: &Repository,
        blob: &Descriptor,
        range: &Range<u64>,
        storage_urls: &StorageUrls,
    ) -> Result<OpenBlob<Blob>, Failure> {
        if range.is_empty() {
            return Ok(OpenBlob { bytes: Blob(None), end: range.end });
        }
        let asked = match (range.start, range.end) {
            (0, end) if end == blob.size => None,
            (start, end) if end == blob.size => Some(format!("bytes={start}-")),
            (start, end) => Some(format!("bytes={start}-{}", end - 1)),
        };
        let FinalResponse { response, url, .. } =
            self.request_where_it_is(path, blob, range.start, asked.as_deref(), storage_urls).await?;
        let corrupt = |what: String| {
            let why = format!("{url} {what}, and its manifest says {} bytes", blob.size);
            Failure::from(Error::new(Name::CorruptContent, why))
        };
        let wanted = ContentRange { first: range.start, last: range.end - 1, total: Some(blob.size) };
        let (skip, end) = match Extent::of(&response) {
            Extent::Whole(Some(size)) if size != blob.size => return Err(corrupt(format!("has {size} bytes"))),
            // The range was ignored.
            Extent::Whole(_) => (range.start, blob.size),
            // Without a total where the registry does not know it (`bytes 4-9/*`).
            Extent::Range(given) if given == wanted || given == (ContentRange { total: None, ..wanted }) => {
                (0, range.end)
            }
            Extent::Range(given) if given.total.is_some_and(|total| total != blob.size) => {
                return Err(corrupt(given.to_string()));
            }
            Extent::Range(given) => return Err(unfit(&format!("{url} answered {given} when asked for {wanted}"))),
            Extent::Unclear => {
                return Err(unfit(&format!("{url} answered {} without a readable range", response.status())));
            }
        };
        let timeout = self.client().timeouts().piece;
        let body = Body::new(response.bytes_stream(), skip, end - range.start, url, timeout);
        Ok(OpenBlob { bytes: Blob(Some(body)), end })
    }

    /// Asks the storage, if the registry has said where that has the blob, and otherwise the registry.
    async fn request_where_it_is(
        &self,
        path: &Repository,
        blob: &Descriptor,
        start: u64,
        range: Option<&str>,
        storage_urls: &StorageUrls,
    ) -> Result<FinalResponse, Failure> {
        let known = if start == 0 { None } else { storage_urls.get(path, blob.digest) };
        if let Some(url) = known {
            match self.request_range(url.clone(), range).await {
                Ok(response) => return Ok(response),
                Err(failure) => {
                    storage_urls.forget(path, blob.digest, &url);
                    // A signature ends after a while, and content moves.
                    let is_over = |refusal: &Refusal| refusal.status < 500 && refusal.status != 429;
                    if !matches!(&failure, Failure::Refused(refusal) if is_over(refusal)) {
                        return Err(failure);
                    }
                }
            }
        }
        let answer = self.request_blob(path, blob.digest, range).await?;
        if answer.by == Party::Storage {
            storage_urls.insert(path, blob.digest, answer.url.clone());
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use oci::Digest;

    use super::*;
    use crate::http::loopback::Loopback;

    /// What becomes of a blob of these ten bytes, of which a range is read.
    async fn read<const N: usize>(range: Range<u64>, answers: [&str; N]) -> (Result<String, (Name, bool)>, Loopback) {
        let server = Loopback::answering(answers);
        let digest = Digest::of(b"0123456789");
        let blob = Descriptor { media_type: "x".into(), digest, size: 10, platform: None };
        let repository = "myapp/api".parse().unwrap();
        let named = |error: Error| (error.name(), error.is_temporary());
        let opened = server.client().open_blob(&repository, &blob, &range, &StorageUrls::default()).await;
        let mut body = match opened {
            Ok(opened) => opened.bytes,
            Err(Failure::Failed(error)) => return (Err(named(error)), server),
            Err(Failure::Refused(refusal)) => panic!("{refusal:?}"),
        };
        let mut text = String::new();
        while let Some(piece) = body.next().await {
            match piece {
                Ok(piece) => text += std::str::from_utf8(&piece).unwrap(),
                Err(error) => return (Err(named(error)), server),
            }
        }
        (Ok(text), server)
    }

    #[tokio::test]
    async fn reads_whole_and_partial_answers_and_doubts_odd_ones() {
        let corrupt = || Err((Name::CorruptContent, false));
        let cut = || Err((Name::RegistryUnavailable, true));
        let unfit = || Err((Name::UnexpectedAnswer, true));
        for (range, answer, expected) in [
            (0..10, "200 OK\ncontent-length: 10\n\n0123456789", Ok("0123456789".to_owned())),
            (0..10, "200 OK\n\n0123456789", Ok("0123456789".to_owned())),
            (0..10, "200 OK\ncontent-length: 9\n\n012345678", corrupt()),
            (0..10, "200 OK\n\n012345678", cut()),
            (0..10, "200 OK\n\n01234567890", corrupt()),
            (0..10, "200 OK\ncontent-length: 10\n\n01234", cut()),
            (
                4..10,
                "206 Partial Content\ncontent-range: bytes 4-9/10\ncontent-length: 6\n\n456789",
                Ok("456789".to_owned()),
            ),
            (4..10, "200 OK\ncontent-length: 10\n\n0123456789", Ok("456789".to_owned())),
            (4..10, "206 Partial Content\ncontent-range: bytes 3-9/10\n\n3456789", unfit()),
            (4..10, "206 Partial Content\ncontent-range: bytes 4-9/11\n\n456789", corrupt()),
            (4..10, "206 Partial Content\ncontent-range: bytes 4-8/10\n\n45678", unfit()),
            (4..10, "206 Partial Content\ncontent-range: bytes 4-9/*\n\n456789", Ok("456789".to_owned())),
            (4..10, "206 Partial Content\n\n456789", unfit()),
            (4..10, "206 Partial Content\ncontent-range: pages 4-9/10\n\n456789", unfit()),
            (0..10, "204 No Content\n\n", unfit()),
            (2..5, "206 Partial Content\ncontent-range: bytes 2-4/10\n\n234", Ok("234".into())),
            (0..5, "206 Partial Content\ncontent-range: bytes 0-4/10\n\n01234", Ok("01234".into())),
            // Ranges are ignored: all from there on comes.
            (2..5, "200 OK\ncontent-length: 10\n\n0123456789", Ok("23456789".into())),
            (2..5, "206 Partial Content\ncontent-range: bytes 2-9/10\n\n23456789", unfit()),
        ] {
            let (read, server) = read(range.clone(), [answer]).await;
            assert_eq!(read, expected, "{range:?} {answer:?}");
            let asked = match (range.start, range.end) {
                (0, 10) => None,
                (start, 10) => Some(format!("range: bytes={start}-\r\n")),
                (start, end) => Some(format!("range: bytes={start}-{}\r\n", end - 1)),
            };
            let request = server.requests().concat();
            assert!(asked.map_or(!request.contains("range: "), |asked| request.contains(&asked)), "{request}");
        }
        let (rest, server) = read(10..10, []).await;
        assert_eq!((rest, server.requests().len()), (Ok(String::new()), 0));
    }

    #[tokio::test]
    async fn follows_redirects_without_the_credential() {
        let storage = Loopback::answering(["200 OK\ncontent-length: 10\n\n0123456789"]);
        let redirect = format!("307 Temporary Redirect\nlocation: {}/blob?X-Amz-Signature=s", storage.address);
        let (text, registry) = read(0..10, [redirect.as_str()]).await;
        assert_eq!(text, Ok("0123456789".into()));
        assert!(registry.requests().concat().contains("authorization: Basic c2VjcmV0"));
        let request = storage.requests().concat();
        assert!(request.starts_with("GET /blob?X-Amz-Signature=s HTTP/1.1"), "{request}");
        assert!(
            !request.to_lowercase().contains("authorization") && !request.to_lowercase().contains("referer"),
            "{request}"
        );
    }

    #[tokio::test]
    async fn the_storage_is_asked_until_it_refuses() {
        let part = |range: &str| format!("206 Partial Content\ncontent-range: bytes {range}/10\n\n01");
        let [first, second, third, last] = ["0-1", "2-3", "4-5", "6-7"].map(part);
        let storage = Loopback::answering([&first, &second, "403 Forbidden", &third, &last]);
        let redirect = format!("307 Temporary Redirect\nlocation: {}/blob?X-Amz-Signature=s", storage.address);
        let registry = Loopback::answering([redirect.as_str(), redirect.as_str()]);
        let (urls, repository) = (StorageUrls::default(), "myapp/api".parse().unwrap());
        let digest = Digest::of(b"0123456789");
        let blob = Descriptor { media_type: "x".into(), digest, size: 10, platform: None };
        for start in [0, 2, 4, 6] {
            let mut opened = registry.client().open_blob(&repository, &blob, &(start..start + 2), &urls).await.unwrap();
            assert_eq!(opened.bytes.next().await.unwrap().unwrap(), "01");
        }
        assert_eq!((registry.requests().len(), storage.requests().len()), (2, 5));
        assert!(!storage.requests().concat().to_lowercase().contains("authorization"));
    }

    #[tokio::test]
    async fn a_storage_in_trouble_is_not_worked_around() {
        let storage = Loopback::answering(["206 Partial Content\ncontent-range: bytes 0-1/10\n\n01", "503 Slow Down"]);
        let redirect = format!("307 Temporary Redirect\nlocation: {}/blob", storage.address);
        let registry = Loopback::answering([redirect.as_str()]);
        let (urls, repository) = (StorageUrls::default(), "myapp/api".parse().unwrap());
        let digest = Digest::of(b"0123456789");
        let blob = Descriptor { media_type: "x".into(), digest, size: 10, platform: None };
        let client = registry.client();
        assert!(client.open_blob(&repository, &blob, &(0..2), &urls).await.is_ok());
        let failure = client.open_blob(&repository, &blob, &(2..4), &urls).await.unwrap_err();
        assert!(matches!(failure, Failure::Refused(refusal) if refusal.status == 503));
        assert_eq!(registry.requests().len(), 1);
    }

    #[tokio::test]
    async fn stops_following_in_the_end() {
        let here = "302 Found\nlocation: HERE/again";
        for answers in [[here; 5], ["307 Temporary Redirect\n\n"; 5]] {
            let (text, _) = read(0..10, answers).await;
            assert_eq!(text, Err((Name::UnexpectedAnswer, false)));
        }
        let (text, server) = read(0..10, ["302 Found\nlocation: http://169.254.169.254/"]).await;
        assert_eq!((text, server.requests().len()), (Err((Name::UnexpectedAnswer, false)), 1));
    }
}
