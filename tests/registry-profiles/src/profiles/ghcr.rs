use crate::profile::*;

/// GitHub's registry, `ghcr.io`.
///
/// - The list of referrers is a redirect to a web page that is not there, with the digest cut off:
///   <https://github.com/artifacthub/hub/issues/4785>, <https://github.com/project-zot/zot/issues/4060>
/// - Storage takes no HEAD at the address of a blob: <https://github.com/containerd/stargz-snapshotter/pull/167>
/// - An upload's location is relative, <https://github.com/apple/swift-container-plugin/pull/44>, and not below
///   `blobs/uploads`: <https://github.com/dotnet/sdk-container-builds/issues/292>
/// - New manifests and tags are seen late, <https://github.com/projectbluefin/dakota/pull/1232>; a tag that moved points
///   where it did for a while: <https://github.com/metadist/synaplan/pull/1613>
/// - Throttled with a pause in microseconds: <https://github.com/dependabot/cli/issues/380>
#[must_use]
pub fn ghcr() -> Profile {
    let specified = Profile::specified("GHCR");
    Profile {
        auth: Auth::Bearer(Bearer { service: "ghcr.io", is_public: true, expires_in: None, ..Bearer::SPECIFIED }),
        blobs: Blobs { redirect: Some(307), head: Head::RefusedByStorage, ..specified.blobs },
        uploads: Uploads { path: "/v2/NAME/blobs/upload/ID", ..specified.uploads },
        referrers: Referrers::LedAway(303, Refusal::other(404, Body::Text("Not Found"))),
        lag: Lag { manifests: 1, tags: 2 },
        throttle: Some(Refusal::error(429, "TOOMANYREQUESTS", "retry-after: 880µs, allowed: 44000/minute")),
        ..specified
    }
}
