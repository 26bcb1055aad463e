//! Answers before they are sent.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::profile::{Body, Refusal};

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    /// Whether the length of the body is said.
    pub(crate) has_length: bool,
}

impl Answer {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: vec![], body: Bytes::new(), has_length: true }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(crate) fn body(self, media_type: &str, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self.with("content-type", media_type) }
    }

    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::new(status).body("application/json", value.to_string())
    }

    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({ "errors": [{ "code": code, "message": message, "detail": {} }] }))
    }

    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self::new(status).with("location", location)
    }
}

impl From<Refusal> for Answer {
    fn from(Refusal { status, headers, body }: Refusal) -> Self {
        let answer = match body {
            Body::Empty => Self::new(status),
            Body::Error(code, message) => Self::error(status, code, message),
            Body::Json(text) => Self::new(status).body("application/json", text),
            Body::Html(text) => Self::new(status).body("text/html; charset=utf-8", text),
            Body::Text(text) => Self::new(status).body("text/plain; charset=utf-8", text),
        };
        headers.iter().fold(answer, |answer, (name, value)| answer.with(name, value))
    }
}
