use crate::profile::*;

/// Docker Hub, `registry-1.docker.io`.
///
/// - The token server has a host of its own, `auth.docker.io`:
///   <https://distribution.github.io/distribution/spec/auth/token/>
/// - No list of referrers, <https://github.com/docker/roadmap/issues/724>, though a PUT says `OCI-Subject`; a referrer
///   whose subject is not there is refused: <https://github.com/docker/hub-feedback/issues/2372>
/// - Storage takes no HEAD at the address of a blob: <https://github.com/containerd/stargz-snapshotter/pull/167>
/// - A tag that moved points where it did for up to 30 s: <https://github.com/mdrideout/junjo/pull/19>
/// - The limit against abuse answers with a bare line: <https://github.com/docker/hub-feedback/issues/1907>
#[must_use]
pub fn docker_hub() -> Profile {
    let specified = Profile::specified("Docker Hub");
    Profile {
        auth: Auth::Bearer(Bearer {
            is_elsewhere: true,
            service: "registry.docker.io",
            is_public: true,
            ..Bearer::SPECIFIED
        }),
        manifests: Manifests {
            subject_first: Some(Refusal::error(404, "MANIFEST_UNKNOWN", "manifest unknown")),
            ..specified.manifests
        },
        blobs: Blobs { redirect: Some(307), head: Head::RefusedByStorage, ..specified.blobs },
        uploads: Uploads { query: "?_state=c3RhdGU%3D", is_absolute: true, ..specified.uploads },
        referrers: Referrers::Refused(Refusal::other(404, Body::Text("404 page not found"))),
        lag: Lag { manifests: 0, tags: 2 },
        throttle: Some(Refusal::other(429, Body::Text("Too Many Requests (HAP429)"))),
        ..specified
    }
}
