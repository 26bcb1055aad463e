//! DescribeImageScanFindings, with results that a test sets.

use serde::Deserialize;
use serde_json::{Value, json};

use super::describe::no_image;
use super::wire;
use crate::call::Call;
use crate::images::{self, ImageId};
use crate::refusal::Refusal;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    repository_name: Option<String>,
    image_id: Option<ImageId>,
}

/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html>
pub(super) fn findings(call: &Call, input: Input) -> Result<Value, Refusal> {
    let id = wire::required("imageId", input.image_id)?;
    let name = wire::repository(call, input.repository_name.as_deref(), "ecr:DescribeImageScanFindings")?;
    call.world.store.with(&call.registry, |state| {
        let repository = state.repository(&name, &call.registry)?;
        let account = &call.registry.account;
        let image = images::find(repository, &id).map_err(|_| no_image(&id, &name, account))?;
        let scan = repository.scans.get(&image.digest).ok_or_else(|| {
            let message = format!(
                "Image scan does not exist for the image with '{{imageDigest:'{}'}}' in the repository with name '{name}' in \
                 the registry with id '{account}'",
                image.digest
            );
            Refusal::new("ScanNotFoundException", message)
        })?;
        let mut answer = json!({
            "registryId": account, "repositoryName": name,
            "imageId": ImageId { image_digest: Some(image.digest.clone()), image_tag: id.image_tag.clone() },
        });
        if let (Some(members), Some(scan)) = (answer.as_object_mut(), scan.as_object()) {
            members.extend(scan.clone());
        }
        Ok(answer)
    })
}
