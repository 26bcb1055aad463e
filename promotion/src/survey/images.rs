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

impl PinnedImage {
    pub(crate) fn by_tag(&self) -> Reference {
        Reference::Tag(self.tag.clone())
    }

    pub(crate) fn by_digest(&self) -> Reference {
        Reference::Digest(self.digest)
    }
}

impl fmt::Display for PinnedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}
