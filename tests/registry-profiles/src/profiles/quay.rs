use crate::profile::*;

/// Quay, `quay.io`.
///
/// - A list of referrers of what is not there is 400: <https://github.com/quay/quay/pull/3071>. A PUT does not say
///   `OCI-Subject`: <https://github.com/opencontainers/distribution-spec/pull/563>
/// - More than 100 tags at a time are refused, <https://github.com/google/go-containerregistry/issues/1963>,
///   <https://github.com/akuity/kargo/pull/2186>; pages go on at an opaque word, whatever `last` says:
///   <https://github.com/regclient/regclient/issues/272>, <https://github.com/ivanilves/lstags/issues/185>
/// - What a manifest lacks is 400, a tag that may not move 409:
///   <https://github.com/quay/quay/blob/master/endpoints/v2/errors.py>
/// - Few requests a second: <https://access.redhat.com/solutions/6218921>
#[must_use]
pub fn quay() -> Profile {
    let specified = Profile::specified("Quay");
    Profile {
        auth: Auth::Bearer(Bearer { path: "/v2/auth", service: "quay.io", is_public: true, ..Bearer::SPECIFIED }),
        manifests: Manifests {
            lacking: Refusal::error(400, "MANIFEST_BLOB_UNKNOWN", "manifest blob unknown to registry"),
            says_subject: false,
            ..specified.manifests
        },
        blobs: Blobs { redirect: Some(302), ..specified.blobs },
        tags: Tags {
            page: 100,
            too_many: Some(Refusal::error(413, "TOO_MANY_TAGS_REQUESTED", "too many tags requested")),
            link: Link::Opaque("next_page"),
            ..specified.tags
        },
        referrers: Referrers::Listed(Listed {
            absent_subject: Some(Refusal::error(400, "MANIFEST_INVALID", "manifest invalid")),
            ..Listed::SPECIFIED
        }),
        immutable: Some(Refusal::error(409, "TAG_ALREADY_EXISTS", "tag was already pushed")),
        throttle: Some(Refusal::other(429, Body::Html("<html><title>429 Too Many Requests</title></html>"))),
        ..specified
    }
}
