use serde::Deserialize;

use crate::{Digest, MediaType, Platform, platform};

/// A descriptor: the media type, digest and size of content elsewhere (`descriptor.md` of the OCI image specification).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The media type of the content.
    pub media_type: Box<str>,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// What it runs on: set for the entries of an index.
    #[serde(default, deserialize_with = "platform::said")]
    pub platform: Option<Platform>,
}

impl Descriptor {
    /// Whether it names a manifest that lists others.
    #[must_use]
    pub fn is_index(&self) -> bool {
        MediaType::parse(&self.media_type).is_some_and(MediaType::is_index)
    }

    /// Whether its media type is that of a manifest which registries of today take. An index may list blobs, as caches
    /// of BuildKit do (containers/container-libs#204), or manifests that no registry takes any more.
    #[must_use]
    pub fn is_manifest(&self) -> bool {
        MediaType::parse(&self.media_type).is_some()
    }

    /// Whether registries leave this layer where it is: Windows base layers, `nondistributable` in OCI and `foreign` in
    /// Docker media types.
    #[must_use]
    pub fn is_non_distributable(&self) -> bool {
        self.media_type.starts_with("application/vnd.oci.image.layer.nondistributable.")
            || &*self.media_type == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// buildkit#4039, and what other builders write where there is nothing to say.
    #[test]
    fn a_platform_that_says_nothing_is_none() {
        for (platform, expected) in [
            (r#"{"os":"linux","architecture":"arm64","variant":"v8","os.version":"1"}"#, Some("linux/arm64/v8")),
            (r#"{"os":"linux","architecture":"amd64","variant":""}"#, Some("linux/amd64")),
            (r#"{"os":"linux","architecture":"amd64","variant":null}"#, Some("linux/amd64")),
            (r#"{"os":"","architecture":""}"#, None),
            (r#"{"os":"linux"}"#, None),
            (r#"{"os":null,"architecture":null}"#, None),
            ("{}", None),
            ("null", None),
        ] {
            let json = format!(r#"{{"mediaType":"x","digest":"{}","size":7,"platform":{platform}}}"#, Digest::of(b""));
            let descriptor: Descriptor = serde_json::from_str(&json).unwrap();
            assert_eq!(descriptor.platform.map(|platform| platform.to_string()).as_deref(), expected, "{platform}");
        }
    }

    #[test]
    fn knows_which_layers_stay_elsewhere() {
        for (media_type, stays) in [
            ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", true),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", true),
            ("application/vnd.oci.image.layer.v1.tar+gzip", false),
        ] {
            let json = format!(
                r#"{{"mediaType":"{media_type}","digest":"{}","size":7,"annotations":{{"a":"b"}}}}"#,
                Digest::of(b"")
            );
            let descriptor: Descriptor = serde_json::from_str(&json).unwrap();
            assert_eq!(descriptor.is_non_distributable(), stays, "{media_type}");
        }
    }
}
