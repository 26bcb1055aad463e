//! BatchCheckLayerAvailability, and uploading a layer in parts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::wire::{self, InRepository};
use crate::call::Call;
use crate::digest::is_digest;
use crate::refusal::{Failure, Refusal};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Check {
    repository_name: Option<String>,
    layer_digests: Option<Vec<String>>,
}

/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchCheckLayerAvailability.html>
pub(super) fn check(call: &Call, input: Check) -> Result<Value, Refusal> {
    let digests = wire::required("layerDigests", input.layer_digests)?;
    wire::bounded("layerDigests", &digests, 100)?;
    let name = wire::repository(call, input.repository_name.as_deref(), "ecr:BatchCheckLayerAvailability")?;
    let files = call.world.store.files(&call.registry);
    call.world.store.with(&call.registry, |state| {
        let repository = state.repository(&name, &call.registry)?;
        let (mut layers, mut failures) = (Vec::new(), Vec::new());
        for digest in &digests {
            if !is_digest(digest) {
                let (code, reason) = match digest.as_str() {
                    "" => ("MissingLayerDigest", "Layer digest is missing"),
                    _ => ("InvalidLayerDigest", "Invalid layer digest"),
                };
                failures.push(json!({ "layerDigest": digest, "failureCode": code, "failureReason": reason }));
                continue;
            }
            let size = repository.blob(digest).filter(|_| files.blob_size(digest).is_some());
            layers.push(match size {
                Some(_) if repository.is_archived(digest) => {
                    json!({ "layerDigest": digest, "layerAvailability": "ARCHIVED" })
                }
                Some(size) => json!({
                    "layerDigest": digest, "layerAvailability": "AVAILABLE", "layerSize": size,
                    "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                }),
                None => json!({ "layerDigest": digest, "layerAvailability": "UNAVAILABLE" }),
            });
        }
        Ok(json!({ "layers": layers, "failures": failures }))
    })
}

/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_InitiateLayerUpload.html>
pub(super) fn initiate(call: &Call, input: InRepository) -> Result<Value, Refusal> {
    let name = wire::repository(call, input.repository_name.as_deref(), "ecr:InitiateLayerUpload")?;
    let id = call.world.uploads.begin(&call.world, &call.registry, &name)?;
    Ok(json!({ "uploadId": id, "partSize": call.world.switches().part_size }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    repository_name: Option<String>,
    upload_id: Option<String>,
    part_first_byte: Option<u64>,
    part_last_byte: Option<u64>,
    layer_part_blob: Option<String>,
}

/// Parts come one after the other; both ends of the range are inclusive
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_UploadLayerPart.html>).
pub(super) async fn upload(call: &Call, input: Part) -> Result<Value, Failure> {
    let first = wire::required("partFirstByte", input.part_first_byte)?;
    let last = wire::required("partLastByte", input.part_last_byte)?;
    let id = wire::required("uploadId", input.upload_id)?;
    let blob = wire::required("layerPartBlob", input.layer_part_blob)?;
    let blob =
        STANDARD.decode(blob).map_err(|_| Refusal::new("SerializationException", "layerPartBlob is not base64"))?;
    let length = blob.len() as u64;
    let switches = call.world.switches();
    if length > switches.max_part_bytes {
        let constraint = format!("Member must have length less than or equal to {}", switches.max_part_bytes);
        return Err(Refusal::parameter("layerPartBlob", &constraint).into());
    }
    let name = wire::repository(call, input.repository_name.as_deref(), "ecr:UploadLayerPart")?;
    let session = call.world.uploads.find(&id, &call.registry, &name)?;
    let mut session = session.lock().await;
    if first != session.length || last.checked_sub(first).is_none_or(|span| span + 1 != length) {
        let message = if first == session.length {
            format!("The layer part of {length} bytes does not fit the range {first} to {last}")
        } else {
            // uber-archive/makisu#224.
            format!("First byte of the layer part is {first} instead of {}", session.length)
        };
        return Err(Refusal::new("InvalidLayerPartException", message)
            .with("registryId", call.registry.account.clone())
            .with("repositoryName", name)
            .with("uploadId", id)
            .with("lastValidByteReceived", session.length.saturating_sub(1))
            .into());
    }
    if session.length + length > switches.max_layer_bytes {
        return Err(Refusal::new("LimitExceededException", "The layer is too large").into());
    }
    session.append(&blob).await?;
    session.parts.push(length);
    Ok(json!({
        "registryId": call.registry.account, "repositoryName": name, "uploadId": id,
        "lastByteReceived": session.length.saturating_sub(1),
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Complete {
    repository_name: Option<String>,
    upload_id: Option<String>,
    layer_digests: Option<Vec<String>>,
}

/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CompleteLayerUpload.html>
pub(super) async fn complete(call: &Call, input: Complete) -> Result<Value, Failure> {
    let id = wire::required("uploadId", input.upload_id)?;
    let digests = wire::required("layerDigests", input.layer_digests)?;
    wire::bounded("layerDigests", &digests, 100)?;
    let name = wire::repository(call, input.repository_name.as_deref(), "ecr:CompleteLayerUpload")?;
    let session = call.world.uploads.find(&id, &call.registry, &name)?;
    let session = session.lock().await;
    let account = &call.registry.account;
    if session.length == 0 {
        // The wording is that of devcontainers/cli#814.
        let message = format!(
            "The upload with id '{id}' in the repository with name '{name}' in registry with id '{account}' cannot be \
             completed because it does not have any parts"
        );
        return Err(Refusal::new("EmptyUploadException", message).into());
    }
    let all_but_last = session.parts.split_last().map(|(_, rest)| rest).unwrap_or_default();
    if all_but_last.iter().any(|part| *part < call.world.switches().min_part_bytes) {
        // The wording is that of dotnet/sdk-container-builds#424.
        let message = "All layer parts except the last part should be at least 5MB";
        return Err(Refusal::new("LayerPartTooSmallException", message).into());
    }
    let actual = session.digest();
    if !digests.iter().all(|digest| is_digest(digest) && *digest == actual) {
        let message = format!(
            "The layer digests '{digests:?}' of the upload with id '{id}' in the repository with name '{name}' in registry \
             with id '{account}' do not match the calculated digest '{actual}'"
        );
        return Err(Refusal::new("InvalidLayerException", message).into());
    }
    let files = call.world.store.files(&call.registry);
    let held = call.world.store.with(&call.registry, |state| {
        Ok::<_, Refusal>(state.repository(&name, &call.registry)?.blobs.contains_key(&actual))
    })?;
    if held && files.blob_size(&actual).is_some() {
        call.world.uploads.end(&id);
        let message = format!(
            "Layer already exists with digest '{actual}' in the repository with name '{name}' in registry with id \
             '{account}'"
        );
        return Err(Refusal::new("LayerAlreadyExistsException", message).into());
    }
    let digest = session.commit(&call.world, &call.registry, &name, call.lag())?;
    Ok(json!({ "registryId": account, "repositoryName": name, "uploadId": id, "layerDigest": digest }))
}
