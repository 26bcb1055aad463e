use crate::profile::*;

/// `registry.k8s.io`, which leads every read elsewhere: manifests, tags and referrers to Artifact Registry, blobs to S3.
///
/// - It takes no writes, asks for a token at `/v2/` alone, and drops the query on the way:
///   <https://github.com/kubernetes/registry.k8s.io/blob/main/cmd/archeio/internal/app/handlers.go>
/// - What is missing is missing where it leads to: <https://github.com/kubernetes/registry.k8s.io/issues/287>
/// - Referrers led to a login page, with 200: <https://github.com/oras-project/oras-go/issues/633>
#[must_use]
pub fn kubernetes() -> Profile {
    let specified = Profile::specified("registry.k8s.io");
    Profile {
        auth: Auth::Bearer(Bearer { service: "registry.k8s.io", is_public: true, ..Bearer::SPECIFIED }),
        referrers: Referrers::LedAway(
            307,
            Refusal::other(200, Body::Html("<html><title>Sign in - Google Accounts</title></html>")),
        ),
        front: Front::Redirector { write: Refusal::other(405, Body::Text("Only GET and HEAD are allowed.")) },
        ..specified
    }
}
