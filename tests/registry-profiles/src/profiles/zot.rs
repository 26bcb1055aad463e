use crate::profile::*;

use image_fixtures::media_type::{OCI_INDEX, OCI_MANIFEST};

/// zot.
///
/// - Media types of Docker are refused, unless it is set to take them: <https://github.com/project-zot/zot/issues/724>,
///   <https://github.com/project-zot/zot/pull/596>
/// - A tag may not go from an image to an index or back: <https://github.com/project-zot/zot/issues/3005>
/// - A referrer with a tag is listed twice: <https://github.com/project-zot/zot/issues/2506>
#[must_use]
pub fn zot() -> Profile {
    let specified = Profile::specified("zot");
    Profile {
        auth: Auth::Basic { realm: "Authorization Required" },
        manifests: Manifests {
            media_types: Some((
                &[OCI_MANIFEST, OCI_INDEX],
                Refusal::error(415, "MANIFEST_INVALID", "manifest invalid; mediaType"),
            )),
            keeps_media_type: Some(Refusal::error(400, "MANIFEST_INVALID", "cannot change media-type")),
            ..specified.manifests
        },
        referrers: Referrers::Listed(Listed { has_duplicates: true, ..Listed::SPECIFIED }),
        ..specified
    }
}
