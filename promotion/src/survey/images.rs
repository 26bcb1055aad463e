use std::fmt;

use serde::Serialize;

use super::*;

/// An image of a release whose tag is pinned to a digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PinnedImage {
    /// The repository, in the source and in every target.
    pub repository: Repository,
    /// The tag.
    pub tag: Tag,
    /// What is promoted, whatever becomes of the tag in the source.
    pub digest: Digest,
    /// The CloudFormation parameter that receives the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<Parameter>,
    /// The platforms that have to exist: judged when the image is pinned, and not handed on.
    #[serde(skip)]
    pub platforms: Vec<Platform>,
}

/// A manifest that is promoted with everything below it: an image of the release, or something that hangs on one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) repository: Repository,
    pub(crate) digest: Digest,
    /// The tag under which it is to be found; none for a referrer, which is found through its subject.
    pub(crate) tag: Option<Tag>,
    /// What it hangs on: none for an image.
    pub(crate) subject: Option<Digest>,
}

impl Root {
    pub(crate) fn image(image: &PinnedImage) -> Self {
        let (repository, tag) = (image.repository.clone(), Some(image.tag.clone()));
        Self { repository, digest: image.digest, tag, subject: None }
    }
}

/// `myapp/api:1.0`, or `myapp/api@sha256:...` where there is no tag.
impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tag {
            Some(tag) => write!(f, "{}:{tag}", self.repository),
            None => write!(f, "{}@{}", self.repository, self.digest),
        }
    }
}

impl fmt::Display for PinnedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}
