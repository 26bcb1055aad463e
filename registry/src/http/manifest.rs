use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use oci::{Digest, InvalidManifest, MAX_MANIFEST_BYTES, Manifest, MediaType, Reference, Repository};
use promotion::{Error, Name};
use reqwest::Response;

use super::client::{Client, Credential};
use super::failure::{Failure, Party, Refusal};
use super::origin::shown;
use super::redirect::{Answer, get};
use super::whole::whole;

/// What a registry says the digest of a manifest is.
const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// Pulls a manifest (section "Pulling manifests" of the distribution specification). Its digest is computed. What the registry says it is has to
/// be the same, as nothing else tells a manifest by tag from one that was changed on its way; ECR says nothing here
/// (aws/containers-roadmap#1931).
pub(crate) async fn pull(
    client: &Client,
    credential: &Credential,
    repository: &Repository,
    reference: &Reference,
) -> Result<Manifest, Failure> {
    let url = credential.origin().at(&format!("/v2/{repository}/manifests/{reference}"));
    let accept = MediaType::ALL.map(MediaType::as_str).join(", ");
    let Answer { response, url } =
        get(client, Method::GET, url, Some(credential), "pulling", |request| request.header(ACCEPT, &accept)).await?;
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let media_type = media_type.and_then(|kind| kind.split(';').next()).map(|kind| kind.trim().to_owned());
    let told = told(&response);
    let raw = whole(client, response, "pulling", &url, MAX_MANIFEST_BYTES).await?.map_err(|length| {
        let why = InvalidManifest::TooLarge(length).to_string();
        Error::new(Name::RegistryLimit, why)
    })?;
    let manifest = read(raw.clone(), media_type.as_deref(), reference);
    let digest = manifest.as_ref().map_or_else(|_| Digest::of(&raw), Manifest::digest);
    match told {
        Some(told) if told != digest => {
            let why =
                format!("{} gives {} bytes that do not have the digest {told} which it tells", shown(&url), raw.len());
            Err(Error::new(Name::CorruptContent, why).into())
        }
        _ => manifest.map_err(|error| error.context(shown(&url)).into()),
    }
}

/// Pushes a manifest (section "Pushing manifests" of the distribution specification), byte for byte.
///
/// Neither a `Location` nor a digest in the answer is required, as registries leave them out; a digest that is another one is an error.
pub(crate) async fn push(
    client: &Client,
    credential: &Credential,
    repository: &Repository,
    reference: &Reference,
    manifest: &Manifest,
) -> Result<(), Failure> {
    let url = credential.origin().at(&format!("/v2/{repository}/manifests/{reference}"));
    let request = client
        .request(Method::PUT, &url, Some(credential))
        .header(CONTENT_TYPE, manifest.media_type().as_str())
        .body(manifest.raw().clone());
    let response = client.send(request, "pushing to", &url).await?;
    if !response.status().is_success() {
        return Err(Refusal::read(client, response, Party::Registry, credential.secrets()).await.into());
    }
    match told(&response) {
        Some(told) if told != manifest.digest() => {
            let why = format!("{} answers that it holds {told}, not {}", shown(&url), manifest.digest());
            Err(Error::new(Name::CorruptContent, why).into())
        }
        _ => Ok(()),
    }
}

/// What a registry says the digest is, if it says so in an algorithm that is known.
fn told(response: &Response) -> Option<Digest> {
    response.headers().get(DIGEST)?.to_str().ok()?.parse().ok()
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
