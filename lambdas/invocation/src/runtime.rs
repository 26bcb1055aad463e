//! Lambda's runtime interface: takes an event, answers it, takes the next (AWS Lambda Developer Guide, "Using the
//! Lambda runtime API for custom runtimes").
//!
//! `lambda_runtime` would do the same, but reads more than is needed before anything here sees it: an event that its
//! parser of JSON refuses is answered with the name of a type of Rust, and a header `Lambda-Runtime-Client-Context` that
//! is no JSON ends the process without an answer (version 1.5, `deserializer.rs` and `Context::new`).

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use promotion::{Error, Name};
use reqwest::header::{HeaderMap, HeaderValue};
use serde::Serialize;

/// The interface of this process.
#[derive(Debug)]
pub(crate) struct Runtime {
    base: String,
    http: reqwest::Client,
}

/// An event that waits for its answer. Of what comes with it only this is read: the contexts of clients and of Cognito
/// mean nothing here, and others write them.
#[derive(Debug)]
pub(crate) struct Next {
    /// The event, as it was sent.
    pub(crate) event: Bytes,
    pub(crate) request_id: String,
    /// When Lambda ends the invocation; none if it does not say so in a number.
    pub(crate) end: Option<SystemTime>,
    /// The ARN of the function, empty where it is not said.
    pub(crate) function_arn: String,
    /// Keeps an answer that comes too late from being taken for that of a later invocation.
    invocation_id: Option<HeaderValue>,
}

/// What an invocation ends in, if not in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    /// The stable name, which state machines match.
    pub error_type: String,
    /// What to change.
    pub error_message: String,
}

const INVOCATION_ID: &str = "lambda-runtime-invocation-id";

impl Runtime {
    /// The interface that Lambda, or an emulator of it, named in `AWS_LAMBDA_RUNTIME_API`.
    ///
    /// # Errors
    /// `InvalidInput` if none is named, `RegistryUnavailable` if no HTTP client can be made.
    pub(crate) fn of_environment() -> Result<Self, Error> {
        let api = std::env::var("AWS_LAMBDA_RUNTIME_API").map_err(|_| {
            let why = "this program serves AWS Lambda and has to be started by it, or by cargo lambda: AWS_LAMBDA_RUNTIME_API is not set";
            Error::new(Name::InvalidInput, why)
        })?;
        Self::at(&api)
    }

    fn at(api: &str) -> Result<Self, Error> {
        // Lambda names host and port, cargo lambda a URL with a path.
        let base = if api.contains("://") { api.to_owned() } else { format!("http://{api}") };
        // It is on this machine: neither a proxy nor TLS has a part in it. The next event may be hours away.
        let http = reqwest::Client::builder().no_proxy().http1_only().tls_certs_only([]).build();
        let http = http.map_err(|error| Error::new(Name::RegistryUnavailable, format!("no HTTP client: {error}")))?;
        Ok(Self { base: format!("{}/2018-06-01/runtime/invocation", base.trim_end_matches('/')), http })
    }

    /// Waits for the next event.
    ///
    /// # Errors
    /// `RegistryUnavailable` if the interface does not answer, or not as one: Lambda starts another process then.
    pub(crate) async fn next(&self) -> Result<Next, Error> {
        let answer = self.http.get(format!("{}/next", self.base)).send().await.map_err(failed)?;
        let answer = answer.error_for_status().map_err(failed)?;
        let headers = answer.headers();
        let request_id = text(headers, "lambda-runtime-aws-request-id").ok_or_else(|| {
            Error::new(Name::RegistryUnavailable, "Lambda's runtime interface gave an event without a request id")
        })?;
        let milliseconds = text(headers, "lambda-runtime-deadline-ms").and_then(|text| text.parse().ok());
        let end = milliseconds.and_then(|end| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(end)));
        let function_arn = text(headers, "lambda-runtime-invoked-function-arn").unwrap_or_default();
        let invocation_id = headers.get(INVOCATION_ID).cloned();
        let event = answer.bytes().await.map_err(failed)?;
        Ok(Next { event, request_id, end, function_arn, invocation_id })
    }

    /// Answers an event.
    ///
    /// # Errors
    /// Those of [`Runtime::next`]. That Lambda does not take the answer is none: the next event does not suffer for it.
    pub(crate) async fn answer<A: Serialize>(&self, next: &Next, result: &Result<A, Diagnostic>) -> Result<(), Error> {
        let (kind, json) = match result {
            Ok(answer) => ("response", serde_json::to_vec(answer)),
            Err(diagnostic) => ("error", serde_json::to_vec(diagnostic)),
        };
        let json =
            json.map_err(|error| Error::new(Name::UnexpectedAnswer, format!("an answer is no JSON: {error}")))?;
        let mut request = self.http.post(format!("{}/{}/{kind}", self.base, next.request_id)).body(json);
        if let Err(diagnostic) = result {
            request = request.header("lambda-runtime-function-error-type", &diagnostic.error_type);
        }
        if let Some(id) = &next.invocation_id {
            request = request.header(INVOCATION_ID, id);
        }
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        // Read to its end, so that the connection is used again. What it says does not matter.
        let _ = answer.bytes().await;
        if !status.is_success() {
            tracing::error!(%status, "Lambda did not take the answer: its time was over, or it is too long");
        }
        Ok(())
    }
}

#[cfg(test)]
impl Next {
    /// An invocation that ends then.
    pub(crate) fn ending(end: SystemTime) -> Self {
        let (event, request_id, function_arn) = (Bytes::new(), String::new(), String::new());
        Self { event, request_id, end: Some(end), function_arn, invocation_id: None }
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn failed(error: reqwest::Error) -> Error {
    Error::new(Name::RegistryUnavailable, format!("Lambda's runtime interface: {error}")).with_source(error)
}
