use crate::profile::*;

/// JFrog Artifactory, before 7.90.1.
///
/// - What is not there is 403, in a virtual repository: <https://github.com/sigstore/cosign/issues/2973>,
///   <https://github.com/google/go-containerregistry/pull/1691>
/// - A list of referrers is 406: <https://github.com/google/go-containerregistry/issues/1962>
/// - Tags are listed for whoever accepts JSON: <https://github.com/deitch/docker_registry2/pull/40>,
///   <https://github.com/renovatebot/renovate/issues/3078>
/// - Blobs come without a length behind some proxies: <https://github.com/jfrog/jfrog-cli/issues/95>,
///   <https://github.com/google/go-containerregistry/issues/1061>
/// - Locations name the host: <https://github.com/estesp/manifest-tool/issues/98>
#[must_use]
pub fn artifactory() -> Profile {
    const FORBIDDEN: Refusal =
        Refusal::error(403, "UNAUTHORIZED", "The client does not have permission for manifest: it is forbidden");
    let specified = Profile::specified("Artifactory");
    Profile {
        auth: Auth::Basic { realm: "Artifactory Realm" },
        absent: Absent { repository: FORBIDDEN, manifest: FORBIDDEN, ..specified.absent },
        blobs: Blobs { has_ranges: false, has_length: false, ..specified.blobs },
        uploads: Uploads { is_absolute: true, ..specified.uploads },
        tags: Tags { wants_json: Some(Refusal::other(406, Body::Empty)), ..specified.tags },
        referrers: Referrers::Refused(Refusal::other(406, Body::Empty)),
        ..specified
    }
}
