use crate::profile::*;

/// Amazon ECR Public, `public.ecr.aws`.
///
/// - One token for everything, with the scope `aws`: <https://github.com/dependabot/dependabot-core/issues/4212>
/// - HEAD of a blob is 401 whatever the token: <https://github.com/aws/containers-roadmap/issues/2671>
/// - Tags are listed since 2022, <https://github.com/aws/containers-roadmap/issues/1262>; `last` is a word of its own, and
///   a tag in it is refused: <https://github.com/CodesWhat/drydock/issues/927>
/// - GET of a manifest does not say the digest: <https://github.com/aws/containers-roadmap/issues/1931>
/// - Repositories have to be created before a push: <https://github.com/aws/containers-roadmap/issues/1970>
/// - Anonymous pulls are limited to one a second:
///   <https://docs.aws.amazon.com/AmazonECR/latest/public/public-service-quotas.html>
#[must_use]
pub fn ecr_public() -> Profile {
    let specified = Profile::specified("ECR Public");
    Profile {
        auth: Auth::Bearer(Bearer {
            path: "/token/",
            service: "public.ecr.aws",
            scope: Scope::Global("aws"),
            is_public: true,
            ..Bearer::SPECIFIED
        }),
        manifests: Manifests { get_has_digest: false, put_has_location: false, ..specified.manifests },
        blobs: Blobs {
            redirect: Some(307),
            head: Head::Refused(Refusal::error(401, "DENIED", "Not Authorized")),
            ..specified.blobs
        },
        uploads: Uploads {
            is_absolute: true,
            absent_repository: Some(Refusal::error(
                404,
                "NAME_UNKNOWN",
                "The repository does not exist in the registry",
            )),
            ..specified.uploads
        },
        mounts: Mounts::Declined,
        tags: Tags { link: Link::Opaque("last"), ..specified.tags },
        referrers: Referrers::Refused(Refusal::error(404, "NAME_UNKNOWN", "unknown path")),
        throttle: Some(Refusal::error(429, "TOOMANYREQUESTS", "Rate exceeded")),
        ..specified
    }
}
