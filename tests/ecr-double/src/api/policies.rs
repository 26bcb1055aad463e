//! Repository policies and lifecycle policies. Lifecycle policies are kept, not carried out.

use serde::Deserialize;
use serde_json::{Value, json};

use super::wire::{self, InRepository};
use crate::call::Call;
use crate::guard::policy;
use crate::refusal::Refusal;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Set {
    repository_name: Option<String>,
    policy_text: Option<String>,
}

/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html>
pub(super) fn set(call: &Call, input: Set) -> Result<Value, Refusal> {
    let text = wire::required("policyText", input.policy_text)?;
    let name = wire::repository(call, input.repository_name.as_deref(), "ecr:SetRepositoryPolicy")?;
    policy::check(&text)?;
    call.world.store.with(&call.registry, |state| {
        state.change(&name, &call.registry)?.policy = Some(text.clone());
        Ok(policy_answer(call, &name, &text))
    })
}

/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetRepositoryPolicy.html>
pub(super) fn get(call: &Call, input: InRepository) -> Result<Value, Refusal> {
    let name = wire::repository(call, input.repository_name.as_deref(), "ecr:GetRepositoryPolicy")?;
    call.world.store.with(&call.registry, |state| {
        let text = state.repository(&name, &call.registry)?.policy.as_deref().ok_or_else(|| no_policy(call, &name))?;
        Ok(policy_answer(call, &name, text))
    })
}

/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteRepositoryPolicy.html>
pub(super) fn delete(call: &Call, input: InRepository) -> Result<Value, Refusal> {
    let name = wire::repository(call, input.repository_name.as_deref(), "ecr:DeleteRepositoryPolicy")?;
    call.world.store.with(&call.registry, |state| {
        let text = state.change(&name, &call.registry)?.policy.take().ok_or_else(|| no_policy(call, &name))?;
        Ok(policy_answer(call, &name, &text))
    })
}

fn policy_answer(call: &Call, name: &str, text: &str) -> Value {
    json!({ "registryId": call.registry.account, "repositoryName": name, "policyText": text })
}

fn no_policy(call: &Call, name: &str) -> Refusal {
    let account = &call.registry.account;
    let message = format!(
        "Repository policy does not exist for the repository with name '{name}' in the registry with id '{account}'"
    );
    Refusal::new("RepositoryPolicyNotFoundException", message)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SetLifecycle {
    repository_name: Option<String>,
    lifecycle_policy_text: Option<String>,
}

/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutLifecyclePolicy.html>
pub(super) fn set_lifecycle(call: &Call, input: SetLifecycle) -> Result<Value, Refusal> {
    let text = wire::required("lifecyclePolicyText", input.lifecycle_policy_text)?;
    let name = wire::repository(call, input.repository_name.as_deref(), "ecr:PutLifecyclePolicy")?;
    let rules =
        serde_json::from_str::<Value>(&text).ok().and_then(|policy| policy.get("rules")?.as_array().map(Vec::len));
    if rules.is_none_or(|count| count == 0) {
        return Err(Refusal::parameter("LifecyclePolicyText", "Lifecycle policy validation failure: no rules"));
    }
    call.world.store.with(&call.registry, |state| {
        state.change(&name, &call.registry)?.lifecycle = Some(text.clone());
        Ok(lifecycle_answer(call, &name, &text))
    })
}

/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetLifecyclePolicy.html>
pub(super) fn lifecycle(call: &Call, input: InRepository) -> Result<Value, Refusal> {
    let name = wire::repository(call, input.repository_name.as_deref(), "ecr:GetLifecyclePolicy")?;
    call.world.store.with(&call.registry, |state| {
        let account = &call.registry.account;
        let text = state.repository(&name, &call.registry)?.lifecycle.as_deref().ok_or_else(|| {
            let message = format!(
                "Lifecycle policy does not exist for the repository with name '{name}' in the registry with id '{account}'"
            );
            Refusal::new("LifecyclePolicyNotFoundException", message)
        })?;
        Ok(lifecycle_answer(call, &name, text))
    })
}

fn lifecycle_answer(call: &Call, name: &str, text: &str) -> Value {
    json!({ "registryId": call.registry.account, "repositoryName": name, "lifecyclePolicyText": text })
}
