//! BatchGetImage, PutImage and BatchDeleteImage.

use std::fs;

use serde::Deserialize;
use serde_json::{Value, json};

use super::wire;
use crate::call::Call;
use crate::faults::Fault;
use crate::images::{self, ImageId, NotFound, Push};
use crate::manifest;
use crate::pull_through;
use crate::refusal::Refusal;
use crate::store::Status;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Get {
    repository_name: Option<String>,
    image_ids: Option<Vec<ImageId>>,
    accepted_media_types: Option<Vec<String>>,
}

const ACTION: &str = "ecr:BatchGetImage";

/// Trouble with one image is reported in `failures`, under HTTP 200
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html>).
pub(super) fn get(call: &Call, input: Get) -> Result<Value, Refusal> {
    let ids = wire::required("imageIds", input.image_ids)?;
    wire::bounded("imageIds", &ids, 100)?;
    let accepted = input.accepted_media_types;
    accepted.as_ref().map_or(Ok(()), |types| wire::bounded("acceptedMediaTypes", types, 100))?;
    if let Some(name) = &input.repository_name {
        pull_through::import(call, name, ACTION, &ids)?;
    }
    let name = wire::repository(call, input.repository_name.as_deref(), ACTION)?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for id in &ids {
        match one(call, &name, id, accepted.as_deref().unwrap_or_default())? {
            Ok(image) => found.push(image),
            Err(NotFound { code, reason }) => failures.push(failure(id, code, &reason)),
        }
    }
    Ok(json!({ "images": found, "failures": failures }))
}

fn one(call: &Call, name: &str, id: &ImageId, accepted: &[String]) -> Result<Result<Value, NotFound>, Refusal> {
    let found = call.world.store.with(&call.registry, |state| {
        let repository = state.repository(name, &call.registry)?;
        Ok::<_, Refusal>(images::find(repository, id).cloned())
    })?;
    let image = match found {
        Ok(image) if image.status == Status::Active => image,
        Ok(image) => {
            let reason = format!("The image is in state {:?} and cannot be pulled until it is restored", image.status);
            return Ok(Err(NotFound { code: "ImageInaccessible", reason }));
        }
        Err(failure) => return Ok(Err(failure)),
    };
    let Ok(mut bytes) = fs::read(call.world.store.files(&call.registry).manifest(&image.digest)) else {
        return Ok(Err(NotFound { code: "ImageNotFound", reason: "Requested image not found".to_owned() }));
    };
    let mut media_type = image.media_type;
    if id.image_digest.is_none()
        && call.world.switches().convert_by_tag
        && let Some(converted) = manifest::convert(&bytes, &media_type, accepted)
    {
        (bytes, media_type) = converted;
    }
    let text = String::from_utf8(bytes).map_err(Refusal::server)?;
    let id = ImageId { image_digest: Some(image.digest), image_tag: id.image_tag.clone() };
    Ok(Ok(json!({
        "registryId": call.registry.account,
        "repositoryName": name,
        "imageId": id,
        "imageManifest": text,
        "imageManifestMediaType": media_type,
    })))
}

fn failure(id: &ImageId, code: &str, reason: &str) -> Value {
    json!({ "imageId": id, "failureCode": code, "failureReason": reason })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Put {
    repository_name: Option<String>,
    image_manifest: Option<String>,
    image_manifest_media_type: Option<String>,
    image_tag: Option<String>,
    image_digest: Option<String>,
}

/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html>
pub(super) fn put(call: &Call, input: Put) -> Result<Value, Refusal> {
    let text = wire::required("imageManifest", input.image_manifest)?;
    let name = wire::repository(call, input.repository_name.as_deref(), "ecr:PutImage")?;
    let push = Push {
        bytes: text.as_bytes(),
        media_type: input.image_manifest_media_type.as_deref(),
        tag: input.image_tag.as_deref(),
        digest: input.image_digest.as_deref(),
        blind: call.fault == Some(Fault::LayersNotFound),
        lag: call.lag(),
    };
    let (image, parsed) = images::put(&call.world, &call.registry, &name, &push)?;
    Ok(json!({
        "image": {
            "registryId": call.registry.account,
            "repositoryName": name,
            "imageId": { "imageDigest": image.digest, "imageTag": input.image_tag },
            "imageManifest": text,
            "imageManifestMediaType": parsed.media_type,
        }
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delete {
    repository_name: Option<String>,
    image_ids: Option<Vec<ImageId>>,
}

/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html>
pub(super) fn delete(call: &Call, input: Delete) -> Result<Value, Refusal> {
    let ids = wire::required("imageIds", input.image_ids)?;
    wire::bounded("imageIds", &ids, 100)?;
    let name = wire::repository(call, input.repository_name.as_deref(), "ecr:BatchDeleteImage")?;
    call.world.store.with(&call.registry, |state| {
        let repository = state.change(&name, &call.registry)?;
        let (mut deleted, mut failures) = (Vec::new(), Vec::new());
        for id in &ids {
            match images::delete(repository, id) {
                Ok(gone) => deleted.extend(gone),
                Err(NotFound { code, reason }) => failures.push(failure(id, code, &reason)),
            }
        }
        Ok(json!({ "imageIds": deleted, "failures": failures }))
    })
}
