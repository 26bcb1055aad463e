//! Blob uploads. One PATCH or one sized PUT carries the whole blob; a second PATCH goes wrong, as in ECR
//! (aws/containers-roadmap#2831).

use hyper::header::{CONTENT_RANGE, TRANSFER_ENCODING};
use hyper::{HeaderMap, Response, StatusCode};

use super::route::Route;
use super::{bare, repository};
use crate::body::{Body, Upload};
use crate::call::Call;
use crate::config::LaterChunks;
use crate::digest::is_digest;
use crate::refusal::{Failure, Refusal};
use crate::uploads::Session;

pub(super) fn start(call: &Call, route: &Route) -> Result<Response<Body>, Failure> {
    call.authorise("ecr:InitiateLayerUpload", route.repository.as_deref())?;
    let name = existing(call, route)?;
    accept(call, name)
}

fn accept(call: &Call, name: &str) -> Result<Response<Body>, Failure> {
    let id = call.world.uploads.begin(&call.world, &call.registry, name)?;
    Ok(bare(
        StatusCode::ACCEPTED,
        &[
            ("location", location(call, name, &id)?),
            ("docker-upload-uuid", id),
            ("range", "0-0".to_owned()),
            ("content-length", "0".to_owned()),
        ],
    ))
}

/// Mounting succeeds only where the account switched it on, both repositories are encrypted alike, and an image of the
/// source refers to the blob; otherwise an upload begins (aws/containers-roadmap#2860,
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/blob-mounting.html>).
pub(super) fn mount(call: &Call, route: &Route) -> Result<Response<Body>, Failure> {
    call.authorise("ecr:InitiateLayerUpload", route.repository.as_deref())?;
    let name = existing(call, route)?;
    let (digest, from) = (route.query("mount").unwrap_or_default(), route.query("from").unwrap_or_default());
    let may_read = call.authorise("ecr:GetDownloadUrlForLayer", Some(from)).is_ok();
    let files = call.world.store.files(&call.registry);
    let mounted = may_read
        && is_digest(digest)
        && files.blob_size(digest).is_some()
        && call.world.store.with(&call.registry, |state| {
            let enabled = state.settings.get("BLOB_MOUNTING").is_some_and(|value| value == "ENABLED");
            let target = state.repository(name, &call.registry)?;
            let Some(source) = state.repositories.get(from) else {
                return Ok(false);
            };
            let size = source.blob(digest).filter(|_| source.refers_to(digest));
            let Some(size) = size.filter(|_| enabled && source.encryption == target.encryption) else {
                return Ok(false);
            };
            state.change(name, &call.registry)?.keep(digest, size, call.lag());
            Ok::<_, Refusal>(true)
        })?;
    if mounted { created(call, name, digest) } else { accept(call, name) }
}

pub(super) async fn patch(
    call: &Call,
    route: &Route,
    headers: &HeaderMap,
    body: &mut Upload,
) -> Result<Response<Body>, Failure> {
    call.authorise("ecr:UploadLayerPart", route.repository.as_deref())?;
    let name = repository(call, route)?;
    let id = route.reference.as_deref().unwrap_or_default();
    let session = call.world.uploads.find(id, &call.registry, name)?;
    let mut session = session.lock().await;
    let range = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let begin = range.map(|range| range.split('-').next().unwrap_or_default().trim().parse::<u64>());
    let out_of_order = |first: &str| {
        let message = format!("First byte of the layer part is {first} instead of {}", session.length);
        Failure::from(Refusal::new("ChunkOutOfOrder", message))
    };
    match begin {
        Some(Ok(first)) if first != session.length => return Err(out_of_order(&first.to_string())),
        Some(Err(_)) => return Err(out_of_order("unreadable")),
        _ => {}
    }
    let limit = call.world.switches().max_layer_bytes;
    let reported = match (session.first_chunk, call.world.switches().later_chunks) {
        (Some(first), LaterChunks::Dropped) => {
            while body.next().await?.is_some() {}
            first
        }
        (Some(first), LaterChunks::Stale) => {
            receive(&mut session, body, limit).await?;
            first
        }
        _ => {
            receive(&mut session, body, limit).await?;
            session.length
        }
    };
    session.first_chunk.get_or_insert(reported);
    Ok(bare(
        StatusCode::CREATED,
        &[
            ("location", location(call, name, id)?),
            ("docker-upload-uuid", id.to_owned()),
            ("range", format!("0-{}", reported.saturating_sub(1))),
            ("content-length", "0".to_owned()),
        ],
    ))
}

/// Adds a part; all but the last have a least size.
async fn receive(session: &mut Session, body: &mut Upload, limit: u64) -> Result<(), Failure> {
    let length = session.receive(body, limit).await?;
    if length > 0 {
        session.parts.push(length);
    }
    Ok(())
}

pub(super) async fn put(
    call: &Call,
    route: &Route,
    headers: &HeaderMap,
    body: &mut Upload,
) -> Result<Response<Body>, Failure> {
    call.authorise("ecr:UploadLayerPart", route.repository.as_deref())?;
    call.authorise("ecr:CompleteLayerUpload", route.repository.as_deref())?;
    let name = repository(call, route)?;
    let id = route.reference.as_deref().unwrap_or_default();
    let session = call.world.uploads.find(id, &call.registry, name)?;
    let mut session = session.lock().await;
    let wanted = route.query("digest").unwrap_or_default();
    if !is_digest(wanted) {
        return Err(Refusal::new("InvalidLayerException", "the digest parameter is missing or malformed").into());
    }
    if headers.contains_key(TRANSFER_ENCODING) && session.length == 0 {
        return Err(Refusal::new("LengthRequired", "a blob in one PUT needs a Content-Length").into());
    }
    receive(&mut session, body, call.world.switches().max_layer_bytes).await?;
    if session.length == 0 {
        let account = &call.registry.account;
        let message = format!(
            "The upload with id '{id}' in the repository with name '{name}' in registry with id '{account}' cannot be \
             completed because it does not have any parts"
        );
        return Err(Refusal::new("EmptyUploadException", message).into());
    }
    let all_but_last = session.parts.split_last().map(|(_, rest)| rest).unwrap_or_default();
    if all_but_last.iter().any(|part| *part < call.world.switches().min_part_bytes) {
        let message = "All layer parts except the last part should be at least 5MB";
        return Err(Refusal::new("LayerPartTooSmallException", message).into());
    }
    if session.digest() != wanted {
        let message = format!("Layer upload failed: the digest is {}, not {wanted}", session.digest());
        return Err(Refusal::new("InvalidLayerException", message).into());
    }
    session.commit(&call.world, &call.registry, name, call.lag())?;
    created(call, name, wanted)
}

pub(super) fn delete(call: &Call, route: &Route) -> Result<Response<Body>, Failure> {
    call.authorise("ecr:CompleteLayerUpload", route.repository.as_deref())?;
    let name = repository(call, route)?;
    let id = route.reference.as_deref().unwrap_or_default();
    call.world.uploads.find(id, &call.registry, name)?;
    call.world.uploads.end(id);
    Ok(bare(StatusCode::NO_CONTENT, &[]))
}

fn created(call: &Call, name: &str, digest: &str) -> Result<Response<Body>, Failure> {
    Ok(bare(
        StatusCode::CREATED,
        &[
            ("location", url(call, &format!("/v2/{name}/blobs/{digest}"))?),
            ("docker-content-digest", digest.to_owned()),
            ("content-length", "0".to_owned()),
        ],
    ))
}

fn location(call: &Call, name: &str, id: &str) -> Result<String, Failure> {
    url(call, &format!("/v2/{name}/blobs/uploads/{id}"))
}

fn url(call: &Call, path: &str) -> Result<String, Failure> {
    if call.world.switches().relative_locations {
        return Ok(path.to_owned());
    }
    Ok(format!("http://{}{path}", call.world.reached(call.world.host(&call.registry)?)))
}

/// Where a push meets a repository that does not exist.
fn existing<'a>(call: &Call, route: &'a Route) -> Result<&'a str, Failure> {
    match repository(call, route) {
        Err(refusal) if refusal.code == "RepositoryNotFoundException" => {
            // aws/containers-roadmap#1970.
            let hang_up = call.world.switches().hang_up_on_missing_repository;
            Err(if hang_up { Failure::Hangup } else { refusal.into() })
        }
        other => Ok(other?),
    }
}
