use std::collections::BTreeMap;

use http::Method;

use crate::fault::Fault;
use crate::kind::{Kind, Seen};

/// What was written through here and is not seen yet: the paths at which it is read, and how many looks that is.
#[derive(Debug, Default)]
pub(crate) struct Late(BTreeMap<String, usize>);

impl Late {
    /// Hides what a write wrote from so many looks. The same written again is not hidden anew.
    pub(crate) fn hide(&mut self, written: &Written, looks: usize) {
        self.0.entry(written.0.clone()).or_insert(looks);
    }

    /// The answer to a look at something that is not seen yet.
    pub(crate) fn look(&mut self, seen: &Seen) -> Option<Fault> {
        let path = seen.path.split('?').next().unwrap_or_default();
        let is_look = matches!(seen.method, Method::GET | Method::HEAD);
        let left = self.0.get_mut(path).filter(|left| is_look && **left > 0)?;
        *left -= 1;
        let code = if seen.kind == Kind::Blob { "BLOB_UNKNOWN" } else { "MANIFEST_UNKNOWN" };
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"not seen yet"}}]}}"#);
        Some(Fault::Status { status: 404, retry_after: None, body })
    }
}

/// The path at which a write can be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Written(String);

impl Written {
    /// None of a request that writes nothing that could be seen.
    pub(crate) fn by(method: &Method, target: &str) -> Option<Self> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let blob = |parameter: &str| {
            let digest = query.split('&').find_map(|part| part.strip_prefix(parameter))?.replace("%3A", ":");
            let (repository, _) = path.split_once("/blobs/uploads/")?;
            Some(format!("{repository}/blobs/{digest}"))
        };
        match (method, Kind::of(target)) {
            (&Method::PUT, Kind::Manifest | Kind::Tag) => Some(Self(path.to_owned())),
            (&Method::PUT, Kind::Upload) => blob("digest=").map(Self),
            (&Method::POST, Kind::Mount) => blob("mount=").map(Self),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_read_where_the_specification_says() {
        for (method, target, expected) in [
            (Method::PUT, "/v2/a/b/manifests/1.0", Some("/v2/a/b/manifests/1.0")),
            (Method::PUT, "/v2/a/b/blobs/uploads/1?_state=x&digest=sha256%3A00", Some("/v2/a/b/blobs/sha256:00")),
            (Method::POST, "/v2/a/b/blobs/uploads/?mount=sha256:00&from=c", Some("/v2/a/b/blobs/sha256:00")),
            (Method::POST, "/v2/a/b/blobs/uploads/", None),
            (Method::GET, "/v2/a/b/manifests/1.0", None),
        ] {
            assert_eq!(Written::by(&method, target), expected.map(|path| Written(path.to_owned())), "{target}");
        }
    }
}
