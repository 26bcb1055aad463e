use std::time::{Duration, SystemTime};

use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use promotion::{Error, Name};
use reqwest::Response;
use serde::Deserialize;
use url::Url;

use super::client::within;
use super::origin::shown;
use super::text::harmless;

/// What may come of a request besides success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was answered with a refusal, which the caller knows how to name.
    Refused(Refusal),
    /// It failed in a way that is named already.
    Failed(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Who answered: a registry hands the reading of blobs over to a storage behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Party {
    Registry,
    Storage,
}

/// A request that was answered with an error, whichever way it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) by: Party,
    pub(crate) status: u16,
    /// The code by which the registry calls the error, empty if it gave none.
    pub(crate) code: String,
    /// What it said about it, fit for a message.
    pub(crate) message: String,
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    /// Reads an answer that is an error. The body need not be what the specification says it is: ECR has been seen to answer 403 with plain text.
    pub(super) async fn read(response: Response, by: Party) -> Self {
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        let retry_after = super::retry_after(header(RETRY_AFTER), SystemTime::now());
        let is_html = header(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html"));
        let body = beginning(response).await;
        let (code, message) = match by {
            Party::Registry if is_html => (String::new(), String::new()),
            Party::Registry => from_registry(&body),
            Party::Storage => from_storage(&body),
        };
        Self { by, status: status.as_u16(), code, message, retry_after }
    }

    /// The status, and the code and message where there are any: `403 DENIED: not so`.
    pub(crate) fn told(&self) -> String {
        let reason = StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason()).unwrap_or("");
        let code = if self.code.is_empty() { reason } else { &self.code };
        let head = format!("{} {code}", self.status);
        if self.message.is_empty() { head } else { format!("{head}: {}", self.message) }
    }
}

/// No error says more than this.
const ERROR_BYTES: usize = 16 << 10;

async fn beginning(mut response: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Ok(Some(piece))) = within(Duration::from_secs(10), response.chunk()).await {
        body.extend_from_slice(&piece);
        if body.len() >= ERROR_BYTES {
            body.truncate(ERROR_BYTES);
            break;
        }
    }
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
        Ok(Some(first)) => (harmless(&first.code), harmless(&first.message.unwrap_or_default())),
        Ok(None) => (String::new(), String::new()),
        Err(_) => (String::new(), harmless(body)),
    }
}

/// S3's XML. Only these two elements: others repeat the signature and the key id of the URL.
fn from_storage(body: &str) -> (String, String) {
    let element = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| harmless(text))
    };
    (element("Code").unwrap_or_default(), element("Message").unwrap_or_default())
}

/// A request that got no answer, or an answer that was cut.
pub(super) fn transport(error: reqwest::Error, doing: &str, url: &Url) -> Error {
    let error = error.without_url();
    let mut root: &dyn std::error::Error = &error;
    while let Some(source) = root.source() {
        root = source;
    }
    let message = format!("{doing} {}: {}", shown(url), harmless(&root.to_string()));
    let permanent = error.is_builder();
    let named = Error::new(Name::RegistryUnavailable, message).with_source(error);
    if permanent { named.permanent() } else { named }
}

/// The registry was given this long and did not answer.
pub(super) fn late(patience: Duration, doing: &str, url: &Url) -> Error {
    Error::new(
        Name::RegistryUnavailable,
        format!("{doing} {}: no answer in {} seconds", shown(url), patience.as_secs()),
    )
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
        assert_eq!(from_registry("no basic auth"), (String::new(), "no basic auth".into()));
        let xml = "<?xml?><Error><Code>AccessDenied</Code><Message>Request has expired</Message><StringToSign>s</StringToSign></Error>";
        assert_eq!(from_storage(xml), ("AccessDenied".into(), "Request has expired".into()));
        assert_eq!(from_storage("<Error><Code>x"), (String::new(), String::new()));
    }

    #[test]
    fn tells_status_code_and_message() {
        let mut refusal = Refusal {
            by: Party::Registry,
            status: 403,
            code: "DENIED".into(),
            message: "no".into(),
            retry_after: None,
        };
        assert_eq!(refusal.told(), "403 DENIED: no");
        refusal.code.clear();
        refusal.message.clear();
        assert_eq!(refusal.told(), "403 Forbidden");
    }
}
