//! A relay to STS. Roles assumed through it are known by name afterwards: the answer to AssumeRole holds both the new
//! access key and the ARN of the session, which STS gives to no other caller later.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, Request, Response, StatusCode};

use crate::body::{Body, full};
use crate::guard::callers::Caller;
use crate::guard::sts;
use crate::world::World;

/// Passes a request on as it came, the Host header included, because the signature covers it.
pub(crate) async fn handle(world: &World, request: Request<Incoming>) -> Response<Body> {
    match pass(world, request).await {
        Some(response) => response.map(full),
        None => {
            let mut response = Response::new(full("the STS behind this relay does not answer"));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }
    }
}

async fn pass(world: &World, request: Request<Incoming>) -> Option<Response<Bytes>> {
    let host = world.sts_host()?;
    let (parts, body) = request.into_parts();
    let signed_by = signer(&parts.headers);
    let body = body.collect().await.ok()?.to_bytes();
    let mut response = sts::send(&host, Request::from_parts(parts, Full::new(body))).await?;
    for name in ["transfer-encoding", "content-length", "connection"] {
        response.headers_mut().remove(name);
    }
    let text = String::from_utf8_lossy(response.body()).into_owned();
    // AssumeRole names the new key; GetCallerIdentity tells who signed.
    let key = member(&text, "AccessKeyId").or(signed_by);
    if let (Some(key), Some(arn)) = (key, member(&text, "Arn").filter(|arn| arn.contains(":assumed-role/"))) {
        let account = arn.split(':').nth(4).unwrap_or_default().to_owned();
        world.callers.set(Caller::named(&key, &account, &arn));
    }
    Some(response)
}

fn signer(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (_, credential) = header.split_once("Credential=")?;
    credential.split_once('/').map(|(key, _)| key.to_owned())
}

/// A member of an answer in XML or in JSON.
fn member(text: &str, name: &str) -> Option<String> {
    let xml = text.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once('<'));
    let json = || text.split_once(&format!("\"{name}\"")).and_then(|(_, rest)| rest.split('"').nth(1));
    xml.map(|(value, _)| value).or_else(json).map(str::to_owned)
}
