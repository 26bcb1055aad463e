//! What a `/v2` request asks for.

use hyper::Method;

use crate::names::is_repository;

/// A parsed request line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) operation: &'static str,
    pub(super) repository: Option<String>,
    /// A tag, a digest or an upload id.
    pub(super) reference: Option<String>,
    pub(super) query: Vec<(String, String)>,
}

impl Route {
    pub(super) fn parse(method: &Method, path: &str, query: Option<&str>) -> Option<Self> {
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        let rest = path.strip_prefix("/v2")?.trim_start_matches('/');
        if rest.is_empty() {
            return Some(Self { operation: "v2.Ping", repository: None, reference: None, query });
        }
        let mounting = query.iter().any(|(name, _)| name == "mount");
        let (repository, operation, reference) = if let Some((name, rest)) = rest.rsplit_once("/blobs/uploads") {
            let id = rest.trim_matches('/');
            (name, upload(method, id.is_empty(), mounting), id)
        } else if let Some((name, digest)) = rest.rsplit_once("/blobs/") {
            (
                name,
                by_method(
                    method,
                    [(Method::HEAD, "v2.HeadBlob"), (Method::GET, "v2.GetBlob"), (Method::DELETE, "v2.DeleteBlob")],
                ),
                digest,
            )
        } else if let Some((name, reference)) = rest.rsplit_once("/manifests/") {
            (name, manifest(method), reference)
        } else if let Some((name, digest)) = rest.rsplit_once("/referrers/") {
            (name, by_method(method, [(Method::GET, "v2.Referrers")]), digest)
        } else if let Some(name) = rest.strip_suffix("/tags/list") {
            (name, by_method(method, [(Method::GET, "v2.ListTags")]), "")
        } else {
            return None;
        };
        let reference = (!reference.is_empty()).then(|| decoded(reference));
        Some(Self { operation, repository: Some(name_of(repository)?), reference, query })
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn name_of(repository: &str) -> Option<String> {
    is_repository(repository).then(|| repository.to_owned())
}

fn decoded(reference: &str) -> String {
    reference.replace("%3A", ":").replace("%3a", ":").replace("%2B", "+")
}

fn by_method<const N: usize>(method: &Method, known: [(Method, &'static str); N]) -> &'static str {
    known.into_iter().find(|(one, _)| one == method).map_or("v2.Unsupported", |(_, operation)| operation)
}

fn manifest(method: &Method) -> &'static str {
    by_method(
        method,
        [
            (Method::HEAD, "v2.HeadManifest"),
            (Method::GET, "v2.GetManifest"),
            (Method::PUT, "v2.PutManifest"),
            (Method::DELETE, "v2.DeleteManifest"),
        ],
    )
}

fn upload(method: &Method, start: bool, mounting: bool) -> &'static str {
    match (method, start, mounting) {
        (&Method::POST, true, true) => "v2.MountBlob",
        (&Method::POST, true, false) => "v2.StartUpload",
        (&Method::PATCH, false, _) => "v2.PatchUpload",
        (&Method::PUT, false, _) => "v2.PutUpload",
        (&Method::GET, false, _) => "v2.GetUpload",
        (&Method::DELETE, false, _) => "v2.DeleteUpload",
        _ => "v2.Unsupported",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &Method, target: &str) -> Route {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        Route::parse(method, path, query).unwrap()
    }

    #[test]
    fn routes() {
        assert_eq!(route(&Method::GET, "/v2/").operation, "v2.Ping");
        let put = route(&Method::PUT, "/v2/team/app/manifests/1.0");
        assert_eq!((put.operation, put.repository.as_deref()), ("v2.PutManifest", Some("team/app")));
        let start = route(&Method::POST, "/v2/team/app/blobs/uploads/");
        assert_eq!((start.operation, start.reference), ("v2.StartUpload", None));
        let mount = route(&Method::POST, "/v2/team/app/blobs/uploads/?mount=sha256:ab&from=other/app");
        assert_eq!((mount.operation, mount.query("from")), ("v2.MountBlob", Some("other/app")));
        let part = route(&Method::PATCH, "/v2/app/blobs/uploads/0-1");
        assert_eq!((part.operation, part.reference.as_deref()), ("v2.PatchUpload", Some("0-1")));
        assert!(Route::parse(&Method::GET, "/v2/UPPER/tags/list", None).is_none());
    }
}
