//! CreateRepository, DeleteRepository and PutImageTagMutability.

use serde::Deserialize;
use serde_json::{Value, json};

use super::describe::describe_repository;
use super::wire;
use crate::call::Call;
use crate::names::is_repository;
use crate::refusal::Refusal;
use crate::store::{Encryption, Mutability, Repository};

#[derive(Debug, Deserialize)]
pub(super) struct ExclusionFilter {
    filter: String,
    #[serde(rename = "filterType")]
    filter_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Create {
    repository_name: Option<String>,
    image_tag_mutability: Option<String>,
    image_tag_mutability_exclusion_filters: Option<Vec<ExclusionFilter>>,
    encryption_configuration: Option<Encryption>,
}

/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html>
pub(super) fn create(call: &Call, input: Create) -> Result<Value, Refusal> {
    let name = wire::required("repositoryName", input.repository_name)?;
    if !is_repository(&name) {
        return Err(Refusal::parameter("repositoryName", "must satisfy the repository name regular expression"));
    }
    call.authorise("ecr:CreateRepository", Some(&name))?;
    let mutability = mutability(input.image_tag_mutability, input.image_tag_mutability_exclusion_filters)?;
    let encryption = input.encryption_configuration.unwrap_or_default();
    call.world.store.with(&call.registry, |state| {
        if state.repositories.contains_key(&name) {
            let message = format!(
                "The repository with name '{name}' already exists in the registry with id '{}'",
                call.registry.account
            );
            return Err(Refusal::new("RepositoryAlreadyExistsException", message));
        }
        let created_at = call.world.clock.timestamp();
        state.add(Repository { name: name.clone(), created_at, mutability, encryption, ..Repository::default() });
        Ok(())
    })?;
    Ok(json!({ "repository": describe_repository(&call.world, &call.registry, &name)? }))
}

/// Checks a mode and its filters as the service model bounds them.
fn mutability(mode: Option<String>, filters: Option<Vec<ExclusionFilter>>) -> Result<Mutability, Refusal> {
    let mode = mode.unwrap_or_else(|| "MUTABLE".to_owned());
    let exclusion = match mode.as_str() {
        "MUTABLE" | "IMMUTABLE" => false,
        "MUTABLE_WITH_EXCLUSION" | "IMMUTABLE_WITH_EXCLUSION" => true,
        _ => {
            return Err(Refusal::parameter("imageTagMutability", "Member must satisfy enum value set"));
        }
    };
    let filters = filters.unwrap_or_default();
    let fits = |one: &ExclusionFilter| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'*' | b'-');
        one.filter_type == "WILDCARD" && (1..=128).contains(&one.filter.len()) && one.filter.bytes().all(allowed)
    };
    if exclusion == filters.is_empty() || filters.len() > 5 || !filters.iter().all(fits) {
        return Err(Refusal::parameter(
            "imageTagMutabilityExclusionFilters",
            "1 to 5 WILDCARD filters with an exclusion mode, none without",
        ));
    }
    Ok(Mutability { mode, exclusions: filters.into_iter().map(|one| one.filter).collect() })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delete {
    repository_name: Option<String>,
    #[serde(default)]
    force: bool,
}

/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteRepository.html>
pub(super) fn delete(call: &Call, input: Delete) -> Result<Value, Refusal> {
    let name = wire::repository(call, input.repository_name.as_deref(), "ecr:DeleteRepository")?;
    let described = describe_repository(&call.world, &call.registry, &name)?;
    call.world.store.with(&call.registry, |state| {
        if !input.force && !state.repository(&name, &call.registry)?.images.is_empty() {
            let message = format!(
                "The repository with name '{name}' in registry with id '{}' cannot be deleted because it still contains \
                 images",
                call.registry.account
            );
            return Err(Refusal::new("RepositoryNotEmptyException", message));
        }
        state.drop_repository(&name);
        Ok(json!({ "repository": described }))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SetMutability {
    repository_name: Option<String>,
    image_tag_mutability: Option<String>,
    image_tag_mutability_exclusion_filters: Option<Vec<ExclusionFilter>>,
}

/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImageTagMutability.html>
pub(super) fn set_mutability(call: &Call, input: SetMutability) -> Result<Value, Refusal> {
    let name = wire::repository(call, input.repository_name.as_deref(), "ecr:PutImageTagMutability")?;
    let mutability = mutability(
        Some(wire::required("imageTagMutability", input.image_tag_mutability)?),
        input.image_tag_mutability_exclusion_filters,
    )?;
    call.world.store.with(&call.registry, |state| {
        let repository = state.change(&name, &call.registry)?;
        repository.mutability = mutability;
        Ok(json!({
            "registryId": call.registry.account, "repositoryName": name,
            "imageTagMutability": repository.mutability.mode,
        }))
    })
}
