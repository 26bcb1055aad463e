use std::fmt;

use super::*;

/// A manifest that is promoted with everything below it: an image of the release, or a referrer of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) repository: Repository,
    pub(crate) digest: Digest,
    /// The tag under which it is to be found; none for a referrer, which is found through its subject.
    pub(crate) tag: Option<Tag>,
    /// What it refers to: none for an image.
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
