//! DescribeRepositories: which repositories exist, which of their tags are immutable, and how they are encrypted.

use std::collections::HashMap;

use aws_sdk_ecr::types::{EncryptionType, ImageTagMutability, Repository as Described};
use oci::Repository;
use promotion::{Error, ImmutableTags, RepositorySettings};

use super::Ecr;
use super::sdk::failure;
use crate::error_kind::ErrorKind;
use crate::http::{Failure, Refusal};
use crate::operation::Endpoint as _;

/// What DescribeRepositories takes at once.
const BATCH: usize = 100;

/// The largest layer ECR stores: 52,000 MiB (User Guide, "Service quotas"). An empty one it refuses
/// (devcontainers/cli#815).
const MAX_LAYER_BYTES: u64 = 52_000 << 20;

impl Ecr {
    /// The settings of repositories. ECR refuses the whole request when one of them does not exist, and names it: then
    /// the others are asked for again without it.
    pub(super) async fn describe_repositories(
        &self,
        repositories: &[Repository],
    ) -> Result<Vec<Option<RepositorySettings>>, Error> {
        let mut found = HashMap::new();
        let mut questions: Vec<Vec<&Repository>> =
            repositories.chunks(BATCH).map(|some| some.iter().collect()).collect();
        while let Some(mut asked) = questions.pop() {
            match self.describe(&asked).await? {
                BatchSettings::All(settings) => found.extend(settings),
                BatchSettings::Missing(refusal) => {
                    if let Some(missing) = asked.iter().position(|name| is_named(name, &refusal.message)) {
                        asked.swap_remove(missing);
                    } else if asked.len() > 1 {
                        questions.push(asked.split_off(asked.len() / 2));
                    } else {
                        asked.clear();
                    }
                    questions.extend((!asked.is_empty()).then_some(asked));
                }
            }
        }
        Ok(repositories.iter().map(|repository| found.get(repository.as_str()).cloned()).collect())
    }

    async fn describe(&self, repositories: &[&Repository]) -> Result<BatchSettings, Error> {
        let (repository, doing) = match repositories {
            [one] => (Some(*one), "reading the settings".into()),
            many => (None, format!("reading the settings of {} repositories", many.len())),
        };
        let operation = self.endpoint().operation("ecr:DescribeRepositories", repository, doing);
        let answer = self
            .api()
            .await?
            .describe_repositories()
            .registry_id(&self.registry_id().account)
            .set_repository_names(Some(repositories.iter().map(|name| name.as_str().to_owned()).collect()))
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(BatchSettings::All(answer.repositories().iter().filter_map(settings).collect())),
            Err(error) => match failure(error) {
                Failure::Refused(refusal) if ErrorKind::of(&refusal) == ErrorKind::RepositoryNotFound => {
                    Ok(BatchSettings::Missing(refusal))
                }
                failure => Err(operation.failed(failure)),
            },
        }
    }
}

/// What ECR says of several repositories at once.
enum BatchSettings {
    All(Vec<(String, RepositorySettings)>),
    /// One of them does not exist, and the message names it.
    Missing(Box<Refusal>),
}

/// "The repository with name 'myapp/api' does not exist in the registry with id '111122223333'"
fn is_named(repository: &Repository, message: &str) -> bool {
    message.contains(&format!("'{repository}'"))
}

fn settings(described: &Described) -> Option<(String, RepositorySettings)> {
    let patterns =
        || described.image_tag_mutability_exclusion_filters().iter().map(|filter| filter.filter().to_owned()).collect();
    let immutable_tags = match described.image_tag_mutability() {
        None | Some(ImageTagMutability::Mutable) => ImmutableTags::Only(Vec::new()),
        Some(ImageTagMutability::MutableWithExclusion) => ImmutableTags::Only(patterns()),
        Some(ImageTagMutability::ImmutableWithExclusion) => ImmutableTags::AllBut(patterns()),
        // A setting from after this was written had better be taken for the strict one.
        Some(_) => ImmutableTags::AllBut(Vec::new()),
    };
    let encryption = match described.encryption_configuration() {
        None => EncryptionType::Aes256.as_str().to_owned(),
        Some(encryption) => match encryption.kms_key() {
            Some(key) => format!("{}:{key}", encryption.encryption_type().as_str()),
            None => encryption.encryption_type().as_str().to_owned(),
        },
    };
    Some((
        described.repository_name()?.to_owned(),
        RepositorySettings { immutable_tags, encryption, blob_bytes: 1..=MAX_LAYER_BYTES },
    ))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecr::types::{
        EncryptionConfiguration, ImageTagMutabilityExclusionFilter, ImageTagMutabilityExclusionFilterType,
    };

    use super::*;

    #[test]
    fn reads_mutability_and_encryption() {
        let filter = ImageTagMutabilityExclusionFilter::builder()
            .filter_type(ImageTagMutabilityExclusionFilterType::Wildcard)
            .filter("dev-*")
            .build()
            .unwrap();
        let read = |mutability: ImageTagMutability| {
            let described = Described::builder()
                .repository_name("r")
                .image_tag_mutability(mutability)
                .image_tag_mutability_exclusion_filters(filter.clone())
                .encryption_configuration(
                    EncryptionConfiguration::builder()
                        .encryption_type(EncryptionType::Kms)
                        .kms_key("k")
                        .build()
                        .unwrap(),
                )
                .build();
            settings(&described).unwrap().1
        };
        let patterns = || vec!["dev-*".to_owned()];
        for (mutability, immutable_tags) in [
            (ImageTagMutability::Mutable, ImmutableTags::Only(vec![])),
            (ImageTagMutability::Immutable, ImmutableTags::AllBut(vec![])),
            (ImageTagMutability::MutableWithExclusion, ImmutableTags::Only(patterns())),
            (ImageTagMutability::ImmutableWithExclusion, ImmutableTags::AllBut(patterns())),
            (ImageTagMutability::from("NEW"), ImmutableTags::AllBut(vec![])),
        ] {
            let read = read(mutability);
            assert_eq!((read.immutable_tags, read.encryption.as_str()), (immutable_tags, "KMS:k"));
        }
        assert_eq!(settings(&Described::builder().repository_name("r").build()).unwrap().1.encryption, "AES256");
    }

    #[test]
    fn the_missing_repository_is_named_in_quotes() {
        let message = "The repository with name 'myapp/api' does not exist in the registry with id '111122223333'";
        assert!(is_named(&"myapp/api".parse().unwrap(), message));
        assert!(!is_named(&"api".parse().unwrap(), message));
    }
}
