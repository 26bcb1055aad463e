use std::time::Duration;

use ecr_double::Fault as EcrFault;
use proxy::Fault;

use crate::foreign::Foreign;
use crate::setup::RequestKind;

/// Something that can go wrong with a request.
pub(crate) struct FaultKind {
    /// In the words of the table.
    pub(crate) title: &'static str,
    /// Whether it makes a client wait: it is given little time then.
    pub(crate) waits: bool,
    on_the_way: OnTheWay,
    in_ecr: Option<fn(&RequestKind) -> Option<EcrFault>>,
}

/// What the proxy does; none where there is nothing to do.
type OnTheWay = fn(&RequestKind, &Foreign) -> Option<Fault>;

/// What fails, and how.
pub(crate) enum Failing {
    Proxy(Fault),
    Double(EcrFault),
}

impl FaultKind {
    /// None where there is nothing to do. Faults of a registry are its own, where it is the double of ECR.
    pub(crate) fn of(&self, request_kind: &RequestKind, foreign: &Foreign, is_ecr: bool) -> Option<Failing> {
        match self.in_ecr {
            Some(in_ecr) if is_ecr => in_ecr(request_kind).map(Failing::Double),
            _ => (self.on_the_way)(request_kind, foreign).map(Failing::Proxy),
        }
    }
}

const fn fault_kind(title: &'static str, on_the_way: OnTheWay) -> FaultKind {
    FaultKind { title, waits: false, on_the_way, in_ecr: None }
}

const fn waiting(title: &'static str, on_the_way: OnTheWay) -> FaultKind {
    FaultKind { title, waits: true, on_the_way, in_ecr: None }
}

/// One of the registry itself.
const fn of_registry(
    title: &'static str,
    on_the_way: OnTheWay,
    in_ecr: fn(&RequestKind) -> Option<EcrFault>,
) -> FaultKind {
    FaultKind { title, waits: false, on_the_way, in_ecr: Some(in_ecr) }
}

pub(crate) const FAULT_KINDS: &[FaultKind] = &[
    fault_kind("429", |_, _| Some(Fault::status(429))),
    fault_kind("429 with Retry-After", |_, _| {
        Some(Fault::Status { status: 429, retry_after: Some("0".into()), body: String::new() })
    }),
    fault_kind("500", |_, _| Some(Fault::status(500))),
    fault_kind("502", |_, _| Some(Fault::status(502))),
    fault_kind("503", |_, _| Some(Fault::status(503))),
    fault_kind("404", |_, _| Some(Fault::status(404))),
    fault_kind("connection reset before the request", |_, _| Some(Fault::Reset)),
    fault_kind("carried out, answer lost", |_, _| Some(Fault::LoseAnswer)),
    fault_kind("carried out twice", |_, _| Some(Fault::Twice)),
    waiting("no answer", |_, _| Some(Fault::Hang)),
    fault_kind("request cut", |_, _| Some(Fault::CutRequest)),
    waiting("request stalled", |_, _| Some(Fault::StallRequest)),
    fault_kind("request with a flipped bit", |_, _| Some(Fault::FlipRequest)),
    fault_kind("answer cut", |_, _| Some(Fault::CutAnswer)),
    waiting("answer stalled", |_, _| Some(Fault::StallAnswer)),
    fault_kind("answer with a flipped bit", |_, _| Some(Fault::FlipAnswer)),
    fault_kind("answer announced shorter than it is", |_, _| Some(Fault::AnnounceLess)),
    fault_kind("answer announced longer than it is", |_, _| Some(Fault::AnnounceMore)),
    fault_kind("token expired", |request_kind, _| Some(token_expired(request_kind))),
    fault_kind("URL expired", |request_kind, _| url_expired(request_kind)),
    fault_kind("307 to a foreign origin", |_, foreign| Some(Fault::Redirect(foreign.url()))),
    of_registry("slow", |_, _| Some(Fault::Delay(SLOW)), |_| Some(delay())),
    of_registry("over its quota", |_, _| Some(over_quota()), |_| Some(over_quota_of_ecr())),
    of_registry("seen late", |kind, _| seen_after(kind, FEW), |kind| seen_in_ecr_after(kind, FEW)),
    of_registry("never seen", |kind, _| seen_after(kind, usize::MAX), |kind| seen_in_ecr_after(kind, usize::MAX)),
];

/// What slow requests take longer.
const SLOW: Duration = Duration::from_millis(50);

/// Looks that do not see what was written. A promotion looks seven times (`promotion/src/settling.rs`).
const FEW: usize = 5;

fn delay() -> EcrFault {
    EcrFault::Delay { millis: SLOW.as_millis().try_into().unwrap() }
}

/// In the words of the distribution specification ("Error Codes").
fn over_quota() -> Fault {
    let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"too many requests"}]}"#.into();
    Fault::Status { status: 429, retry_after: None, body }
}

/// In the words of each part of ECR: see the double.
fn over_quota_of_ecr() -> EcrFault {
    EcrFault::Error { code: "ThrottlingException".into(), message: Some("Rate exceeded".into()) }
}

fn seen_after(request_kind: &RequestKind, looks: usize) -> Option<Fault> {
    request_kind.stores().then_some(Fault::SeenLate(looks))
}

fn seen_in_ecr_after(request_kind: &RequestKind, looks: usize) -> Option<EcrFault> {
    let looks = looks.try_into().unwrap();
    request_kind.stores().then_some(EcrFault::SeenLate { looks, millis: 0 })
}

/// The API tells of the caller's credentials; a registry is shown what it does not take.
fn token_expired(request_kind: &RequestKind) -> Fault {
    if !request_kind.is_api() {
        return Fault::SpoilAuthorization;
    }
    let text = "The security token included in the request is expired";
    let body = format!(r#"{{"__type":"ExpiredTokenException","message":"{text}"}}"#);
    Fault::Status { status: 400, retry_after: None, body }
}

/// The addresses that are good for a while only: those of a storage, and those of uploads.
fn url_expired(request_kind: &RequestKind) -> Option<Fault> {
    let (status, body) = match request_kind.request.as_str() {
        "GET object" => (403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"),
        "PUT upload" => {
            (404, r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"blob upload unknown to registry"}]}"#)
        }
        _ => return None,
    };
    Some(Fault::Status { status, retry_after: None, body: body.into() })
}
