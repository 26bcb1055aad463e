use aws_sdk_ecr::types::{ImageReferrer, SubjectIdentifier};
use oci::text::sanitize_line;
use oci::{Descriptor, Digest, Repository};
use promotion::{Error, Name, ReferrerList, Referrers};

use super::Ecr;
use super::sdk::failure;
use crate::error_kind::ErrorKind;
use crate::http::Failure;
use crate::operation::Endpoint as _;

/// The most that one answer holds (`maxResults` of ListImageReferrers).
const PAGE: i32 = 50;
/// More pages than this are no list, but a loop.
const PAGES: usize = 1000;
/// The action of IAM behind ListImageReferrers (Amazon ECR API Reference).
const ACTION: &str = "ecr:BatchGetImage";

impl Ecr {
    /// The manifests whose subject is this one: none where ECR does not know the subject. Where it cannot ask the upstream
    /// of a pull-through cache (`UnableToListUpstreamImageReferrersException`), what it has itself is no answer.
    pub(super) async fn list_image_referrers(
        &self,
        repository: &Repository,
        subject: Digest,
    ) -> Result<Referrers, Error> {
        let operation =
            self.endpoint().operation(ACTION, Some(repository), format!("listing what refers to {subject}"));
        let unbuildable = |error| operation.error(Name::InvalidInput, &format!("{error}"));
        let id = SubjectIdentifier::builder().image_digest(subject.to_string()).build().map_err(unbuildable)?;
        let mut found = ReferrerList::default();
        let mut next = None;
        for _ in 0..PAGES {
            let request = self.api().await?.list_image_referrers();
            let request = request.registry_id(&self.registry_id().account).repository_name(repository.as_str());
            let answer = request.subject_id(id.clone()).max_results(PAGE).set_next_token(next).send().await;
            let answer = match answer.map_err(failure) {
                Ok(answer) => answer,
                Err(Failure::Refused(refusal)) if ErrorKind::of(&refusal) == ErrorKind::ImageNotFound => {
                    return Ok(Referrers::Listed(found));
                }
                Err(Failure::Refused(refusal)) if ErrorKind::of(&refusal) == ErrorKind::Upstream => {
                    return Ok(Referrers::Unclear(operation.refused(&refusal)));
                }
                Err(failure) => return Err(operation.failed(failure)),
            };
            for referrer in answer.referrers() {
                match descriptor(referrer) {
                    Ok(descriptor) => found.manifests.push(descriptor),
                    Err(other) => found.others.push(other),
                }
            }
            next = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if next.is_none() {
                return Ok(Referrers::Listed(found));
            }
        }
        Err(operation.error(Name::UnexpectedAnswer, &format!("the list goes on after {PAGES} pages")))
    }
}

/// A digest that is not SHA-256 where it is no descriptor.
fn descriptor(referrer: &ImageReferrer) -> Result<Descriptor, Box<str>> {
    let other = |_| sanitize_line(referrer.digest()).into_boxed_str();
    let digest: Digest = referrer.digest().parse().map_err(other)?;
    let size = u64::try_from(referrer.size()).unwrap_or_default();
    Ok(Descriptor { media_type: referrer.media_type().into(), digest, size, platform: None })
}
