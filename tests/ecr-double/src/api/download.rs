//! GetDownloadUrlForLayer, and the URLs it gives out.

use serde::Deserialize;
use serde_json::{Value, json};

use super::wire;
use crate::call::Call;
use crate::clock::amz_date;
use crate::digest::is_digest;
use crate::names::RegistryId;
use crate::pull_through;
use crate::refusal::Refusal;
use crate::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    repository_name: Option<String>,
    layer_digest: Option<String>,
}

/// Only layers that an image of the repository refers to
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetDownloadUrlForLayer.html>).
pub(super) fn url(call: &Call, input: Input) -> Result<Value, Refusal> {
    let digest = wire::required("layerDigest", input.layer_digest)?;
    let name = wire::repository(call, input.repository_name.as_deref(), "ecr:GetDownloadUrlForLayer")?;
    if !is_digest(&digest) {
        return Err(Refusal::parameter(
            "layerDigest",
            "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
        ));
    }
    let stored = match pull_through::cold(call, &name, &digest)? {
        Some(upstream) => upstream,
        None => {
            accessible(call, &name, &digest)?;
            call.registry.clone()
        }
    };
    Ok(json!({ "downloadUrl": presign(&call.world, &stored, &digest), "layerDigest": digest }))
}

/// Whether the layer is there and belongs to an image.
pub(crate) fn accessible(call: &Call, name: &str, digest: &str) -> Result<(), Refusal> {
    let files = call.world.store.files(&call.registry);
    call.world.store.with(&call.registry, |state| {
        let repository = state.repository(name, &call.registry)?;
        let account = &call.registry.account;
        if repository.blob(digest).is_none() || files.blob_size(digest).is_none() {
            let message = format!(
                "Layers with digests '[{digest}]' do not exist in the repository with name '{name}' in the registry \
                 with id '{account}'"
            );
            return Err(Refusal::new("LayersNotFoundException", message));
        }
        // What ECR says of a layer in the archive is not documented; that it has to be restored first is.
        if !repository.refers_to(digest) || repository.is_archived(digest) {
            let message = format!("The layer with digest '{digest}' is not associated with an image");
            return Err(Refusal::new("LayerInaccessibleException", message));
        }
        Ok(())
    })
}

/// A URL in the form of S3's presigned ones, on the listener that stands for S3.
pub(crate) fn presign(world: &World, id: &RegistryId, digest: &str) -> String {
    let port = world.ports.get().map_or(0, |ports| ports.s3);
    let host = world.reached(format!("127.0.0.1:{port}"));
    let (date, lifetime) = (world.clock.seconds(), world.switches().url_lifetime_seconds);
    let (account, region) = (&id.account, &id.region);
    let path = format!("/prod-{region}-starport-layer-bucket/{account}/{region}/{digest}");
    let signed = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={}&X-Amz-Expires={lifetime}&X-Amz-SignedHeaders=host&x-id={}",
        amz_date(date),
        world.unique()
    );
    let until = date + lifetime;
    let signature = world.tokens.sign(&format!("{path}?{signed}&{until}"));
    format!("http://{host}{path}?{signed}&X-Until={until}&X-Amz-Signature={signature}")
}
