use proxy::Fault;

use crate::foreign::Foreign;
use crate::setup::RequestKind;

/// Something that can go wrong with a request.
pub(crate) struct FaultKind {
    /// In the words of the table.
    pub(crate) title: &'static str,
    /// Whether it makes a client wait: it is given little time then.
    pub(crate) waits: bool,
    /// What the proxy does; none where there is nothing to do.
    pub(crate) fault: fn(&RequestKind, &Foreign) -> Option<Fault>,
}

const fn fault_kind(title: &'static str, fault: fn(&RequestKind, &Foreign) -> Option<Fault>) -> FaultKind {
    FaultKind { title, waits: false, fault }
}

const fn waiting(title: &'static str, fault: fn(&RequestKind, &Foreign) -> Option<Fault>) -> FaultKind {
    FaultKind { title, waits: true, fault }
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
];

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
