//! The ECR API: AWS JSON 1.1, one operation per `X-Amz-Target`.

mod authorization;
mod describe;
mod download;
mod images;
mod layers;
mod paging;
mod policies;
mod referrers;
mod repositories;
mod scans;
mod settings;
mod wire;

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Request, Response, StatusCode};
use serde_json::Value;

use crate::body::{Body, Upload, full};
use crate::call::{Arrival, Call};
use crate::faults::Fault;
use crate::guard::signature;
use crate::log::RequestRecord;
use crate::names::{RegistryId, is_account};
use crate::refusal::{Failure, Refusal};
use crate::world::World;

pub(crate) use download::{accessible, presign};
pub(crate) use paging::Page;
pub(crate) use referrers::of as referrers_of;

const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921.";
/// A part of 20 MiB in base64, and the JSON around it.
const MAX_BODY: usize = 30 * 1024 * 1024;

pub(crate) async fn handle(world: Arc<World>, request: Request<Incoming>) -> Option<Response<Body>> {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = target.strip_prefix(TARGET).unwrap_or("Unknown").to_owned();
    let record = RequestRecord { operation: operation.clone(), ..RequestRecord::default() };
    let mut arrival = Arrival::log(&world, &request, record);
    let (parts, incoming) = request.into_parts();
    let outcome = match Upload::new(incoming, &arrival.entry).collect(MAX_BODY).await {
        Ok(body) => Box::pin(run(&world, &mut arrival, &operation, &parts.headers, &body)).await.map(answer),
        Err(failure) => Err(failure),
    };
    let id = world.unique();
    let mut response = arrival.finish(outcome, refuse)?;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    Some(response)
}

async fn run(
    world: &Arc<World>,
    arrival: &mut Arrival,
    operation: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, Failure> {
    let scope = signature::scope(headers)?;
    let input: Value = serde_json::from_slice(body)
        .map_err(|error| Refusal::new("SerializationException", format!("not JSON: {error}")))?;
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    let caller = world.caller(&scope.access_key_id).await;
    let own = caller.as_ref().map(|caller| caller.account.clone()).unwrap_or_default();
    let account = text("registryId").unwrap_or(&own);
    let registry = RegistryId::new(account, &scope.region);
    arrival.entry.edit(|record| {
        record.account.clone_from(&registry.account);
        record.region.clone_from(&registry.region);
        record.repository = text("repositoryName").map(str::to_owned);
        wire::references(&input, &mut record.references);
        record.caller = caller.as_ref().ok().map(|caller| caller.arn.clone());
        record.caller_account = caller.as_ref().ok().map(|caller| caller.account.clone());
    });
    arrival.meet_faults(world).await?;
    match &arrival.fault {
        Some(Fault::ExpireToken) => {
            return Err(
                Refusal::new("ExpiredTokenException", "The security token included in the request is expired").into()
            );
        }
        Some(Fault::CutRequest { .. }) => return Err(Failure::Hangup),
        _ => {}
    }
    let caller = caller?;
    if !world.quotas.take(&RegistryId::new(&caller.account, &scope.region), operation) {
        return Err(Refusal::throttled().into());
    }
    if !is_account(&registry.account) {
        return Err(Refusal::parameter("registryId", "must satisfy regular expression '[0-9]{12}'").into());
    }
    let call = Call {
        world: Arc::clone(world),
        entry: Arc::clone(&arrival.entry),
        caller,
        registry,
        fault: arrival.fault.clone(),
    };
    dispatch(&call, operation, input).await
}

async fn dispatch(call: &Call, operation: &str, input: Value) -> Result<Value, Failure> {
    let done = match operation {
        "UploadLayerPart" => return layers::upload(call, wire::read(input)?).await,
        "CompleteLayerUpload" => return layers::complete(call, wire::read(input)?).await,
        "InitiateLayerUpload" => layers::initiate(call, wire::read(input)?),
        "BatchCheckLayerAvailability" => layers::check(call, wire::read(input)?),
        "GetDownloadUrlForLayer" => download::url(call, wire::read(input)?),
        "GetAuthorizationToken" => authorization::token(call, wire::read(input)?),
        "BatchGetImage" => images::get(call, wire::read(input)?),
        "PutImage" => images::put(call, wire::read(input)?),
        "BatchDeleteImage" => images::delete(call, wire::read(input)?),
        "ListImages" => describe::list(call, wire::read(input)?),
        "DescribeImages" => describe::images(call, wire::read(input)?),
        "DescribeRepositories" => describe::repositories(call, wire::read(input)?),
        "CreateRepository" => repositories::create(call, wire::read(input)?),
        "DeleteRepository" => repositories::delete(call, wire::read(input)?),
        "PutImageTagMutability" => repositories::set_mutability(call, wire::read(input)?),
        "SetRepositoryPolicy" => policies::set(call, wire::read(input)?),
        "GetRepositoryPolicy" => policies::get(call, wire::read(input)?),
        "DeleteRepositoryPolicy" => policies::delete(call, wire::read(input)?),
        "PutLifecyclePolicy" => policies::set_lifecycle(call, wire::read(input)?),
        "GetLifecyclePolicy" => policies::lifecycle(call, wire::read(input)?),
        "GetAccountSetting" => settings::get(call, wire::read(input)?),
        "PutAccountSetting" => settings::put(call, wire::read(input)?),
        "ListImageReferrers" => referrers::list(call, wire::read(input)?),
        "DescribeImageScanFindings" => scans::findings(call, wire::read(input)?),
        _ => Err(Refusal::new("UnknownOperationException", format!("the double does not know {operation}"))),
    };
    Ok(done?)
}

fn answer(output: Value) -> Response<Body> {
    json(200, &output)
}

fn refuse(refusal: &Refusal) -> Response<Body> {
    json(refusal.status, &refusal.api_body())
}

fn json(status: u16, value: &Value) -> Response<Body> {
    let mut response = Response::new(full(value.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    response
}
