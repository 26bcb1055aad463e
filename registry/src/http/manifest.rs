use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use promotion::{Digest, Error, InvalidManifest, MAX_MANIFEST_BYTES, Manifest, MediaType, Name, Reference, Repository};

use super::client::{ANSWER, Client, Credential, within};
use super::failure::{Failure, late, transport};
use super::origin::shown;
use super::redirect::{Answer, get};

/// Pulls a manifest (section "Pulling manifests" of the distribution specification). Its digest is computed; what headers say of it is not used,
/// and ECR sends no `Docker-Content-Digest` here (aws/containers-roadmap#1931).
pub(crate) async fn pull(
    client: &Client,
    credential: &Credential,
    repository: &Repository,
    reference: &Reference,
) -> Result<Manifest, Failure> {
    let url = credential.origin().at(&format!("/v2/{repository}/manifests/{reference}"));
    let accept = MediaType::ALL.map(MediaType::as_str).join(", ");
    let Answer { mut response, url } =
        get(client, url, Some(credential), "pulling", |request| request.header(ACCEPT, &accept)).await?;
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let media_type = media_type.and_then(|kind| kind.split(';').next()).map(|kind| kind.trim().to_owned());
    let reading = async {
        let mut raw = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| transport(error, "pulling", &url))? {
            raw.extend_from_slice(&piece);
            if raw.len() > MAX_MANIFEST_BYTES {
                return Err(Error::new(Name::RegistryLimit, InvalidManifest::TooLarge(raw.len()).to_string()));
            }
        }
        Ok(Bytes::from(raw))
    };
    let raw = within(ANSWER, reading).await.unwrap_or_else(|patience| Err(late(patience, "pulling", &url)))?;
    read(raw, media_type.as_deref(), reference).map_err(|error| error.context(shown(&url)).into())
}

/// A manifest of these bytes, if they are what was asked for.
///
/// A manifest that nobody takes any more or that is too large is `RegistryLimit`; one that cannot be read as one image is `CorruptContent`, even
/// though its bytes are as they were pushed.
pub(crate) fn read(raw: Bytes, media_type: Option<&str>, reference: &Reference) -> Result<Manifest, Error> {
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
