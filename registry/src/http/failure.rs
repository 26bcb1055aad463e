//! Reading answers that are errors, however they are written: JSON of the specification, XML of S3, HTML of a proxy,
//! plain text.

use std::fmt;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use oci::Digest;
use oci::text::sanitize_line;
use promotion::Error;
use reqwest::Response;
use serde::Deserialize;

use super::client::{Client, within};
use super::rate;
use super::retry_after;

/// What may come of a request besides success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was answered with a refusal, which the caller knows how to name.
    Refused(Box<Refusal>),
    /// It failed in a way that is named already.
    Failed(Error),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Who answered: a registry hands the reading of blobs over to a storage behind it, and some send on to another host
/// for all else as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Party {
    #[default]
    Registry,
    /// Another host, which was asked for a blob.
    Storage,
    /// Another host, which was asked for a manifest or a list as the registry would be (registry.k8s.io#287).
    Elsewhere,
}

/// A request that was answered with an error, whichever way it was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Refusal {
    pub(crate) by: Party,
    pub(crate) status: u16,
    /// The code by which the registry calls the error, empty if it gave none.
    pub(crate) code: String,
    /// What it said about it, fit for a message.
    pub(crate) message: String,
    pub(crate) retry_after: Option<Duration>,
    /// The digests that its body names anywhere, as details of what is missing.
    pub(crate) digests: Vec<Digest>,
    /// How it wants to be authenticated, each as in one `WWW-Authenticate`.
    pub(crate) challenges: Vec<String>,
    /// What it says of how much may be pulled.
    pub(crate) limit: Option<String>,
}

impl Refusal {
    /// Whether this says that what was asked for is not there.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self.status, 404 | 410)
    }

    /// Reads an answer that is an error. The body need not be what the specification says it is: ECR has been seen to
    /// answer 403 with plain text.
    pub(crate) async fn read(client: &Client, response: Response, by: Party) -> Self {
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        let retry_after = retry_after::delay(header(RETRY_AFTER), SystemTime::now());
        let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let challenges = challenges.filter_map(|value| value.to_str().ok().map(str::to_owned)).collect();
        let limit = rate::limit(response.headers());
        let is_html = header(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html"));
        let body = beginning(response, client.timeouts().refusal).await;
        let (code, message) = match by {
            Party::Registry | Party::Elsewhere if is_html => (String::new(), title(&body)),
            Party::Registry | Party::Elsewhere => from_registry(&body),
            Party::Storage => from_storage(&body),
        };
        let digests = if by == Party::Registry { digests(&body) } else { vec![] };
        let retry_after = retry_after.or_else(|| rate::delay_in(&message));
        Self { by, status: status.as_u16(), code, message, retry_after, digests, challenges, limit }
    }

    /// Adds to what it said.
    pub(crate) fn note(&mut self, what: &str) {
        if !self.message.is_empty() {
            self.message.push(' ');
        }
        self.message += &format!("({what})");
    }
}

/// The status, and the code and message where there are any: `403 DENIED: not so`.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason()).unwrap_or("");
        let code = if self.code.is_empty() { reason } else { &self.code };
        write!(f, "{} {code}", self.status)?;
        // What to change follows as a sentence of its own.
        let message = self.message.strip_suffix('.').unwrap_or(&self.message);
        if message.is_empty() { Ok(()) } else { write!(f, ": {message}") }
    }
}

/// No error says more than this.
///
/// A registry may list every blob that a manifest lacks, in an error each.
const ERROR_BYTES: usize = 64 << 10;

async fn beginning(mut response: Response, timeout: Duration) -> String {
    let mut body = Vec::new();
    let reading = async {
        while let Ok(Some(piece)) = response.chunk().await {
            body.extend_from_slice(&piece);
            if body.len() >= ERROR_BYTES {
                body.truncate(ERROR_BYTES);
                break;
            }
        }
    };
    // What came until then is reported.
    let _ = within(timeout, reading).await;
    String::from_utf8_lossy(&body).into_owned()
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: Option<String>,
}

/// Section "Error codes" of the distribution specification, or whatever text there is.
fn from_registry(body: &str) -> (String, String) {
    match serde_json::from_str::<Errors>(body).map(|errors| errors.errors.into_iter().next()) {
        Ok(Some(first)) => (sanitize_line(&first.code), sanitize_line(&first.message.unwrap_or_default())),
        Ok(None) => (String::new(), String::new()),
        Err(_) => (String::new(), sanitize_line(body)),
    }
}

/// What a page for people says in its title, as those of proxies do.
fn title(html: &str) -> String {
    let title = html.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    title.map(|(title, _)| sanitize_line(title)).unwrap_or_default()
}

/// Every digest in a text, once.
pub(crate) fn digests(text: &str) -> Vec<Digest> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != ':');
    let mut found: Vec<Digest> = words.filter_map(|word| word.parse().ok()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// S3's XML. Only these two elements: others repeat the signature and the key id of the URL.
fn from_storage(body: &str) -> (String, String) {
    let element = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| sanitize_line(text))
    };
    (element("Code").unwrap_or_default(), element("Message").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_registries_and_storages_say() {
        let json = r#"{"errors":[{"code":"DENIED","message":"Your authorization token has expired.\n"},{"code":"X"}]}"#;
        assert_eq!(from_registry(json), ("DENIED".into(), "Your authorization token has expired.".into()));
        assert_eq!(from_registry(r#"{"errors":[{"code":"X","message":null}]}"#), ("X".into(), String::new()));
        assert_eq!(from_registry(r#"{"errors":[]}"#), (String::new(), String::new()));
        let page = "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>";
        assert_eq!(title(page), "400 The plain HTTP request was sent to HTTPS port");
        assert_eq!(title("<title>unended"), "");
        assert_eq!(from_registry("no basic auth"), (String::new(), "no basic auth".into()));
        let xml = "<?xml?><Error><Code>AccessDenied</Code><Message>Request has expired</Message><StringToSign>s</StringToSign></Error>";
        assert_eq!(from_storage(xml), ("AccessDenied".into(), "Request has expired".into()));
        assert_eq!(from_storage("<Error><Code>x"), (String::new(), String::new()));
    }

    #[test]
    fn shows_status_code_and_message() {
        let mut refusal = Refusal { status: 403, code: "DENIED".into(), message: "no".into(), ..Refusal::default() };
        assert_eq!(refusal.to_string(), "403 DENIED: no");
        refusal.code.clear();
        refusal.message.clear();
        assert_eq!(refusal.to_string(), "403 Forbidden");
    }
}
