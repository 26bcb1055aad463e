use bytes::Bytes;
use oci::{Digest, InvalidManifest, Manifest, Reference};
use promotion::{Error, Name};

/// A manifest of these bytes, if they are what was asked for.
///
/// A manifest in a form that registries no longer take, or that is too large, is `RegistryLimit`. One that cannot be
/// read as one image is `CorruptContent`, even though its bytes are as they were pushed.
pub(crate) fn checked_manifest(raw: Bytes, media_type: Option<&str>, reference: &Reference) -> Result<Manifest, Error> {
    if let Reference::Digest(digest) = reference {
        let found = Digest::of(&raw);
        if found != *digest {
            let why =
                format!("the registry gave {} bytes with the digest {found} for the manifest {digest}", raw.len());
            return Err(Error::new(Name::CorruptContent, why));
        }
    }
    Manifest::parse(raw, media_type).map_err(|invalid| {
        let name = match invalid {
            InvalidManifest::SchemaOne | InvalidManifest::TooLarge(_) => Name::RegistryLimit,
            InvalidManifest::Malformed(_) => Name::CorruptContent,
        };
        Error::new(name, format!("manifest {reference}: {invalid}"))
    })
}
