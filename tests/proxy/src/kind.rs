use std::fmt;

use http::{HeaderMap, Method};

/// A request that arrived.
#[derive(Clone, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// What it is about.
    pub kind: Kind,
    /// The operation, where it is one of an API of AWS.
    pub operation: Option<String>,
}

/// What a request is about, by its path (distribution specification, "Endpoints").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `/v2/`
    Ping,
    /// A manifest by its digest.
    Manifest,
    /// A manifest by its tag.
    Tag,
    /// A blob that is there.
    Blob,
    /// A blob on its way.
    Upload,
    /// A blob that is asked for from a sibling repository.
    Mount,
    /// The tags of a repository.
    Tags,
    /// What refers to a manifest.
    Referrers,
    /// A token, from the server that gives them.
    Token,
    /// What a storage holds behind a registry.
    Object,
    /// All else.
    Other,
}

impl Seen {
    pub(crate) fn new(method: Method, path: String, headers: &HeaderMap) -> Self {
        let kind = Kind::of(&path);
        // AWS JSON protocol: `AmazonEC2ContainerRegistry_V20150921.BatchGetImage`.
        let operation = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        let operation = operation.map(|target| target.rsplit('.').next().unwrap_or(target).to_owned());
        Self { method, path, kind, operation }
    }

    /// Method and kind in words, as in `GET manifest`, or the operation, as in `BatchGetImage`: what requests are
    /// counted by, and what a [`Rule`](crate::Rule) is for.
    #[must_use]
    pub fn name(&self) -> String {
        self.operation.clone().unwrap_or_else(|| format!("{} {}", self.method, self.kind))
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path.split('?').next().unwrap_or_default())
    }
}

impl Kind {
    pub(crate) fn of(target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let has = |part: &str| path.contains(part);
        match path {
            "/v2/" | "/v2" => Self::Ping,
            "/token" => Self::Token,
            _ if has("/blobs/uploads/") && query.split('&').any(|part| part.starts_with("mount=")) => Self::Mount,
            _ if has("/blobs/uploads/") => Self::Upload,
            _ if has("/blobs/") => Self::Blob,
            _ if has("/manifests/sha256:") => Self::Manifest,
            _ if has("/manifests/") => Self::Tag,
            _ if path.ends_with("/tags/list") => Self::Tags,
            _ if has("/referrers/") => Self::Referrers,
            _ if has("/sha256:") => Self::Object,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ping => "ping",
            Self::Manifest => "manifest",
            Self::Tag => "tag",
            Self::Blob => "blob",
            Self::Upload => "upload",
            Self::Mount => "mount",
            Self::Tags => "tags",
            Self::Referrers => "referrers",
            Self::Token => "token",
            Self::Object => "object",
            Self::Other => "other",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_named_by_its_path() {
        for (target, expected) in [
            ("/v2/", "ping"),
            ("/v2/a/b/manifests/sha256:00", "manifest"),
            ("/v2/a/b/manifests/1.0", "tag"),
            ("/v2/a/b/blobs/sha256:00", "blob"),
            ("/v2/a/b/blobs/uploads/", "upload"),
            ("/v2/a/b/blobs/uploads/?mount=sha256%3A00&from=c", "mount"),
            ("/v2/a/b/blobs/uploads/1?_state=x", "upload"),
            ("/v2/a/b/tags/list?n=2", "tags"),
            ("/v2/a/b/referrers/sha256:00", "referrers"),
            ("/token?service=x", "token"),
            ("/bucket/sha256:00?signature=x", "object"),
            ("/", "other"),
        ] {
            assert_eq!(Kind::of(target).to_string(), expected, "{target}");
        }
    }
}
