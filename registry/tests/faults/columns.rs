use proxy::Fault;

use crate::foreign::Foreign;
use crate::yard::Place;

/// Something that can go wrong with a request.
pub(crate) struct Column {
    /// In the words of the table.
    pub(crate) title: &'static str,
    /// Whether it makes a client wait: it is given little time then.
    pub(crate) waits: bool,
    /// What the proxy does; none where there is nothing to do.
    pub(crate) fault: fn(&Place, &Foreign) -> Option<Fault>,
}

const fn column(title: &'static str, fault: fn(&Place, &Foreign) -> Option<Fault>) -> Column {
    Column { title, waits: false, fault }
}

const fn waiting(title: &'static str, fault: fn(&Place, &Foreign) -> Option<Fault>) -> Column {
    Column { title, waits: true, fault }
}

pub(crate) const COLUMNS: &[Column] = &[
    column("429", |_, _| Some(Fault::status(429))),
    column("429 with Retry-After", |_, _| {
        Some(Fault::Status { status: 429, retry_after: Some("1".into()), body: String::new() })
    }),
    column("500", |_, _| Some(Fault::status(500))),
    column("502", |_, _| Some(Fault::status(502))),
    column("503", |_, _| Some(Fault::status(503))),
    column("404", |_, _| Some(Fault::status(404))),
    column("connection reset before the request", |_, _| Some(Fault::Reset)),
    column("carried out, answer lost", |_, _| Some(Fault::LoseAnswer)),
    column("carried out twice", |_, _| Some(Fault::Twice)),
    waiting("no answer", |_, _| Some(Fault::Hang)),
    column("request cut", |_, _| Some(Fault::CutRequest)),
    waiting("request stalled", |_, _| Some(Fault::StallRequest)),
    column("request with a flipped bit", |_, _| Some(Fault::FlipRequest)),
    column("answer cut", |_, _| Some(Fault::CutAnswer)),
    waiting("answer stalled", |_, _| Some(Fault::StallAnswer)),
    column("answer with a flipped bit", |_, _| Some(Fault::FlipAnswer)),
    column("answer announced shorter than it is", |_, _| Some(Fault::AnnounceLess)),
    column("answer announced longer than it is", |_, _| Some(Fault::AnnounceMore)),
    column("token expired", |place, _| Some(token_expired(place))),
    column("URL expired", |place, _| url_expired(place)),
    column("307 to a foreign origin", |_, foreign| Some(Fault::Redirect(foreign.url()))),
];

/// The API tells of the caller's credentials; a registry is shown what it does not take.
fn token_expired(place: &Place) -> Fault {
    if !place.is_api() {
        return Fault::SpoilAuthorization;
    }
    let text = "The security token included in the request is expired";
    let body = format!(r#"{{"__type":"ExpiredTokenException","message":"{text}"}}"#);
    Fault::Status { status: 400, retry_after: None, body }
}

/// The addresses that are good for a while only: those of a storage, and those of uploads.
fn url_expired(place: &Place) -> Option<Fault> {
    let (status, body) = match place.request.as_str() {
        "GET object" => (403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"),
        "PUT upload" => {
            (404, r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"blob upload unknown to registry"}]}"#)
        }
        _ => return None,
    };
    Some(Fault::Status { status, retry_after: None, body: body.into() })
}
