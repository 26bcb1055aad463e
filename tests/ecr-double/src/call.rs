//! One request on its way through: log entry, faults, quotas, authorisation.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode};

use crate::body::{Body, Counted, empty};
use crate::faults::{self, Facts, Fault};
use crate::guard::callers::Caller;
use crate::guard::document::Access;
use crate::guard::policy;
use crate::log::{ActionUse, Entry, InFlight, Log, RequestRecord};
use crate::names::RegistryId;
use crate::refusal::{Failure, Refusal};
use crate::store::Lag;
use crate::world::World;

/// A request whose caller, registry and operation are known.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) world: Arc<World>,
    pub(crate) entry: Arc<Entry>,
    pub(crate) caller: Caller,
    pub(crate) registry: RegistryId,
    pub(crate) fault: Option<Fault>,
}

impl Call {
    /// Checks an action on a repository (none: on all of them) and notes it in the log.
    pub(crate) fn authorise(&self, action: &str, repository: Option<&str>) -> Result<(), Refusal> {
        let policy = repository.and_then(|name| {
            self.world.store.with(&self.registry, |registry| registry.repositories.get(name)?.policy.clone())
        });
        let resource = policy::resource(action, &self.registry, repository);
        let access = Access { caller: &self.caller, action, resource: &resource, registry: &self.registry };
        let identity = self.world.identities.of(&self.caller.principal());
        let judged = policy::judge(&access, &identity, policy.as_deref());
        let used = ActionUse { action: action.to_owned(), resource, allowed: judged.is_ok() };
        self.entry.edit(|record| record.actions.push(used));
        judged
    }

    /// How late reads see what this request writes.
    pub(crate) fn lag(&self) -> Option<Lag> {
        match self.fault {
            Some(Fault::SeenLate { looks, millis }) => Some(Lag { looks, time: Duration::from_millis(millis) }),
            _ => None,
        }
    }

    pub(crate) fn note_caller(&self) {
        self.entry.edit(|record| {
            record.caller = Some(self.caller.arn.clone());
            record.caller_account = Some(self.caller.account.clone());
        });
    }
}

/// A request just arrived: its log entry and the facts that faults look at.
pub(crate) struct Arrival {
    pub(crate) entry: Arc<Entry>,
    in_flight: InFlight,
    pub(crate) fault: Option<Fault>,
}

impl Arrival {
    /// Enters a request into the log. `record` holds what is known of it.
    pub(crate) fn log(world: &World, request: &Request<Incoming>, mut record: RequestRecord) -> Self {
        record.at = world.clock.timestamp();
        record.method = request.method().to_string();
        record.path = request.uri().to_string();
        record.authorised = request.headers().contains_key(AUTHORIZATION);
        let (entry, in_flight) = Log::begin(&world.log, record);
        Self { entry, in_flight, fault: None }
    }

    /// Meets the faults set for this request. Those that take its place come back as a failure.
    pub(crate) async fn meet_faults(&mut self, world: &World) -> Result<(), Failure> {
        let (held, (wait, fault)) = {
            let mut seen = RequestRecord::default();
            self.entry.edit(|record| seen = record.clone());
            let facts = Facts {
                operation: &seen.operation,
                repository: seen.repository.as_deref(),
                account: &seen.account,
                region: &seen.region,
                references: &seen.references,
            };
            (world.faults.held(&facts), world.faults.meet(&facts))
        };
        if let Some(held) = held {
            held.over().await;
        }
        if !wait.is_zero() {
            self.entry.edit(|record| record.fault = Some("delay".to_owned()));
            tokio::time::sleep(wait).await;
        }
        let Some(fault) = fault else { return Ok(()) };
        self.entry.edit(|record| record.fault = Some(name(&fault)));
        self.fault = Some(fault.clone());
        match fault {
            Fault::Status { status, retry_after } => {
                let mut refusal = Refusal::new(code_for(status), text_for(status)).status(status);
                refusal.retry_after = retry_after;
                Err(refusal.into())
            }
            Fault::Error { code, message } => {
                let message = message.unwrap_or_else(|| format!("A fault set in the double: {code}"));
                Err(Refusal::new(&code, message).into())
            }
            Fault::NotFound => Err(Refusal::new("NotFound", "not found").status(404).into()),
            Fault::Reset => Err(Failure::Hangup),
            Fault::Redirect { url } => Err(Failure::Answer(Box::new(redirect(&url)))),
            _ => Ok(()),
        }
    }

    /// Where the request's body is to be cut.
    pub(crate) fn cut_after(&self) -> Option<u64> {
        match self.fault {
            Some(Fault::CutRequest { after }) => Some(after),
            _ => None,
        }
    }

    /// Puts the answer, or none, into the log and on its way. `render` gives a refusal the surface's form.
    pub(crate) fn finish(
        self,
        outcome: Result<Response<Body>, Failure>,
        render: impl FnOnce(&Refusal) -> Response<Body>,
    ) -> Option<Response<Body>> {
        let Self { entry, in_flight, fault } = self;
        let response = match outcome {
            Ok(response) => response,
            Err(Failure::Answer(response)) => *response,
            Err(Failure::Refused(refusal)) => {
                entry.edit(|record| record.error = Some(refusal.code.clone()));
                let mut response = render(&refusal);
                if let Some(seconds) = refusal.retry_after {
                    response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
                }
                response
            }
            Err(Failure::Hangup) => return None,
        };
        if fault == Some(Fault::LoseAnswer) {
            return None;
        }
        entry.edit(|record| record.status = response.status().as_u16());
        let response = match &fault {
            Some(fault) => faults::apply(fault, response),
            None => response,
        };
        if hyper::body::Body::is_end_stream(response.body()) {
            entry.finished.store(true, Ordering::SeqCst);
        }
        Some(response.map(|inner| Counted { inner, entry, _in_flight: in_flight }.boxed_unsync()))
    }
}

fn redirect(url: &str) -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    if let Ok(url) = HeaderValue::from_str(url) {
        response.headers_mut().insert(LOCATION, url);
    }
    response
}

fn code_for(status: u16) -> &'static str {
    match status {
        429 => "ThrottlingException",
        404 => "NotFound",
        403 => "AccessDeniedException",
        502..=504 => "ServiceUnavailableException",
        _ => "ServerException",
    }
}

fn text_for(status: u16) -> &'static str {
    match status {
        429 => "Rate exceeded",
        502..=504 => "Service unavailable",
        _ => "An internal failure, set as a fault in the double",
    }
}

fn name(fault: &Fault) -> String {
    let value = serde_json::to_value(fault).unwrap_or_default();
    value.get("kind").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}
