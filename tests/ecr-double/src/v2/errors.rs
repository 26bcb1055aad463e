//! Errors of `/v2`: ECR's own, put into the codes of the distribution protocol.

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::json;

use crate::body::{Body, full};
use crate::refusal::Refusal;

pub(super) fn render(refusal: &Refusal) -> Response<Body> {
    let (status, code) = translate(refusal);
    let error = json!({ "errors": [{ "code": code, "message": refusal.message }] });
    let mut response = Response::new(full(error.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}

/// The codes are those seen in public reports, which the comments name. Where a report gives no status, it is that
/// of the distribution specification.
fn translate(refusal: &Refusal) -> (u16, &'static str) {
    match refusal.code.as_str() {
        // fluxcd/flux2#3714, containerd/containerd#10447
        "ThrottlingException" => (429, "TOOMANYREQUESTS"),
        "AccessDeniedException" | "Denied" => (403, "DENIED"),
        "RepositoryNotFoundException" => (404, "NAME_UNKNOWN"),
        "NameInvalid" => (400, "NAME_INVALID"),
        "ImageNotFoundException" => (404, "MANIFEST_UNKNOWN"),
        // oras-project/oras-py#54
        "LayersNotFoundException" => (404, "BLOB_UPLOAD_UNKNOWN"),
        "BlobUnknown" | "LayerInaccessibleException" => (404, "BLOB_UNKNOWN"),
        // int128/docker-manifest-create-action#63
        "ReferencedImagesNotFoundException" => (404, "MANIFEST_BLOB_UNKNOWN"),
        // google/go-containerregistry#1568
        "ImageDigestDoesNotMatchException" => (400, "MANIFEST_INVALID"),
        "ImageTagAlreadyExistsException" | "TagInvalid" => (400, "TAG_INVALID"),
        "InvalidLayerException" => (400, "DIGEST_INVALID"),
        // uber-archive/makisu#224, devcontainers/cli#814
        "InvalidLayerPartException" | "LayerPartTooSmallException" | "EmptyUploadException" => {
            (400, "BLOB_UPLOAD_INVALID")
        }
        "ChunkOutOfOrder" => (416, "BLOB_UPLOAD_INVALID"),
        "LengthRequired" => (411, "SIZE_INVALID"),
        "UploadNotFoundException" => (404, "BLOB_UPLOAD_UNKNOWN"),
        // containers/image#584, cirruslabs/tart#890: ECR answers 405 to a manifest its schema refuses
        "InvalidParameterException" | "LimitExceededException" | "Unsupported" => (405, "UNSUPPORTED"),
        "NotFound" => (404, "NOT_FOUND"),
        "ServiceUnavailableException" => (refusal.status, "UNAVAILABLE"),
        _ => (if refusal.status == 400 { 500 } else { refusal.status }, "UNKNOWN"),
    }
}
