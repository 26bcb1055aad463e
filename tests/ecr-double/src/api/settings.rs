//! GetAccountSetting and PutAccountSetting.

use serde::Deserialize;
use serde_json::{Value, json};

use super::wire;
use crate::call::Call;
use crate::refusal::Refusal;

/// The settings, their values, the default first. Blob mounting is off until an account switches it on
/// (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/blob-mounting.html>).
const SETTINGS: [(&str, &[&str]); 3] = [
    ("BLOB_MOUNTING", &["DISABLED", "ENABLED"]),
    ("BASIC_SCAN_TYPE_VERSION", &["AWS_NATIVE", "CLAIR"]),
    ("REGISTRY_POLICY_SCOPE", &["V2"]),
];

#[derive(Deserialize)]
pub(super) struct Get {
    name: Option<String>,
}

/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAccountSetting.html>
pub(super) fn get(call: &Call, input: Get) -> Result<Value, Refusal> {
    let name = wire::required("name", input.name)?;
    let values = values(&name)?;
    call.authorise("ecr:GetAccountSetting", None)?;
    let set = call.world.store.with(&call.registry, |state| state.settings.get(&name).cloned());
    let value = set.as_deref().or_else(|| values.first().copied());
    Ok(json!({ "name": name, "value": value }))
}

#[derive(Deserialize)]
pub(super) struct Put {
    name: Option<String>,
    value: Option<String>,
}

/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutAccountSetting.html>
pub(super) fn put(call: &Call, input: Put) -> Result<Value, Refusal> {
    let (name, value) = (wire::required("name", input.name)?, wire::required("value", input.value)?);
    if !values(&name)?.contains(&value.as_str()) {
        return Err(Refusal::new("ValidationException", format!("{value} is not a value of {name}")));
    }
    call.authorise("ecr:PutAccountSetting", None)?;
    call.world.store.with(&call.registry, |state| state.set(&name, &value));
    Ok(json!({ "name": name, "value": value }))
}

fn values(name: &str) -> Result<&'static [&'static str], Refusal> {
    let known = SETTINGS.iter().find(|(known, _)| *known == name);
    known.map(|(_, values)| *values).ok_or_else(|| Refusal::new("ValidationException", format!("{name} is no setting")))
}
