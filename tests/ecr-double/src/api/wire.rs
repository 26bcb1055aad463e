//! Reading inputs, and what all operations on a repository share.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::Call;
use crate::names::is_repository;
use crate::refusal::Refusal;

/// Input of operations that take a repository and nothing else the double heeds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InRepository {
    pub(super) repository_name: Option<String>,
}

pub(super) fn read<T: DeserializeOwned>(input: Value) -> Result<T, Refusal> {
    serde_json::from_value(input).map_err(|error| Refusal::new("SerializationException", error.to_string()))
}

/// The name of an existing repository on which the caller may do `action`.
pub(super) fn repository(call: &Call, name: Option<&str>, action: &str) -> Result<String, Refusal> {
    let name = name.ok_or_else(|| Refusal::parameter("repositoryName", "Member must not be null"))?;
    if !is_repository(name) {
        return Err(Refusal::parameter("repositoryName", "must satisfy the repository name regular expression"));
    }
    call.authorise(action, Some(name))?;
    call.world.store.with(&call.registry, |state| state.repository(name, &call.registry).map(|_| ()))?;
    Ok(name.to_owned())
}

/// A list whose length the service model bounds.
pub(super) fn bounded<T>(name: &str, list: &[T], max: usize) -> Result<(), Refusal> {
    if (1..=max).contains(&list.len()) {
        return Ok(());
    }
    Err(Refusal::parameter(name, &format!("Member must have length between 1 and {max}, inclusive")))
}

pub(super) fn required<T>(name: &str, value: Option<T>) -> Result<T, Refusal> {
    value.ok_or_else(|| Refusal::parameter(name, "Member must not be null"))
}

/// Collects the tags and digests an input names, for the log and for faults.
pub(super) fn references(input: &Value, into: &mut Vec<String>) {
    const ONE: [&str; 4] = ["imageTag", "imageDigest", "layerDigest", "uploadId"];
    let mut note = |value: &Value| into.extend(value.as_str().map(str::to_owned));
    for name in ONE {
        input.get(name).into_iter().for_each(&mut note);
    }
    input.get("layerDigests").and_then(Value::as_array).into_iter().flatten().for_each(&mut note);
    let ids = input.get("imageIds").and_then(Value::as_array).into_iter().flatten();
    for id in ids.chain(input.get("imageId")).chain(input.get("subjectId")) {
        ONE.iter().filter_map(|name| id.get(*name)).for_each(&mut note);
    }
}
