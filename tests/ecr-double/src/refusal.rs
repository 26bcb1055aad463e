//! A request that was turned down, in ECR's own terms, and how each surface says so.

use hyper::Response;
use serde_json::{Map, Value, json};

use crate::body::Body;

/// An error as the ECR API names it. `/v2` and S3 translate it to their own forms.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// Members beside `message`, such as `lastValidByteReceived`.
    pub(crate) detail: Map<String, Value>,
    /// Seconds for a Retry-After header.
    pub(crate) retry_after: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        let status = match code {
            "ServerException" | "InternalFailure" => 500,
            "ServiceUnavailableException" | "ServiceUnavailable" => 503,
            _ => 400,
        };
        Self { status, code: code.to_owned(), message: message.into(), detail: Map::new(), retry_after: None }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    pub(crate) fn parameter(name: &str, constraint: &str) -> Self {
        Self::invalid(format!("Invalid parameter at '{name}' failed to satisfy constraint: '{constraint}'"))
    }

    pub(crate) fn server(message: impl std::fmt::Display) -> Self {
        Self::new("ServerException", format!("the double itself failed: {message}"))
    }

    pub(crate) fn no_repository(name: &str, account: &str) -> Self {
        Self::new(
            "RepositoryNotFoundException",
            format!("The repository with name '{name}' does not exist in the registry with id '{account}'"),
        )
    }

    pub(crate) fn throttled() -> Self {
        Self::new("ThrottlingException", "Rate exceeded")
    }

    /// The body of an AWS JSON 1.1 error.
    pub(crate) fn api_body(&self) -> Value {
        let mut body = self.detail.clone();
        body.insert("__type".to_owned(), json!(self.code));
        body.insert("message".to_owned(), json!(self.message));
        Value::Object(body)
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::server(error)
    }
}

/// Why a handler gave no answer of its own.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error to say to the client.
    Refused(Box<Refusal>),
    /// No answer: the connection breaks.
    Hangup,
    /// An answer of another kind, ready to send.
    Answer(Box<Response<Body>>),
}

impl<T: Into<Refusal>> From<T> for Failure {
    fn from(refusal: T) -> Self {
        Self::Refused(Box::new(refusal.into()))
    }
}
