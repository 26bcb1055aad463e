//! A registry's `/v2` endpoint: the OCI distribution protocol as ECR speaks it.

mod blobs;
mod errors;
mod manifests;
mod referrers;
mod route;
mod tags;
mod uploads;

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Request, Response, StatusCode};

use self::route::Route;
use crate::body::{Body, Upload, empty, full};
use crate::call::{Arrival, Call};
use crate::faults::Fault;
use crate::guard::callers::Caller;
use crate::log::RequestRecord;
use crate::names::RegistryId;
use crate::refusal::{Failure, Refusal};
use crate::world::World;

pub(crate) async fn handle(
    world: Arc<World>,
    registry: RegistryId,
    request: Request<Incoming>,
) -> Option<Response<Body>> {
    let route = Route::parse(request.method(), request.uri().path(), request.uri().query());
    let mut references: Vec<String> = route.iter().filter_map(|route| route.reference.clone()).collect();
    let named = route.iter().flat_map(|route| &route.query).filter(|(name, _)| name == "digest" || name == "mount");
    references.extend(named.map(|(_, value)| value.clone()));
    let record = RequestRecord {
        operation: route.as_ref().map_or("v2.Unknown", |route| route.operation).to_owned(),
        account: registry.account.clone(),
        region: registry.region.clone(),
        repository: route.as_ref().and_then(|route| route.repository.clone()),
        references,
        ..RequestRecord::default()
    };
    let head = request.method() == hyper::Method::HEAD;
    let mut arrival = Arrival::log(&world, &request, record);
    let (parts, incoming) = request.into_parts();
    let mut body = Upload::new(incoming, &arrival.entry);
    let outcome = Box::pin(run(&world, &registry, &mut arrival, route, &parts.headers, &mut body)).await;
    if !matches!(outcome, Ok(_) | Err(Failure::Hangup)) && !world.switches().early_refusals {
        body.drain().await;
    }
    let mut response = arrival.finish(outcome, errors::render)?;
    response.headers_mut().insert("docker-distribution-api-version", HeaderValue::from_static("registry/2.0"));
    if head {
        response = response.map(|_| empty());
    }
    Some(response)
}

async fn run(
    world: &Arc<World>,
    registry: &RegistryId,
    arrival: &mut Arrival,
    route: Option<Route>,
    headers: &HeaderMap,
    body: &mut Upload,
) -> Result<Response<Body>, Failure> {
    arrival.meet_faults(world).await?;
    body.cut_after(arrival.cut_after());
    let caller = identify(world, registry, headers, arrival)?;
    let call = Call {
        world: Arc::clone(world),
        entry: Arc::clone(&arrival.entry),
        caller,
        registry: registry.clone(),
        fault: arrival.fault.clone(),
    };
    call.note_caller();
    let Some(route) = route else {
        return Err(Refusal::new("NameInvalid", "invalid repository name or path").into());
    };
    if let Some(counted_as) = quota_of(route.operation) {
        let payer = RegistryId::new(&call.caller.account, &registry.region);
        if !world.quotas.take(&payer, counted_as) {
            return Err(Refusal::throttled().into());
        }
    }
    match route.operation {
        "v2.Ping" => Ok(Response::new(empty())),
        "v2.HeadBlob" => Ok(blobs::head(&call, &route)?),
        "v2.GetBlob" => Ok(blobs::get(&call, &route)?),
        "v2.StartUpload" => uploads::start(&call, &route),
        "v2.MountBlob" => uploads::mount(&call, &route),
        "v2.PatchUpload" => uploads::patch(&call, &route, headers, body).await,
        "v2.PutUpload" => uploads::put(&call, &route, headers, body).await,
        "v2.DeleteUpload" => uploads::delete(&call, &route),
        "v2.GetManifest" | "v2.HeadManifest" => Ok(manifests::get(&call, &route, headers)?),
        "v2.PutManifest" => manifests::put(&call, &route, headers, body).await,
        "v2.DeleteManifest" => Ok(manifests::delete(&call, &route)?),
        "v2.ListTags" => Ok(tags::list(&call, &route)?),
        "v2.Referrers" => Ok(referrers::list(&call, &route)?),
        // The status of an upload cannot be asked for (dotnet/sdk#33019).
        "v2.GetUpload" => Err(Refusal::new("UploadNotFoundException", "upload status is not available").into()),
        _ => Err(Refusal::new("Unsupported", "The operation is unsupported.").into()),
    }
}

/// Which quota a verb counts against: requests to `/v2` are the API's operations underneath
/// (containerd/containerd#10447).
fn quota_of(operation: &str) -> Option<&'static str> {
    Some(match operation {
        "v2.GetManifest" | "v2.HeadManifest" | "v2.Referrers" => "BatchGetImage",
        "v2.PutManifest" => "PutImage",
        "v2.HeadBlob" => "BatchCheckLayerAvailability",
        "v2.GetBlob" => "GetDownloadUrlForLayer",
        "v2.StartUpload" | "v2.MountBlob" => "InitiateLayerUpload",
        "v2.PatchUpload" => "UploadLayerPart",
        "v2.PutUpload" => "CompleteLayerUpload",
        "v2.ListTags" => "ListImages",
        _ => return None,
    })
}

/// Reads the token. Without one, the challenge of ECR (regclient/regclient#709).
fn identify(
    world: &Arc<World>,
    registry: &RegistryId,
    headers: &HeaderMap,
    arrival: &Arrival,
) -> Result<Caller, Failure> {
    let Some(header) = headers.get(AUTHORIZATION) else {
        let realm = format!("Basic realm=\"http://{}/\",service=\"ecr.amazonaws.com\"", world.host(registry)?);
        let mut response = Response::new(full("Not Authorized\n"));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        if let Ok(realm) = HeaderValue::from_str(&realm) {
            response.headers_mut().insert(WWW_AUTHENTICATE, realm);
        }
        return Err(Failure::Answer(Box::new(response)));
    };
    let invalid = || Refusal::new("Denied", "Your Authorization Token is invalid.");
    let basic = header.to_str().ok().and_then(|value| {
        let (scheme, credential) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("basic").then(|| credential.trim())
    });
    let claims = basic.and_then(|basic| world.tokens.open(basic)).ok_or_else(invalid)?;
    if world.switches().token_is_regional && claims.region != registry.region {
        return Err(invalid().into());
    }
    if arrival.fault == Some(Fault::ExpireToken) {
        world.tokens.expire(&claims);
    }
    if world.tokens.is_expired(&claims, world.clock.seconds()) {
        // gitpod-io/gitpod#1900.
        let message = "Your authorization token has expired. Reauthenticate and try again.";
        return Err(Refusal::new("Denied", message).into());
    }
    Ok(claims.caller)
}

/// An answer with headers and no body.
fn bare(status: StatusCode, headers: &[(&'static str, String)]) -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = status;
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// The repository a request names, which has to exist.
fn repository<'a>(call: &Call, route: &'a Route) -> Result<&'a str, Refusal> {
    let name = route.repository.as_deref().unwrap_or_default();
    call.world.store.with(&call.registry, |state| state.repository(name, &call.registry).map(|_| ()))?;
    Ok(name)
}
