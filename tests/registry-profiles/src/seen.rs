//! What was asked, for tests to count.

/// Which of its hosts was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// The one that users name.
    Registry,
    /// The registry behind a server that redirects.
    Backend,
    /// Where blobs are kept.
    Storage,
    /// The token server, where that has a host of its own.
    Tokens,
}

/// A request and the status of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which host.
    pub surface: Surface,
    /// `GET`
    pub method: String,
    /// Path and query.
    pub target: String,
    /// What it was answered with.
    pub status: u16,
    /// Whether it had an `Authorization`.
    pub is_authorized: bool,
}

impl Seen {
    /// `GET manifests`, `POST blobs`, `GET token`: what was done to what.
    #[must_use]
    pub fn kind(&self) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        let kinds = ["manifests", "blobs", "tags", "referrers", "token", "auth"];
        let words: Vec<_> = path.split('/').collect();
        let kind = words.iter().rev().find(|word| kinds.contains(word)).copied().unwrap_or(path);
        format!("{} {kind}", self.method)
    }

    /// Whether it was to change what the registry holds.
    #[must_use]
    pub fn is_write(&self) -> bool {
        matches!(self.method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE") && self.surface != Surface::Tokens
    }
}
