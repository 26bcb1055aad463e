//! Listing tags (section "Listing Tags" of the distribution specification).

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::profile::{Link, Profile};
use crate::request::Request;
use crate::server::Hosts;
use crate::store::Store;

pub(crate) fn list(profile: &Profile, store: &Store, hosts: &Hosts, request: &Request, name: &str) -> Answer {
    let rules = &profile.tags;
    if let Some(refusal) = rules.refused {
        return refusal.into();
    }
    if let Some(refusal) = rules.wants_json.filter(|_| !request.accepts_or_any("application/json")) {
        return refusal.into();
    }
    let asked = request.parameter("n").and_then(|n| n.parse::<usize>().ok());
    if let (Some(refusal), Some(asked)) = (rules.too_many, asked)
        && asked > rules.page
    {
        return refusal.into();
    }
    let Some(repository) = store.repositories.get(name) else { return profile.absent.repository.into() };
    let page = asked.unwrap_or(rules.page).min(rules.page);
    let place = match rules.link {
        Link::Relative | Link::Absolute => "last",
        Link::Opaque(parameter) => parameter,
    };
    let after = request.parameter(place).map(|value| value.trim_start_matches("opaque-").to_owned());
    let rest: Vec<_> = repository.tags.keys().filter(|tag| Some(*tag) > after.as_ref()).collect();
    let on_page: Vec<_> = rest.iter().take(page).collect();
    let tags = if on_page.is_empty() && rules.none_is_null { Value::Null } else { json!(on_page) };
    let answer = Answer::json(200, &json!({ "name": name, "tags": tags }));
    let Some(last) = on_page.last().filter(|_| rest.len() > on_page.len()) else { return answer };
    let path = format!("/v2/{name}/tags/list");
    let next = match rules.link {
        Link::Relative => format!("{path}?last={last}&n={page}"),
        Link::Absolute => format!("{}{path}?last={last}&n={page}", hosts.of(request.surface)),
        Link::Opaque(parameter) => format!("{path}?{parameter}=opaque-{last}&n={page}"),
    };
    answer.with("link", format!("<{next}>; rel=\"next\""))
}
