use crate::profile::*;

/// GitLab's registry, `registry.gitlab.com`.
///
/// - The token server is another host, `gitlab.com`, and does not say how long a token lasts:
///   <https://github.com/containers/image/issues/1265>
/// - A token does not cover another project, so that a mount from there is 401:
///   <https://github.com/estesp/manifest-tool/issues/53>, <https://github.com/google/go-containerregistry/issues/220>
/// - No list of referrers, and the tag `sha256-...` is the subject itself:
///   <https://github.com/oras-project/oras-go/issues/1396>
/// - HEAD of a blob is a redirect, too: <https://github.com/oras-project/oras/issues/923>
#[must_use]
pub fn gitlab() -> Profile {
    let specified = Profile::specified("GitLab");
    Profile {
        auth: Auth::Bearer(Bearer {
            path: "/jwt/auth",
            is_elsewhere: true,
            service: "container_registry",
            expires_in: None,
            is_narrow: true,
            ..Bearer::SPECIFIED
        }),
        manifests: Manifests { dash_is_digest: true, ..specified.manifests },
        blobs: Blobs { redirect: Some(307), head: Head::Redirected, ..specified.blobs },
        uploads: Uploads { query: "?_state=c3RhdGU%3D", is_absolute: true, ..specified.uploads },
        referrers: Referrers::Refused(Refusal::other(404, Body::Text("404 page not found"))),
        ..specified
    }
}
