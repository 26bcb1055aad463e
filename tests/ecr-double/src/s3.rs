//! The listener that stands for S3: blobs behind URLs that carry their own permission.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{
    ACCEPT_RANGES, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue, RANGE,
};
use hyper::{Method, Request, Response, StatusCode};

use crate::body::{Body, file, full};
use crate::call::Arrival;
use crate::digest::is_digest;
use crate::faults::Fault;
use crate::lock::lock;
use crate::log::RequestRecord;
use crate::names::RegistryId;
use crate::refusal::{Failure, Refusal};
use crate::world::World;

pub(crate) async fn handle(world: Arc<World>, request: Request<Incoming>) -> Option<Response<Body>> {
    let blob = Blob::parse(request.uri().path());
    let record = RequestRecord {
        operation: "s3.GetObject".to_owned(),
        account: blob.as_ref().map(|blob| blob.registry.account.clone()).unwrap_or_default(),
        region: blob.as_ref().map(|blob| blob.registry.region.clone()).unwrap_or_default(),
        references: blob.iter().map(|blob| blob.digest.clone()).collect(),
        ..RequestRecord::default()
    };
    let mut arrival = Arrival::log(&world, &request, record);
    let outcome = match arrival.meet_faults(&world).await {
        Ok(()) => get(&world, &arrival, blob, &request).await,
        Err(failure) => Err(failure),
    };
    arrival.finish(outcome, refuse)
}

struct Blob {
    registry: RegistryId,
    digest: String,
}

impl Blob {
    fn parse(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').collect();
        let ["", _bucket, account, region, digest] = parts.as_slice() else {
            return None;
        };
        is_digest(digest).then(|| Self { registry: RegistryId::new(account, region), digest: (*digest).to_owned() })
    }
}

async fn get(
    world: &World,
    arrival: &Arrival,
    blob: Option<Blob>,
    request: &Request<Incoming>,
) -> Result<Response<Body>, Failure> {
    if request.headers().contains_key(AUTHORIZATION) {
        // open-policy-agent/opa#6580
        let message = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string \
                       parameter or the Authorization header should be specified";
        return Err(Refusal::new("InvalidArgument", message).into());
    }
    check(world, arrival, request)?;
    let missing = || Refusal::new("NoSuchKey", "The specified key does not exist.").status(404);
    let blob = blob.ok_or_else(missing)?;
    let path = world.store.files(&blob.registry).blob(&blob.digest);
    let size = tokio::fs::metadata(&path).await.map_err(|_| missing())?.len();
    let range =
        request.headers().get(RANGE).and_then(|value| value.to_str().ok()).and_then(|range| wanted(range, size));
    let (status, start, length) = match range {
        None => (StatusCode::OK, 0, size),
        Some(Err(())) => {
            let refusal = Refusal::new("InvalidRange", "The requested range is not satisfiable").status(416);
            return Err(refusal.into());
        }
        Some(Ok((start, end))) => (StatusCode::PARTIAL_CONTENT, start, end - start + 1),
    };
    let mut response = Response::new(file(&path, start, length).await?);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(ETAG, HeaderValue::from_str(&format!("\"{}\"", blob.digest)).map_err(Refusal::server)?);
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {start}-{}/{size}", start + length - 1);
        headers.insert(CONTENT_RANGE, HeaderValue::from_str(&range).map_err(Refusal::server)?);
    }
    Ok(response)
}

/// Weighs the URL: made by the double, for GET, and not expired.
fn check(world: &World, arrival: &Arrival, request: &Request<Incoming>) -> Result<(), Refusal> {
    let denied = |code: &str, message: &str| Err(Refusal::new(code, message).status(403));
    let query = request.uri().query().unwrap_or_default();
    let Some((signed, signature)) = query.rsplit_once("&X-Amz-Signature=") else {
        return denied("AccessDenied", "Access Denied");
    };
    let Some((signed, until)) = signed.rsplit_once("&X-Until=") else {
        return denied("AccessDenied", "Access Denied");
    };
    let expected = world.tokens.sign(&format!("{}?{signed}&{until}", request.uri().path()));
    if signature != expected || request.method() != Method::GET {
        let message = "The request signature we calculated does not match the signature you provided.";
        return denied("SignatureDoesNotMatch", message);
    }
    if arrival.fault == Some(Fault::ExpireUrl) {
        lock(&world.expired_urls).push(signature.to_owned());
    }
    let expired = until.parse::<u64>().is_ok_and(|until| until <= world.clock.seconds());
    if expired || lock(&world.expired_urls).iter().any(|known| known == signature) {
        return denied("AccessDenied", "Request has expired");
    }
    Ok(())
}

/// A single range; anything else S3 ignores.
fn wanted(range: &str, size: u64) -> Option<Result<(u64, u64), ()>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let end = size.saturating_sub(1);
    let (start, stop) = match (first, last) {
        ("", suffix) => (size.saturating_sub(suffix.parse().ok()?), end),
        (first, "") => (first.parse().ok()?, end),
        (first, last) => (first.parse().ok()?, last.parse::<u64>().ok()?.min(end)),
    };
    Some(if start < size && start <= stop { Ok((start, stop)) } else { Err(()) })
}

fn refuse(refusal: &Refusal) -> Response<Body> {
    let (code, message) = match refusal.code.as_str() {
        "ThrottlingException" | "ServiceUnavailableException" => ("SlowDown", "Please reduce your request rate."),
        code => (code, refusal.message.as_str()),
    };
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let mut response = Response::new(full(text));
    // Throttled is 400 in the API alone.
    let status = if code == "SlowDown" && refusal.status == 400 { 503 } else { refusal.status };
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

#[cfg(test)]
mod tests {
    use super::wanted;

    #[test]
    fn ranges() {
        assert_eq!(wanted("bytes=0-9", 100), Some(Ok((0, 9))));
        assert_eq!(wanted("bytes=90-200", 100), Some(Ok((90, 99))));
        assert_eq!(wanted("bytes=90-", 100), Some(Ok((90, 99))));
        assert_eq!(wanted("bytes=-10", 100), Some(Ok((90, 99))));
        assert_eq!(wanted("bytes=100-", 100), Some(Err(())));
        assert_eq!(wanted("lines=1-2", 100), None);
    }
}
