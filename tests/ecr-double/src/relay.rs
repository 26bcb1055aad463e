//! A relay to STS. Roles assumed through it are known by name afterwards: the answer to AssumeRole holds both the new access
//! key and the ARN of the session, which no later request to STS would tell.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

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
    let body = body.collect().await.ok()?.to_bytes();
    let mut response = sts::send(&host, Request::from_parts(parts, Full::new(body))).await?;
    for name in ["transfer-encoding", "content-length", "connection"] {
        response.headers_mut().remove(name);
    }
    let text = String::from_utf8_lossy(response.body()).into_owned();
    if let (Some(key), Some(arn)) = (member(&text, "AccessKeyId"), session_arn(&text)) {
        let account = arn.split(':').nth(4).unwrap_or_default().to_owned();
        world.callers.set(Caller::named(&key, &account, &arn));
    }
    Some(response)
}

fn session_arn(text: &str) -> Option<String> {
    member(text, "Arn").filter(|arn| arn.contains(":assumed-role/"))
}

/// A member of an answer in XML or in JSON.
fn member(text: &str, name: &str) -> Option<String> {
    let xml = text
        .split_once(&format!("<{name}>"))
        .and_then(|(_, rest)| rest.split_once('<'));
    let json = || {
        text.split_once(&format!("\"{name}\""))
            .and_then(|(_, rest)| rest.split('"').nth(1))
    };
    xml.map(|(value, _)| value).or_else(json).map(str::to_owned)
}
