//! Manifests: GET, HEAD, PUT, DELETE.

use std::fs;

use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{HeaderMap, Response, StatusCode};
use serde_json::Value;

use super::route::Route;
use super::{bare, repository};
use crate::body::{Body, Upload, full};
use crate::call::Call;
use crate::digest::{is_digest, sha256};
use crate::faults::Fault;
use crate::images::{self, ImageId, Push};
use crate::manifest;
use crate::names::is_tag;
use crate::pull_through;
use crate::refusal::{Failure, Refusal};
use crate::store::Status;

/// GET carries no Docker-Content-Digest, HEAD does (mthalman/Docker.Registry.DotNet#34, oras-project/oras-go#237).
pub(super) fn get(call: &Call, route: &Route, headers: &HeaderMap) -> Result<Response<Body>, Refusal> {
    const ACTION: &str = "ecr:BatchGetImage";
    call.authorise(ACTION, route.repository.as_deref())?;
    let id = image_id(route)?;
    if let Some(name) = &route.repository {
        pull_through::import(call, name, ACTION, std::slice::from_ref(&id))?;
    }
    let name = repository(call, route)?;
    let unknown = || Refusal::new("ImageNotFoundException", "Requested image not found");
    let image = call.world.store.with(&call.registry, |state| {
        images::find(state.repository(name, &call.registry)?, &id).cloned().map_err(|_| unknown())
    })?;
    if image.status != Status::Active {
        return Err(Refusal::new("ImageNotFoundException", "The image is archived and has to be restored"));
    }
    let path = call.world.store.files(&call.registry).manifest(&image.digest);
    let (mut bytes, mut media_type) = (fs::read(path).map_err(|_| unknown())?, image.media_type);
    if id.image_tag.is_some()
        && call.world.switches().convert_by_tag
        && let Some(converted) = manifest::convert(&bytes, &media_type, &accepted(headers))
    {
        (bytes, media_type) = converted;
    }
    let mut answer = vec![("content-type", media_type), ("content-length", bytes.len().to_string())];
    if route.operation == "v2.HeadManifest" {
        answer.push(("docker-content-digest", sha256(&bytes)));
        return Ok(bare(StatusCode::OK, &answer));
    }
    Ok(bare(StatusCode::OK, &answer).map(|_| full(bytes)))
}

fn accepted(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let types = values.flat_map(|value| value.split(',')).map(|one| one.split(';').next().unwrap_or_default().trim());
    types.map(str::to_owned).collect()
}

fn image_id(route: &Route) -> Result<ImageId, Refusal> {
    let reference = route.reference.clone().unwrap_or_default();
    if is_digest(&reference) {
        return Ok(ImageId { image_digest: Some(reference), image_tag: None });
    }
    if !is_tag(&reference) {
        return Err(Refusal::new("TagInvalid", format!("'{reference}' is not a tag or digest")));
    }
    Ok(ImageId { image_digest: None, image_tag: Some(reference) })
}

/// The answer has no Location header (apple/swift-container-plugin#27).
pub(super) async fn put(
    call: &Call,
    route: &Route,
    headers: &HeaderMap,
    body: &mut Upload,
) -> Result<Response<Body>, Failure> {
    call.authorise("ecr:PutImage", route.repository.as_deref())?;
    let name = repository(call, route)?;
    let id = image_id(route)?;
    let bytes = body.collect(manifest::MAX_BYTES).await?;
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    if call.world.switches().v2_requires_media_type && !has_media_type(&bytes) {
        return Err(Refusal::parameter("ImageManifest", "Invalid JSON syntax").into());
    }
    let push = Push {
        bytes: &bytes,
        media_type,
        tag: id.image_tag.as_deref(),
        digest: id.image_digest.as_deref(),
        blind: call.fault == Some(Fault::LayersNotFound),
        lag: call.lag(),
    };
    let mut answer = vec![("docker-content-digest", sha256(&bytes)), ("content-length", "0".to_owned())];
    match images::put(&call.world, &call.registry, name, &push) {
        Ok((image, _)) => answer.extend(image.subject.map(|subject| ("oci-subject", subject))),
        // What PutImage calls an error is a success here: nothing had to change.
        Err(refusal) if refusal.code == "ImageAlreadyExistsException" => {}
        Err(refusal) => return Err(refusal.into()),
    }
    Ok(bare(StatusCode::CREATED, &answer))
}

fn has_media_type(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Value>(bytes).is_ok_and(|manifest| manifest.get("mediaType").is_some())
}

pub(super) fn delete(call: &Call, route: &Route) -> Result<Response<Body>, Refusal> {
    call.authorise("ecr:BatchDeleteImage", route.repository.as_deref())?;
    let name = repository(call, route)?;
    let id = image_id(route)?;
    call.world.store.with(&call.registry, |state| match images::delete(state.change(name, &call.registry)?, &id) {
        Ok(_) => Ok(bare(StatusCode::ACCEPTED, &[])),
        Err(failure) if failure.code == "ImageReferencedByManifestList" => Err(Refusal::new("Denied", failure.reason)),
        Err(failure) => Err(Refusal::new("ImageNotFoundException", failure.reason)),
    })
}
