use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http::header::{CONTENT_RANGE, RANGE};
use http::{Method, StatusCode};
use oci::{Descriptor, Digest, Repository};
use promotion::{Error, Name, OpenBlob};

use super::body::Body;
use super::client::{Client, Credential};
use super::failure::Failure;
use super::origin::shown;
use super::redirect::{Answer, get};

/// The bytes of a blob as they arrive: as many as there should be, or an error at the end.
#[derive(Debug)]
pub struct Blob(Option<Body>);

impl Stream for Blob {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().map_or(Poll::Ready(None), |body| Pin::new(body).poll_next(cx))
    }
}

/// Opens a blob at the first byte of a range (section "Pulling blobs" of the distribution specification).
pub(crate) async fn open(
    client: &Client,
    credential: &Credential,
    repository: &Repository,
    blob: &Descriptor,
    range: &Range<u64>,
) -> Result<OpenBlob<Blob>, Failure> {
    if range.is_empty() {
        return Ok(OpenBlob { bytes: Blob(None), end: range.end });
    }
    let asked = match (range.start, range.end) {
        (0, end) if end == blob.size => None,
        (start, end) if end == blob.size => Some(format!("bytes={start}-")),
        (start, end) => Some(format!("bytes={start}-{}", end - 1)),
    };
    let Answer { response, url } = request(client, credential, repository, blob, asked.as_deref()).await?;
    let corrupt = |what: String| {
        let why = format!("{} {what}, and its manifest says {} bytes", shown(&url), blob.size);
        Failure::from(Error::new(Name::CorruptContent, why))
    };
    let wanted = ContentRange { first: range.start, last: range.end - 1, total: Some(blob.size) };
    let (skip, end) = match Part::of(&response) {
        Part::Whole(Some(size)) if size != blob.size => return Err(corrupt(format!("has {size} bytes"))),
        // The range was not heeded.
        Part::Whole(_) => (range.start, blob.size),
        Part::Range(given) if given == wanted => (0, range.end),
        Part::Range(given) if given.total.is_some_and(|total| total != blob.size) => {
            return Err(corrupt(given.to_string()));
        }
        Part::Range(given) => {
            return Err(odd(&format!("{} answered {given} when asked for {wanted}", shown(&url))));
        }
        Part::Unclear => {
            return Err(odd(&format!("{} answered {} without a readable range", shown(&url), response.status())));
        }
    };
    let bytes = Blob(Some(Body::new(response.bytes_stream(), skip, end - range.start, url, client.timeouts().piece)));
    Ok(OpenBlob { bytes, end })
}

/// Proves that a blob can be downloaded and has its size: asks for its first byte and reads none.
pub(crate) async fn reach(
    client: &Client,
    credential: &Credential,
    repository: &Repository,
    blob: &Descriptor,
) -> Result<(), Failure> {
    let Answer { response, url } = request(client, credential, repository, blob, Some("bytes=0-0")).await?;
    let size = match Part::of(&response) {
        Part::Whole(size) => size,
        Part::Range(range) => range.total,
        Part::Unclear => None,
    };
    match size {
        Some(size) if size == blob.size => Ok(()),
        Some(size) => {
            let why = format!("{} has {size} bytes, and its manifest says {}", shown(&url), blob.size);
            Err(Error::new(Name::CorruptContent, why).into())
        }
        None => Err(odd(&format!("{} does not tell its size", shown(&url)))),
    }
}

/// Whether a repository has a blob (section "Checking if content exists in the registry" of the distribution specification).
pub(crate) async fn has(
    client: &Client,
    credential: &Credential,
    repository: &Repository,
    blob: Digest,
) -> Result<bool, Failure> {
    let url = credential.origin().at(&format!("/v2/{repository}/blobs/{blob}"));
    match get(client, Method::HEAD, url, Some(credential), "looking for", |request| request).await {
        Ok(_) => Ok(true),
        Err(Failure::Refused(refusal)) if refusal.status == 404 => Ok(false),
        Err(failure) => Err(failure),
    }
}

async fn request(
    client: &Client,
    credential: &Credential,
    repository: &Repository,
    blob: &Descriptor,
    range: Option<&str>,
) -> Result<Answer, Failure> {
    let url = credential.origin().at(&format!("/v2/{repository}/blobs/{}", blob.digest));
    get(client, Method::GET, url, Some(credential), "opening", |request| match range {
        Some(range) => request.header(RANGE, range),
        None => request,
    })
    .await
}

/// An answer that fits no question, which is more often a proxy in trouble than a registry.
fn odd(why: &str) -> Failure {
    Error::new(Name::RegistryUnavailable, why).into()
}

/// Which part of a blob an answer holds.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole(Option<u64>),
    Range(ContentRange),
    Unclear,
}

impl Part {
    fn of(response: &reqwest::Response) -> Self {
        let range = || response.headers().get(CONTENT_RANGE)?.to_str().ok()?.parse().ok();
        match response.status() {
            StatusCode::OK => Self::Whole(response.content_length()),
            StatusCode::PARTIAL_CONTENT => range().map_or(Self::Unclear, Self::Range),
            _ => Self::Unclear,
        }
    }
}

/// `bytes 5-9/10`: both ends count (RFC 9110, section 14.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ContentRange {
    first: u64,
    last: u64,
    total: Option<u64>,
}

impl std::str::FromStr for ContentRange {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (range, total) = text.strip_prefix("bytes ").and_then(|rest| rest.split_once('/')).ok_or(())?;
        let (first, last) = range.split_once('-').ok_or(())?;
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| ());
        let total = if total == "*" { None } else { Some(number(total)?) };
        Ok(Self { first: number(first)?, last: number(last)?, total })
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes {} to {}", self.first, self.last)?;
        self.total.iter().try_for_each(|total| write!(f, " of {total}"))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;
    use crate::http::loopback::Loopback;

    /// What becomes of a blob of these ten bytes, of which a range is read.
    async fn read<const N: usize>(range: Range<u64>, answers: [&str; N]) -> (Result<String, (Name, bool)>, Loopback) {
        let server = Loopback::answering(answers);
        let digest = Digest::of(b"0123456789");
        let blob = Descriptor { media_type: "x".into(), digest, size: 10, platform: None };
        let repository = "myapp/api".parse().unwrap();
        let named = |error: Error| (error.name(), error.is_temporary());
        let opened = open(&Client::for_tests(), &server.credential(), &repository, &blob, &range).await;
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
        let again = || Err((Name::RegistryUnavailable, true));
        for (range, answer, expected) in [
            (0..10, "200 OK\ncontent-length: 10\n\n0123456789", Ok("0123456789".to_owned())),
            (0..10, "200 OK\n\n0123456789", Ok("0123456789".to_owned())),
            (0..10, "200 OK\ncontent-length: 9\n\n012345678", corrupt()),
            (0..10, "200 OK\n\n012345678", again()),
            (0..10, "200 OK\n\n01234567890", corrupt()),
            (0..10, "200 OK\ncontent-length: 10\n\n01234", again()),
            (
                4..10,
                "206 Partial Content\ncontent-range: bytes 4-9/10\ncontent-length: 6\n\n456789",
                Ok("456789".to_owned()),
            ),
            (4..10, "200 OK\ncontent-length: 10\n\n0123456789", Ok("456789".to_owned())),
            (4..10, "206 Partial Content\ncontent-range: bytes 3-9/10\n\n3456789", again()),
            (4..10, "206 Partial Content\ncontent-range: bytes 4-9/11\n\n456789", corrupt()),
            (4..10, "206 Partial Content\ncontent-range: bytes 4-8/10\n\n45678", again()),
            (4..10, "206 Partial Content\n\n456789", again()),
            (4..10, "206 Partial Content\ncontent-range: pages 4-9/10\n\n456789", again()),
            (0..10, "204 No Content\n\n", again()),
            (2..5, "206 Partial Content\ncontent-range: bytes 2-4/10\n\n234", Ok("234".into())),
            (0..5, "206 Partial Content\ncontent-range: bytes 0-4/10\n\n01234", Ok("01234".into())),
            // Ranges are not heeded: all from there on comes.
            (2..5, "200 OK\ncontent-length: 10\n\n0123456789", Ok("23456789".into())),
            (2..5, "206 Partial Content\ncontent-range: bytes 2-9/10\n\n23456789", again()),
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
    async fn stops_following_in_the_end() {
        let here = "302 Found\nlocation: HERE/again";
        for answers in [[here; 5], ["307 Temporary Redirect\n\n"; 5]] {
            let (text, _) = read(0..10, answers).await;
            assert_eq!(text, Err((Name::RegistryUnavailable, false)));
        }
        let (text, server) = read(0..10, ["302 Found\nlocation: http://169.254.169.254/"]).await;
        assert_eq!((text, server.requests().len()), (Err((Name::RegistryUnavailable, false)), 1));
    }
}
