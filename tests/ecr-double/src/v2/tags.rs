//! `tags/list`, with an opaque `last`: only the Link header leads on (drydock#927 saw 405 for a tag in `last`).

use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue, LINK};
use serde_json::json;

use super::repository;
use super::route::Route;
use crate::api::Page;
use crate::body::{Body, full};
use crate::call::Call;
use crate::refusal::Refusal;

pub(super) fn list(call: &Call, route: &Route) -> Result<Response<Body>, Refusal> {
    call.authorise("ecr:ListImages", route.repository.as_deref())?;
    let name = repository(call, route)?;
    let tags: Vec<String> = call.world.store.with(&call.registry, |state| {
        Ok::<_, Refusal>(state.repository(name, &call.registry)?.listed().tags.keys().cloned().collect())
    })?;
    let size = match route.query("n") {
        None => 100,
        // google/go-containerregistry#681: more than 1,000 is 405 UNSUPPORTED.
        Some(n) => n.parse().map_err(|_| Refusal::parameter("maxResults", "must be a number"))?,
    };
    let last = route.query("last").map(str::to_owned);
    let page = Page { next_token: last, max_results: Some(size) };
    let (tags, next) = page.cut(tags, 100, 1000)?;
    let mut response = Response::new(full(json!({ "name": name, "tags": tags }).to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(next) = next {
        let link = format!("</v2/{name}/tags/list?last={next}&n={size}>; rel=\"next\"");
        response.headers_mut().insert(LINK, HeaderValue::from_str(&link).map_err(Refusal::server)?);
    }
    Ok(response)
}
