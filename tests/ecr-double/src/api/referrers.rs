//! ListImageReferrers. The IAM action is `ecr:BatchGetImage`
//! (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImageReferrers.html>).

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::describe::with_next;
use super::paging::Page;
use super::wire;
use crate::call::Call;
use crate::digest::is_digest;
use crate::images::ImageId;
use crate::pull_through;
use crate::refusal::Refusal;
use crate::store::{Image, Repository, Status};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Filter {
    artifact_types: Option<Vec<String>>,
    artifact_status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    repository_name: Option<String>,
    subject_id: Option<ImageId>,
    filter: Option<Filter>,
    #[serde(flatten)]
    page: Page,
}

pub(super) fn list(call: &Call, input: Input) -> Result<Value, Refusal> {
    let subject = wire::required("subjectId", input.subject_id)?;
    let subject = wire::required("subjectId.imageDigest", subject.image_digest)?;
    if !is_digest(&subject) {
        return Err(Refusal::parameter("subjectId.imageDigest", "must be a valid digest"));
    }
    let name = wire::repository(call, input.repository_name.as_deref(), "ecr:BatchGetImage")?;
    let filter = input.filter.unwrap_or_default();
    let upstream = pull_through::referrers(&call.world, &call.registry, &name, &subject);
    call.world.store.with(&call.registry, |state| {
        let repository = state.repository(&name, &call.registry)?.listed();
        let upstream = upstream.iter().filter(|image| !repository.images.contains_key(&image.digest));
        let all = of(&repository, &subject).chain(upstream);
        let found = all.filter(|image| filter.keeps(image)).map(describe).collect();
        let (page, next) = input.page.cut(found, 20, 50)?;
        Ok(with_next(json!({ "referrers": page }), next))
    })
}

impl Filter {
    fn keeps(&self, image: &Image) -> bool {
        let of_type = self
            .artifact_types
            .as_ref()
            .is_none_or(|types| image.artifact_type.as_ref().is_some_and(|own| types.iter().any(|one| one == own)));
        let in_status = match self.artifact_status.as_deref() {
            None | Some("ACTIVE") => image.status == Status::Active,
            Some("ANY") => true,
            Some(wanted) => json!(image.status) == wanted,
        };
        of_type && in_status
    }
}

/// The images of a repository that name `subject`.
pub(crate) fn of<'a>(repository: &'a Repository, subject: &'a str) -> impl Iterator<Item = &'a Image> {
    repository.images.values().filter(move |image| image.subject.as_deref() == Some(subject))
}

fn describe(image: &Image) -> Value {
    let mut described = Map::new();
    described.insert("digest".to_owned(), json!(image.digest));
    described.insert("mediaType".to_owned(), json!(image.media_type));
    described.insert("size".to_owned(), json!(image.size));
    described.insert("artifactStatus".to_owned(), json!(image.status));
    if let Some(artifact_type) = &image.artifact_type {
        described.insert("artifactType".to_owned(), json!(artifact_type));
    }
    if !image.annotations.is_empty() {
        described.insert("annotations".to_owned(), json!(image.annotations));
    }
    Value::Object(described)
}
