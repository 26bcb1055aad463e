//! Pulling blobs (section "Pulling blobs" of the distribution specification), from the registry or from storage behind
//! it.

use bytes::Bytes;

use crate::answer::Answer;
use crate::profile::{Body, Head, Profile, Refusal};
use crate::request::Request;
use crate::server::Hosts;
use crate::store::Store;

/// What S3 says to a request that is signed in two ways (open-policy-agent/opa#6580); Azure has other words for it
/// (Azure/acr#217).
const TWO_WAYS: Refusal = Refusal::other(
    400,
    Body::Text("<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>"),
);
/// What S3 says to a method that was not signed.
const NOT_SIGNED: Refusal = Refusal::other(403, Body::Text("<Error><Code>SignatureDoesNotMatch</Code></Error>"));

pub(crate) fn serve(
    profile: &Profile,
    store: &Store,
    hosts: &Hosts,
    request: &Request,
    name: &str,
    digest: &str,
) -> Answer {
    let blobs = &profile.blobs;
    if let ("HEAD", Head::Refused(refusal)) = (request.method.as_str(), blobs.head) {
        return refusal.into();
    }
    let Some(bytes) = store.repositories.get(name).and_then(|repository| repository.blobs.get(digest)) else {
        return profile.absent.blob.into();
    };
    match (request.method.as_str(), blobs.redirect) {
        ("HEAD", _) if matches!(blobs.head, Head::Own) => content(profile, request, bytes, digest),
        ("GET" | "HEAD", Some(status)) => {
            Answer::redirect(status, &format!("{}/data/{name}@{digest}?signature=s%2Fs&expires=300", hosts.storage()))
        }
        ("GET" | "HEAD", None) => content(profile, request, bytes, digest),
        _ => Answer::error(405, "UNSUPPORTED", "The operation is unsupported."),
    }
}

/// What the storage behind the registry answers.
pub(crate) fn storage(profile: &Profile, store: &Store, request: &Request) -> Answer {
    if request.header("authorization").is_some() {
        return TWO_WAYS.into();
    }
    let is_signed = request.parameter("signature").as_deref() == Some("s/s");
    let is_refused = request.method == "HEAD" && matches!(profile.blobs.head, Head::RefusedByStorage);
    if !is_signed || is_refused {
        return NOT_SIGNED.into();
    }
    let named = request.path().strip_prefix("/data/").and_then(|rest| rest.rsplit_once('@'));
    let found = named.and_then(|(name, digest)| Some((store.repositories.get(name)?.blobs.get(digest)?, digest)));
    match found {
        Some((bytes, digest)) => content(profile, request, bytes, digest),
        None => Answer::new(404),
    }
}

fn content(profile: &Profile, request: &Request, bytes: &Bytes, digest: &str) -> Answer {
    let range =
        request.header("range").and_then(|range| parse(range, bytes.len())).filter(|_| profile.blobs.has_ranges);
    let answer = match range {
        Some((first, last)) => Answer::new(206)
            .with("content-range", format!("bytes {first}-{last}/{}", bytes.len()))
            .body("application/octet-stream", bytes.slice(first..=last)),
        None => Answer::new(200).body("application/octet-stream", bytes.clone()),
    };
    Answer { has_length: profile.blobs.has_length, ..answer.with("docker-content-digest", digest) }
}

/// `bytes=FIRST-LAST`, or to the end.
fn parse(range: &str, length: usize) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok()?;
    let last = if last.is_empty() { length.checked_sub(1)? } else { last.parse().ok()? };
    (first <= last && last < length).then_some((first, last))
}
