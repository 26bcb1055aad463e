//! Listing referrers (section "Listing Referrers" of the distribution specification).

use image_fixtures::media_type::OCI_INDEX;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::profile::{Profile, Referrers};
use crate::request::Request;
use crate::seen::Surface;
use crate::server::Hosts;
use crate::store::{Manifest, Store};

/// Where a registry leads that keeps no list and has a page for people instead.
pub(crate) const PAGE: &str = "/page/packages";

pub(crate) fn list(
    profile: &Profile,
    store: &Store,
    hosts: &Hosts,
    request: &Request,
    name: &str,
    subject: &str,
) -> Answer {
    let rules = match profile.referrers {
        Referrers::Refused(refusal) => return refusal.into(),
        Referrers::LedAway(status, _) => {
            return Answer::redirect(status, &format!("{}{PAGE}", hosts.of(Surface::Backend)));
        }
        Referrers::Listed(rules) => rules,
    };
    if let Some(refusal) = rules.wants_index.filter(|_| !request.accepts(OCI_INDEX)) {
        return refusal.into();
    }
    let repository = store.repositories.get(name);
    if let Some(refusal) = rules.absent_subject
        && !repository.is_some_and(|repository| repository.manifests.contains_key(subject))
    {
        return refusal.into();
    }
    let mut all = Vec::new();
    for (digest, manifest) in repository.into_iter().flat_map(|repository| repository.referrers(subject)) {
        let is_tagged = repository.is_some_and(|held| held.tags.values().any(|tag| tag.digest == *digest));
        let times = if rules.has_duplicates && is_tagged { 2 } else { 1 };
        all.extend(std::iter::repeat_n(entry(digest, manifest), times));
    }
    let filter = request.parameter("artifactType");
    if let Some(kind) = &filter {
        all.retain(|entry| entry["artifactType"] == kind.as_str());
    }
    let start = request.parameter("last").and_then(|last| last.parse::<usize>().ok()).unwrap_or_default();
    let end = start.saturating_add(rules.page).min(all.len());
    let page = all.get(start..end).unwrap_or_default();
    let manifests = if page.is_empty() && rules.none_is_null { Value::Null } else { json!(page) };
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests });
    let mut answer = Answer::new(200).body(OCI_INDEX, index.to_string());
    if filter.is_some() {
        answer = answer.with("oci-filters-applied", "artifactType");
    }
    if end < all.len() {
        answer = answer.with("link", format!("<{}?last={end}>; rel=\"next\"", request.path()));
    }
    answer
}

fn entry(digest: &str, manifest: &Manifest) -> Value {
    let Manifest { media_type, bytes, json, .. } = manifest;
    let kind = json["artifactType"].as_str().or_else(|| json["config"]["mediaType"].as_str());
    let mut entry = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len(), "artifactType": kind });
    if let (Some(fields), Some(annotations)) = (entry.as_object_mut(), json.get("annotations")) {
        fields.insert("annotations".into(), annotations.clone());
    }
    entry
}
