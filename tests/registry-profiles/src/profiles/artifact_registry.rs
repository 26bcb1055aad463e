use crate::profile::*;

/// Google Artifact Registry, `*-docker.pkg.dev`.
///
/// - The token server is `/v2/token` of the same host: <https://github.com/oras-project/oras/issues/157>
/// - An upload is at a long path beside `/v2`, which is relative: <https://github.com/gitpod-io/gitpod/issues/10214>
/// - No list of referrers in 2024: <https://github.com/actions/attest-build-provenance/issues/80>
#[must_use]
pub fn artifact_registry() -> Profile {
    let specified = Profile::specified("Google Artifact Registry");
    Profile {
        auth: Auth::Bearer(Bearer {
            path: "/v2/token",
            service: "us-docker.pkg.dev",
            expires_in: None,
            ..Bearer::SPECIFIED
        }),
        blobs: Blobs { redirect: Some(302), ..specified.blobs },
        uploads: Uploads {
            path: "/artifacts-uploads/namespaces/project/repositories/app/uploads/AHf3wE4nAr2pE2m5WYTLzxtkWH/ID",
            ..specified.uploads
        },
        referrers: Referrers::Refused(Refusal::other(
            404,
            Body::Html("<html><title>Error 404 (Not Found)</title></html>"),
        )),
        immutable: Some(Refusal::error(400, "MANIFEST_INVALID", "the repository has enabled tag immutability")),
        ..specified
    }
}
