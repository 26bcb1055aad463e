//! A request that has been read to its end.

use bytes::Bytes;
use http::HeaderMap;
use url::form_urlencoded;

use crate::seen::Surface;

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) surface: Surface,
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What a path of `/v2` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route<'r> {
    Ping,
    Manifest(&'r str, &'r str),
    Blob(&'r str, &'r str),
    NewUpload(&'r str),
    Tags(&'r str),
    Referrers(&'r str, &'r str),
}

impl<'r> Route<'r> {
    /// The repository, whose name may have any number of parts.
    pub(crate) fn repository(self) -> Option<&'r str> {
        match self {
            Self::Ping => None,
            Self::Manifest(name, _)
            | Self::Blob(name, _)
            | Self::NewUpload(name)
            | Self::Tags(name)
            | Self::Referrers(name, _) => Some(name),
        }
    }
}

impl Request {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The first value of a parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.parameters(name).into_iter().next()
    }

    pub(crate) fn parameters(&self, name: &str) -> Vec<String> {
        let query = self.target.split_once('?').map(|(_, query)| query).unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
        pairs.map(|(_, value)| value.into_owned()).collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the client takes an answer of this type.
    pub(crate) fn accepts(&self, media_type: &str) -> bool {
        let values = self.headers.get_all("accept").iter().filter_map(|value| value.to_str().ok());
        let kinds: Vec<_> = values.flat_map(|value| value.split(',')).map(|kind| kind.trim()).collect();
        kinds.iter().any(|kind| kind.split(';').next() == Some(media_type))
    }

    /// The same, or any type.
    pub(crate) fn accepts_or_any(&self, media_type: &str) -> bool {
        self.accepts(media_type) || self.accepts("*/*") || !self.headers.contains_key("accept")
    }

    pub(crate) fn is_write(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD")
    }

    pub(crate) fn route(&self) -> Option<Route<'_>> {
        let path = self.path();
        if matches!(path, "/v2/" | "/v2") {
            return Some(Route::Ping);
        }
        let rest = path.strip_prefix("/v2/")?;
        if let Some(name) = rest.strip_suffix("/blobs/uploads/").or_else(|| rest.strip_suffix("/blobs/uploads")) {
            return Some(Route::NewUpload(name));
        }
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Some(Route::Tags(name));
        }
        let (front, last) = rest.rsplit_once('/')?;
        let (name, kind) = front.rsplit_once('/')?;
        match kind {
            "manifests" => Some(Route::Manifest(name, last)),
            "blobs" => Some(Route::Blob(name, last)),
            "referrers" => Some(Route::Referrers(name, last)),
            _ => None,
        }
    }
}
