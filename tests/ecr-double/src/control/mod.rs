//! The control endpoint: what a test in another process asks the double for. JSON in, JSON out.
//!
//! | request | does |
//! | --- | --- |
//! | `GET /` | endpoints and registries |
//! | `GET /requests`, `DELETE /requests` | the request log; `?operation=v2.*` filters |
//! | `GET /counts`, `GET /actions` | requests per operation; IAM actions per caller |
//! | `GET /faults`, `POST /faults`, `DELETE /faults` | fault rules ([`FaultRule`], one or a list) |
//! | `GET /switches`, `PATCH /switches` | [`Switches`], those named are changed |
//! | `PUT /quotas` | requests per second by operation; `"ecr"` for ECR's defaults; `{}` lifts them |
//! | `POST /callers` | `{"access_key_id", "account", "name"}` |
//! | `PUT /policies` | identity policies: for each ARN of a role or user a list of documents, in place of those it had |
//! | `POST /clock` | `{"advance_seconds": 3600}` |
//! | `POST /tokens/expire`, `DELETE /uploads` | every token so far expires; uploads in progress are forgotten |
//! | `POST /registries` | `{"account", "region"}`, answers its host |
//! | `POST /repositories` | `{"account", "region", "name"}` and optionally `mutability`, `exclusions`, `encryption`, `policy`, `lifecycle` |
//! | `POST /pull-through` | `{"account", "region", "prefix", "upstream": "ACCOUNT/REGION"}`: fills repositories below the prefix from another registry |
//! | `GET /images/ACCOUNT/REGION/REPOSITORY` | tags, manifests and blobs |
//! | `POST /change` | one [`Change`] to a registry's content |

mod change;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::body::{Body, full};
use crate::config::ecr_quotas;
use crate::faults::FaultRule;
use crate::guard::callers::Caller;
use crate::handle::{RegistryHandle, RepositoryOptions};
use crate::names::{RegistryId, wildcard};
use crate::store::{Encryption, Mutability};
use crate::world::World;

type Answer = Result<Value, String>;

pub(crate) async fn handle(world: Arc<World>, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    let answer = act(&world, &parts.method, parts.uri.path(), query, &body);
    let (status, value) = match answer {
        Ok(value) => (StatusCode::OK, value),
        Err(message) => (StatusCode::BAD_REQUEST, json!({ "error": message })),
    };
    let mut response = Response::new(full(format!("{value}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn act(world: &Arc<World>, method: &Method, path: &str, query: &str, body: &[u8]) -> Answer {
    let done = json!({});
    match (method.as_str(), path) {
        ("GET", "/") => Ok(overview(world)),
        ("GET", "/requests") => {
            let wanted = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "operation");
            let mut records = world.log.records();
            records.retain(|one| wanted.as_ref().is_none_or(|(_, pattern)| wildcard(pattern, &one.operation)));
            Ok(json!(records))
        }
        ("DELETE", "/requests") => {
            world.log.reset();
            Ok(done)
        }
        ("GET", "/counts") => {
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            for record in world.log.records() {
                *counts.entry(record.operation).or_default() += 1;
            }
            Ok(json!(counts))
        }
        ("GET", "/actions") => Ok(json!(world.log.actions())),
        ("GET", "/faults") => Ok(json!(world.faults.rules())),
        ("POST", "/faults") => {
            for rule in several::<FaultRule>(body)? {
                world.faults.add(rule);
            }
            Ok(done)
        }
        ("DELETE", "/faults") => {
            world.faults.clear();
            Ok(done)
        }
        ("GET", "/switches") => Ok(json!(world.switches())),
        ("PATCH", "/switches") => switches(world, read(body)?),
        ("PUT", "/quotas") => {
            let value: Value = read(body)?;
            let rates = if value == "ecr" { ecr_quotas() } else { from(value)? };
            world.quotas.set(rates);
            Ok(done)
        }
        ("POST", "/callers") => {
            let KnownCaller { access_key_id, account, name } = read(body)?;
            world.callers.set(Caller::named(&access_key_id, &account, &name));
            Ok(done)
        }
        ("PUT", "/policies") => {
            for (principal, documents) in read::<BTreeMap<String, Vec<Value>>>(body)? {
                world.identities.set(&principal, &documents)?;
            }
            Ok(done)
        }
        ("POST", "/clock") => {
            let Advance { advance_seconds } = read(body)?;
            world.clock.advance(Duration::from_secs(advance_seconds));
            Ok(done)
        }
        ("POST", "/tokens/expire") => {
            world.tokens.expire_all();
            Ok(done)
        }
        ("DELETE", "/uploads") => Ok(json!({ "uploads": world.uploads.vanish() })),
        ("POST", "/registries") => Ok(json!({ "host": registry(world, read(body)?)?.host() })),
        ("POST", "/repositories") => repository(world, read(body)?),
        ("POST", "/pull-through") => {
            let NewCache { account, region, prefix, upstream } = read(body)?;
            registry(world, NewRegistry { account, region })?.pull_through(&prefix, &at(world, &upstream)?);
            Ok(done)
        }
        ("POST", "/change") => change::apply(world, read(body)?),
        ("GET", images) if images.starts_with("/images/") => change::show(world, images),
        _ => Err(format!("{method} {path} is not known; see the documentation of `ecr_double`'s module `control`")),
    }
}

/// The endpoints and registries: also what the binary prints when it is ready.
pub(crate) fn overview(world: &World) -> Value {
    let (ports, hosts) = (world.ports.get(), world.hosts());
    let endpoint = |port: u16| format!("http://127.0.0.1:{port}");
    let registries: BTreeMap<String, String> =
        hosts.iter().map(|(id, port)| (id.to_string(), format!("127.0.0.1:{port}"))).collect();
    json!({
        "api": ports.map(|ports| endpoint(ports.api)),
        "s3": ports.map(|ports| endpoint(ports.s3)),
        "control": ports.map(|ports| endpoint(ports.control)),
        "sts": ports.and_then(|ports| ports.sts).map(endpoint),
        "registries": registries,
        "dir": world.dir,
        "pid": std::process::id(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownCaller {
    access_key_id: String,
    account: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRegistry {
    account: String,
    region: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCache {
    account: String,
    region: String,
    prefix: String,
    upstream: RegistryId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRepository {
    account: String,
    region: String,
    name: String,
    mutability: Option<String>,
    #[serde(default)]
    exclusions: Vec<String>,
    encryption: Option<Encryption>,
    /// As text, or as the object itself.
    policy: Option<Value>,
    lifecycle: Option<Value>,
}

fn repository(world: &Arc<World>, new: NewRepository) -> Answer {
    let NewRepository { account, region, name, mutability, exclusions, encryption, policy, lifecycle } = new;
    if !crate::names::is_repository(&name) {
        return Err(format!("`{name}` is not a repository name"));
    }
    let registry = registry(world, NewRegistry { account, region })?;
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mode = mutability.unwrap_or_else(|| Mutability::default().mode);
    let options = RepositoryOptions {
        mutability: Mutability { mode, exclusions },
        encryption: encryption.unwrap_or_default(),
        policy: policy.map(text),
        lifecycle: lifecycle.map(text),
    };
    registry.create_repository_with(&name, options);
    Ok(json!({ "uri": format!("{}/{name}", registry.host()) }))
}

fn registry(world: &Arc<World>, NewRegistry { account, region }: NewRegistry) -> Result<RegistryHandle, String> {
    at(world, &format!("{account}/{region}").parse()?)
}

fn at(world: &Arc<World>, id: &RegistryId) -> Result<RegistryHandle, String> {
    let host = world.host(id).map_err(|error| error.to_string())?;
    Ok(RegistryHandle::new(Arc::clone(world), id.clone(), host))
}

fn switches(world: &World, changes: Value) -> Answer {
    let mut merged = json!(world.switches());
    match (merged.as_object_mut(), changes) {
        (Some(members), Value::Object(changes)) => members.extend(changes),
        _ => return Err("an object is expected".to_owned()),
    }
    let changed = from(merged.clone())?;
    world.switch(|switches| *switches = changed);
    Ok(merged)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn from<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// One or a list.
fn several<T: DeserializeOwned>(body: &[u8]) -> Result<Vec<T>, String> {
    match read(body)? {
        Value::Array(values) => values.into_iter().map(from).collect(),
        value => Ok(vec![from(value)?]),
    }
}
