use aws_sdk_ecr::types::{ListImagesFilter, TagStatus};
use oci::{Repository, Tag};
use promotion::{Error, Name};

use super::Ecr;
use super::sdk::failure;
use crate::operation::Endpoint as _;

/// The most that one answer holds (`maxResults` of ListImages).
const PAGE: i32 = 1000;

/// More pages than this are no list, but a loop: a repository holds 100,000 images, each with at most 1,000 tags
/// (Amazon ECR User Guide, "Service quotas"), and few have many.
const PAGES: usize = 1000;

impl Ecr {
    /// The tags that begin like this, of images that are not archived. ECR does not look for a beginning: the whole
    /// list is read.
    ///
    /// No template of this project allows `ecr:ListImages` yet: no promotion asks for it. What comes to use this has to
    /// add the permission.
    pub(super) async fn list_images(&self, repository: &Repository, prefix: &str) -> Result<Vec<Tag>, Error> {
        let operation = self.endpoint().operation("ecr:ListImages", Some(repository), "listing tags");
        let tagged = ListImagesFilter::builder().tag_status(TagStatus::Tagged).build();
        let mut found = Vec::new();
        let mut next = None;
        for _ in 0..PAGES {
            let request = self.api().await?.list_images();
            let request = request.registry_id(&self.registry_id().account).repository_name(repository.as_str());
            let request = request.filter(tagged.clone()).max_results(PAGE).set_next_token(next);
            let answer = request.send().await.map_err(|error| operation.failed(failure(error)))?;
            let tags = answer.image_ids().iter().filter_map(|id| id.image_tag());
            found.extend(tags.filter(|tag| tag.starts_with(prefix)).filter_map(|tag| tag.parse::<Tag>().ok()));
            next = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if next.is_none() {
                return Ok(found);
            }
        }
        Err(operation.error(Name::UnexpectedAnswer, &format!("the list goes on after {PAGES} pages")))
    }
}
