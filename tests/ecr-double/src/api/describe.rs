//! DescribeImages, ListImages and DescribeRepositories.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::paging::Page;
use super::wire;
use crate::call::Call;
use crate::images::{self, ImageId};
use crate::names::RegistryId;
use crate::names::is_repository;
use crate::refusal::Refusal;
use crate::store::{Image, Repository, Status};
use crate::world::World;
use std::sync::Arc;

/// `DescribeImagesFilter` and `ListImagesFilter`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Filter {
    tag_status: TagStatus,
    image_status: ImageStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum TagStatus {
    Tagged,
    Untagged,
    #[default]
    Any,
}

/// Without one, only images that are active are meant.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ImageStatus {
    One(Status),
    All(Any),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Any {
    Any,
}

impl Default for ImageStatus {
    fn default() -> Self {
        Self::One(Status::Active)
    }
}

impl Filter {
    fn keeps(&self, image: &Image, tagged: bool) -> bool {
        let by_tag = match self.tag_status {
            TagStatus::Tagged => tagged,
            TagStatus::Untagged => !tagged,
            TagStatus::Any => true,
        };
        let by_status = match self.image_status {
            ImageStatus::One(status) => status == image.status,
            ImageStatus::All(Any::Any) => true,
        };
        by_tag && by_status
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Images {
    repository_name: Option<String>,
    image_ids: Option<Vec<ImageId>>,
    filter: Option<Filter>,
    #[serde(flatten)]
    page: Page,
}

/// One unknown image fails the whole call
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html>).
pub(super) fn images(call: &Call, input: Images) -> Result<Value, Refusal> {
    if let Some(ids) = &input.image_ids {
        wire::bounded("imageIds", ids, 100)?;
        if input.page.next_token.is_some() || input.page.max_results.is_some() {
            return Err(Refusal::invalid("imageIds cannot be combined with nextToken or maxResults"));
        }
    }
    let name = wire::repository(call, input.repository_name.as_deref(), "ecr:DescribeImages")?;
    call.world.store.with(&call.registry, |state| {
        let repository = &*state.repository(&name, &call.registry)?.listed();
        let account = &call.registry.account;
        if let Some(ids) = input.image_ids {
            let mut details = Vec::new();
            for id in &ids {
                let image = images::find(repository, id).map_err(|_| no_image(id, &name, account))?;
                details.push(detail(repository, image, account));
            }
            return Ok(json!({ "imageDetails": details }));
        }
        let filter = input.filter.unwrap_or_default();
        let kept = repository
            .images
            .values()
            .filter(|image| filter.keeps(image, repository.tags_of(&image.digest).next().is_some()));
        let (page, next) = input.page.cut(kept.collect(), 100, 1000)?;
        let details: Vec<Value> = page.into_iter().map(|image| detail(repository, image, account)).collect();
        Ok(with_next(json!({ "imageDetails": details }), next))
    })
}

pub(super) fn no_image(id: &ImageId, name: &str, account: &str) -> Refusal {
    let (digest, tag) = (id.image_digest.as_deref().unwrap_or("null"), id.image_tag.as_deref().unwrap_or("null"));
    let message = format!(
        "The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist within the repository with \
         name '{name}' in the registry with id '{account}'"
    );
    Refusal::new("ImageNotFoundException", message)
}

fn detail(repository: &Repository, image: &Image, account: &str) -> Value {
    let mut detail = Map::new();
    let mut put = |name: &str, value: Value| detail.insert(name.to_owned(), value);
    put("registryId", json!(account));
    put("repositoryName", json!(repository.name));
    put("imageDigest", json!(image.digest));
    put("imageSizeInBytes", json!(image.total_size));
    put("imagePushedAt", json!(image.pushed_at));
    put("imageManifestMediaType", json!(image.media_type));
    put("imageStatus", json!(image.status));
    let tags: Vec<&str> = repository.tags_of(&image.digest).collect();
    if !tags.is_empty() {
        put("imageTags", json!(tags));
    }
    if let Some(artifact_type) = &image.artifact_type {
        put("artifactMediaType", json!(artifact_type));
    }
    if let Some(subject) = &image.subject {
        put("subjectManifestDigest", json!(subject));
    }
    Value::Object(detail)
}

pub(super) fn with_next(mut output: Value, next: Option<String>) -> Value {
    if let (Some(members), Some(next)) = (output.as_object_mut(), next) {
        members.insert("nextToken".to_owned(), json!(next));
    }
    output
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct List {
    repository_name: Option<String>,
    filter: Option<Filter>,
    #[serde(flatten)]
    page: Page,
}

/// One entry per tag, and one for each untagged image
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImages.html>).
pub(super) fn list(call: &Call, input: List) -> Result<Value, Refusal> {
    let name = wire::repository(call, input.repository_name.as_deref(), "ecr:ListImages")?;
    let filter = input.filter.unwrap_or_default();
    call.world.store.with(&call.registry, |state| {
        let repository = state.repository(&name, &call.registry)?.listed();
        let mut ids = Vec::new();
        for image in repository.images.values() {
            let tags: Vec<&str> = repository.tags_of(&image.digest).collect();
            if !filter.keeps(image, !tags.is_empty()) {
                continue;
            }
            let id = |tag: Option<&str>| ImageId {
                image_digest: Some(image.digest.clone()),
                image_tag: tag.map(str::to_owned),
            };
            ids.extend(tags.iter().map(|tag| id(Some(tag))));
            if tags.is_empty() {
                ids.push(id(None));
            }
        }
        let (page, next) = input.page.cut(ids, 100, 1000)?;
        Ok(with_next(json!({ "imageIds": page }), next))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Repositories {
    repository_names: Option<Vec<String>>,
    #[serde(flatten)]
    page: Page,
}

/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRepositories.html>
pub(super) fn repositories(call: &Call, input: Repositories) -> Result<Value, Refusal> {
    const ACTION: &str = "ecr:DescribeRepositories";
    if let Some(names) = &input.repository_names {
        wire::bounded("repositoryNames", names, 100)?;
        if input.page.next_token.is_some() || input.page.max_results.is_some() {
            return Err(Refusal::invalid("repositoryNames cannot be combined with nextToken or maxResults"));
        }
        for name in names {
            if !is_repository(name) {
                return Err(Refusal::parameter(
                    "repositoryNames",
                    "must satisfy the repository name regular expression",
                ));
            }
            call.authorise(ACTION, Some(name))?;
        }
    } else {
        call.authorise(ACTION, None)?;
    }
    let host = call.world.host(&call.registry)?;
    call.world.store.with(&call.registry, |state| {
        let found: Vec<&Repository> = match &input.repository_names {
            Some(names) => names.iter().map(|name| state.repository(name, &call.registry)).collect::<Result<_, _>>()?,
            None => state.repositories.values().collect(),
        };
        let (page, next) = match input.repository_names {
            Some(_) => (found, None),
            None => input.page.cut(found, 100, 1000)?,
        };
        let page: Vec<Value> = page.into_iter().map(|one| describe(one, &call.registry, &host)).collect();
        Ok(with_next(json!({ "repositories": page }), next))
    })
}

/// A repository as the API describes it.
pub(crate) fn describe_repository(world: &Arc<World>, id: &RegistryId, name: &str) -> Result<Value, Refusal> {
    let host = world.host(id)?;
    world.store.with(id, |state| Ok(describe(state.repository(name, id)?, id, &host)))
}

fn describe(repository: &Repository, id: &RegistryId, host: &str) -> Value {
    let filters = &repository.mutability.exclusions;
    let mut described = json!({
        "repositoryArn": id.repository_arn(&repository.name),
        "registryId": id.account,
        "repositoryName": repository.name,
        "repositoryUri": format!("{host}/{}", repository.name),
        "createdAt": repository.created_at,
        "imageTagMutability": repository.mutability.mode,
        "imageScanningConfiguration": { "scanOnPush": false },
        "encryptionConfiguration": repository.encryption,
    });
    if let (Some(members), false) = (described.as_object_mut(), filters.is_empty()) {
        let filters: Vec<Value> =
            filters.iter().map(|filter| json!({ "filterType": "WILDCARD", "filter": filter })).collect();
        members.insert("imageTagMutabilityExclusionFilters".to_owned(), json!(filters));
    }
    described
}
