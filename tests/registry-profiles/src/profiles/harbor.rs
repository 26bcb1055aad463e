use crate::profile::*;

/// Harbor, 2.8 and newer.
///
/// - A token that does not suffice is answered with a challenge for a password:
///   <https://github.com/goharbor/harbor/issues/18856>
/// - A robot that may pull may not list tags: <https://github.com/goharbor/harbor/issues/16310>
/// - Referrers are listed, and a PUT says `OCI-Subject`: <https://github.com/goharbor/harbor/pull/18885>
/// - A tag that may not move is 412: <https://github.com/goharbor/harbor/pull/9427>
#[must_use]
pub fn harbor() -> Profile {
    let specified = Profile::specified("Harbor");
    Profile {
        auth: Auth::Bearer(Bearer {
            path: "/service/token",
            service: "harbor-registry",
            expires_in: Some(1800),
            insufficient: Insufficient::Basic,
            ..Bearer::SPECIFIED
        }),
        uploads: Uploads { query: "?_state=c3RhdGU%3D", ..specified.uploads },
        tags: Tags {
            refused: Some(
                Refusal::error(401, "UNAUTHORIZED", "unauthorized to list tags")
                    .with(&[("www-authenticate", "Basic realm=\"harbor\"")]),
            ),
            ..specified.tags
        },
        immutable: Some(Refusal::error(
            412,
            "PRECONDITION",
            "Failed to process request due to 'app:1' configured as immutable.",
        )),
        ..specified
    }
}
