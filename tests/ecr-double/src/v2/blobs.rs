//! HEAD and GET of a blob.

use hyper::{Response, StatusCode};

use super::route::Route;
use super::{bare, repository};
use crate::api::{accessible, presign};
use crate::body::Body;
use crate::call::Call;
use crate::digest::is_digest;
use crate::pull_through;
use crate::refusal::Refusal;

/// Whoever only pushes may do this too (aws/aws-cdk#6673,
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html>).
pub(super) fn head(call: &Call, route: &Route) -> Result<Response<Body>, Refusal> {
    call.authorise("ecr:BatchCheckLayerAvailability", route.repository.as_deref())?;
    let (digest, size) = held(call, route)?;
    Ok(bare(
        StatusCode::OK,
        &[
            ("content-length", size.to_string()),
            ("content-type", "application/octet-stream".to_owned()),
            ("docker-content-digest", digest),
        ],
    ))
}

/// A redirect to S3, which refuses the Authorization header that came along (open-policy-agent/opa#6580).
pub(super) fn get(call: &Call, route: &Route) -> Result<Response<Body>, Refusal> {
    call.authorise("ecr:GetDownloadUrlForLayer", route.repository.as_deref())?;
    let blob = route.reference.as_deref().unwrap_or_default();
    if let Some(upstream) = pull_through::cold(call, repository(call, route)?, blob)? {
        return Ok(bare(StatusCode::TEMPORARY_REDIRECT, &[("location", presign(&call.world, &upstream, blob))]));
    }
    let (digest, _) = held(call, route)?;
    if call.world.switches().v2_blob_needs_image {
        accessible(call, repository(call, route)?, &digest)?;
    }
    Ok(bare(StatusCode::TEMPORARY_REDIRECT, &[("location", presign(&call.world, &call.registry, &digest))]))
}

fn held(call: &Call, route: &Route) -> Result<(String, u64), Refusal> {
    let name = repository(call, route)?;
    let digest = route.reference.clone().unwrap_or_default();
    if !is_digest(&digest) {
        return Err(Refusal::new("InvalidLayerException", "provided digest did not match uploaded content"));
    }
    let files = call.world.store.files(&call.registry);
    let size = call
        .world
        .store
        .with(&call.registry, |state| Ok::<_, Refusal>(state.repository(name, &call.registry)?.blob(&digest)))?;
    match size {
        Some(size) if files.blob_size(&digest).is_some() => Ok((digest, size)),
        _ => Err(Refusal::new("BlobUnknown", "blob unknown to registry")),
    }
}
