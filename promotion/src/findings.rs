//! What rules find in a survey: data, which becomes errors, warnings, or whatever else reports it.

use std::fmt;

use oci::{Digest, Platform};

use crate::{Error, Name};

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule that is broken.
    pub rule: Rule,
    /// What kind of rule that is.
    pub kind: Kind,
    /// Whether the release fails for it.
    pub level: Level,
    /// The image, or the tag, that it is about: `myapp/api:1.0`.
    pub image: String,
    /// The target in which it was found; none for what holds wherever the image is promoted.
    pub target: Option<String>,
    /// What the image is pinned to.
    pub digest: Digest,
    /// The platform that it is about; none for what concerns all.
    pub platform: Option<Platform>,
    /// What is there.
    pub found: String,
    /// What the rule wants to be there.
    pub expected: String,
    /// What to change.
    pub change: String,
    /// The waiver that lets it pass, if there is one.
    pub waived_by: Option<String>,
}

/// The rules there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// An immutable tag is never asked to move.
    ImmutableTags,
    /// The tag under which clients list the referrers of an image can move when one is added.
    ReferrerLists,
    /// The platforms that a release names exist.
    Platforms,
    /// No blob is smaller or larger than a target stores.
    BlobSizes,
}

/// What a broken rule stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A tag of a target is in the way.
    Conflict,
    /// The release is not as it is required to be.
    Policy,
    /// A registry cannot hold it.
    Limit,
}

impl Kind {
    /// The name of an error for it.
    #[must_use]
    pub fn name(self) -> Name {
        match self {
            Self::Conflict => Name::TagConflict,
            Self::Policy => Name::PolicyViolation,
            Self::Limit => Name::RegistryLimit,
        }
    }
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// It is reported, and the release goes on.
    Warning,
    /// The release fails, unless the finding is waived.
    Error,
}

impl Finding {
    /// Whether the release fails for it.
    #[must_use]
    pub fn is_violation(&self) -> bool {
        self.level == Level::Error && self.waived_by.is_none()
    }
}

/// A sentence for whoever is to change something.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, image, target, found, expected, change, .. } = self;
        f.write_str(image)?;
        match rule {
            Rule::ImmutableTags => {
                within(target.as_deref(), f)?;
                write!(f, " is immutable and holds {found}, the release wants {expected}: {change}")?;
            }
            Rule::ReferrerLists => {
                within(target.as_deref(), f)?;
                write!(f, " is immutable, and lists what refers to {found}: {expected}. {change}")?;
            }
            Rule::Platforms => write!(f, " has no image for {expected}, only for {found}: {change}")?,
            Rule::BlobSizes => write!(f, ": {found}, and {expected}: {change}")?,
        }
        match &self.waived_by {
            Some(waiver) => write!(f, " (waived by {waiver})"),
            None => Ok(()),
        }
    }
}

fn within(target: Option<&str>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    target.map_or(Ok(()), |target| write!(f, " in {target}"))
}

impl From<&Finding> for Error {
    fn from(finding: &Finding) -> Self {
        Self::new(finding.kind.name(), finding.to_string())
    }
}
