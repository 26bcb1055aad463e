//! Answers that are no success.

/// An answer that is no success.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    /// Its status.
    pub status: u16,
    /// Headers beside the content's own.
    pub headers: &'static [(&'static str, &'static str)],
    /// What it says.
    pub body: Body,
}

/// What an answer says.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// Nothing.
    Empty,
    /// An error of the distribution specification: code and message.
    Error(&'static str, &'static str),
    /// JSON.
    Json(&'static str),
    /// A page for people.
    Html(&'static str),
    /// Plain text.
    Text(&'static str),
}

impl Refusal {
    /// As the specification says it.
    #[must_use]
    pub const fn error(status: u16, code: &'static str, message: &'static str) -> Self {
        Self { status, headers: &[], body: Body::Error(code, message) }
    }

    /// In other words.
    #[must_use]
    pub const fn other(status: u16, body: Body) -> Self {
        Self { status, headers: &[], body }
    }

    /// With these headers.
    #[must_use]
    pub const fn with(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, ..self }
    }
}
