use std::fmt;

use http::header::{CONTENT_RANGE, RANGE};
use http::{Method, StatusCode};
use oci::{Digest, Repository};
use promotion::{Error, Name};
use reqwest::Response;

use crate::http::{AuthorizedClient, Failure, FinalResponse, Party, RequestUrl};

impl AuthorizedClient {
    /// Asks for a blob, or for a range of it (section "Pulling blobs" of the distribution specification).
    pub(super) async fn request_blob(
        &self,
        path: &Repository,
        blob: Digest,
        range: Option<&str>,
    ) -> Result<FinalResponse, Failure> {
        self.request_range(self.at(&format!("/v2/{path}/blobs/{blob}")), range).await
    }

    /// Asks for what is at a URL, or for a range of it.
    pub(super) async fn request_range(&self, url: RequestUrl, range: Option<&str>) -> Result<FinalResponse, Failure> {
        self.get(Method::GET, url, "opening", Party::Storage, |request| match range {
            Some(range) => request.header(RANGE, range),
            None => request,
        })
        .await
    }
}

/// An answer that does not fit the request. That is more often a proxy in trouble than a registry: it is worth a retry.
pub(super) fn unfit(why: &str) -> Failure {
    Error::new(Name::UnexpectedAnswer, why).temporary().into()
}

/// How much of a blob an answer holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Whole(Option<u64>),
    Range(ContentRange),
    Unclear,
}

impl Extent {
    pub(super) fn of(response: &Response) -> Self {
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
pub(super) struct ContentRange {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) total: Option<u64>,
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
