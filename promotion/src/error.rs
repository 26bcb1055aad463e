//! Failures: their stable names, whether a retry may help, and messages that are safe to print. Several become one that
//! lists them all.

use std::collections::{HashMap, HashSet};
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oci::text::{sanitize, truncate};

use crate::Overrun;

/// The stable name of a failure.
///
/// State machines match on these words (`Catch`, `Retry`), so they are a contract: none is renamed, and the names in
/// the machines are compared with [`Name::ALL`] by a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "explain() says what each means, in words meant for users")]
pub enum Name {
    InvalidInput,
    InvalidManifest,
    SourceImageNotFound,
    SourceAccessDenied,
    DigestMismatch,
    TargetRepositoryNotFound,
    TargetAccessDenied,
    AssumeRoleDenied,
    TagConflict,
    PolicyViolation,
    PullFailed,
    CorruptContent,
    RegistryLimit,
    OutOfTime,
    TooLargeForLambda,
    UnexpectedAnswer,
    RegistryUnavailable,
}

impl Name {
    /// Every name there is.
    pub const ALL: [Self; 17] = [
        Self::InvalidInput,
        Self::InvalidManifest,
        Self::SourceImageNotFound,
        Self::SourceAccessDenied,
        Self::DigestMismatch,
        Self::TargetRepositoryNotFound,
        Self::TargetAccessDenied,
        Self::AssumeRoleDenied,
        Self::TagConflict,
        Self::PolicyViolation,
        Self::PullFailed,
        Self::CorruptContent,
        Self::RegistryLimit,
        Self::OutOfTime,
        Self::TooLargeForLambda,
        Self::UnexpectedAnswer,
        Self::RegistryUnavailable,
    ];

    /// The name as state machines see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "InvalidInput",
            Self::InvalidManifest => "InvalidManifest",
            Self::SourceImageNotFound => "SourceImageNotFound",
            Self::SourceAccessDenied => "SourceAccessDenied",
            Self::DigestMismatch => "DigestMismatch",
            Self::TargetRepositoryNotFound => "TargetRepositoryNotFound",
            Self::TargetAccessDenied => "TargetAccessDenied",
            Self::AssumeRoleDenied => "AssumeRoleDenied",
            Self::TagConflict => "TagConflict",
            Self::PolicyViolation => "PolicyViolation",
            Self::PullFailed => "PullFailed",
            Self::CorruptContent => "CorruptContent",
            Self::RegistryLimit => "RegistryLimit",
            Self::OutOfTime => "OutOfTime",
            Self::TooLargeForLambda => "TooLargeForLambda",
            Self::UnexpectedAnswer => "UnexpectedAnswer",
            Self::RegistryUnavailable => "RegistryUnavailable",
        }
    }

    /// When this happens, in a sentence for the person who reads a failed build.
    #[must_use]
    pub fn explain(self) -> &'static str {
        match self {
            Self::InvalidInput => "the event, a file or an address that was given is wrong",
            Self::InvalidManifest => "deploy-manifest.json is wrong",
            Self::SourceImageNotFound => "the source registry does not have this tag or digest",
            Self::SourceAccessDenied => "the source registry may not be read",
            Self::DigestMismatch => "a tag no longer points to the digest it was pinned to",
            Self::TargetRepositoryNotFound => "the repository must first be created in the target",
            Self::TargetAccessDenied => "a permission is missing in the target",
            Self::AssumeRoleDenied => "the role in the target account could not be assumed",
            Self::TagConflict => "an immutable tag already holds another digest",
            Self::PolicyViolation => "the release breaks a rule",
            Self::PullFailed => "a promoted image cannot be pulled whole from the target",
            Self::CorruptContent => "bytes do not match their digest or size",
            Self::RegistryLimit => "a hard limit of the registry",
            Self::OutOfTime => "stopped before the deadline after some progress; run again to continue",
            Self::TooLargeForLambda => "one blob takes longer than a whole invocation",
            Self::UnexpectedAnswer => "a registry's answer makes no sense, and will make none later",
            Self::RegistryUnavailable => "the registry throttled or failed, also after retries",
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No message about one thing is longer than this, in characters: what others wrote may be quoted in it.
const LONGEST: usize = 16_000;

/// A failure that knows its [`Name`], whether trying again may help, and says what was tried, where, and what to
/// change.
///
/// The message is written for the person who is paged. It never holds a credential, nor the query of a URL: whoever
/// makes an error from a foreign one strips those first. Nor does it hold what a terminal would obey, wherever its
/// parts are from.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    name: Name,
    message: String,
    temporary: bool,
    inconclusive: bool,
    throttled: bool,
    too_large: bool,
    retry_after: Option<Duration>,
    overrun: Option<Overrun>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    /// The errors that this one lists, so that a list within a list becomes one.
    listed: Vec<Error>,
    /// What other failures have in common with this one, however many requests fail for it.
    cause: Option<Arc<str>>,
    /// How many other failures with the same cause it stands for.
    others: usize,
}

impl Error {
    /// An error of this name. [`Name::RegistryUnavailable`] counts as temporary, everything else does not.
    #[must_use]
    pub fn new(name: Name, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            name,
            message: sanitize(truncate(&message.into(), LONGEST)),
            temporary: name == Name::RegistryUnavailable,
            inconclusive: false,
            throttled: false,
            too_large: false,
            retry_after: None,
            overrun: None,
            source: None,
            listed: vec![],
            cause: None,
            others: 0,
        }))
    }

    /// Trying again will not help, whatever the name.
    #[must_use]
    pub fn permanent(mut self) -> Self {
        self.0.temporary = false;
        self
    }

    /// Trying again may help, whatever the name.
    #[must_use]
    pub fn temporary(mut self) -> Self {
        self.0.temporary = true;
        self
    }

    /// It leaves open whether what was asked for is there: the registry answered like this to a look-up of one thing.
    /// What is only known when it is written may then be written.
    #[must_use]
    pub fn inconclusive(mut self) -> Self {
        self.0.inconclusive = true;
        self
    }

    /// The registry is well and was asked too often: it is worth more patience than a failure.
    #[must_use]
    pub fn throttled(mut self) -> Self {
        self.0.throttled = true;
        self
    }

    /// The answer is larger than is read of one: whoever asked for several things may ask for fewer.
    #[must_use]
    pub fn too_large(mut self) -> Self {
        self.0.too_large = true;
        self
    }

    /// The registry asked for a pause of this length (`Retry-After`).
    #[must_use]
    pub fn with_retry_after(mut self, delay: Option<Duration>) -> Self {
        self.0.retry_after = delay;
        self
    }

    /// A deadline came, and this far the work had come.
    #[must_use]
    pub fn with_overrun(mut self, overrun: Overrun) -> Self {
        self.0.overrun = Some(overrun);
        self
    }

    /// Keeps the error behind this one for logs.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// The same failure under another name: what "denied" means depends on which side was asked.
    #[must_use]
    pub fn renamed(mut self, name: Name) -> Self {
        self.0.name = name;
        self
    }

    /// The same failure with what was being done in front.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.0.message = sanitize(format!("{doing}: {self}"));
        self.0.others = 0;
        self.0.listed.clear();
        self
    }

    /// The same failure with a line for each thing that it is about, however many those are.
    #[must_use]
    pub fn listing(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        for line in lines {
            self.0.message += "\n";
            self.0.message += &sanitize(truncate(&line, LONGEST));
        }
        self
    }

    /// What it has in common with other failures that differ only in what was being done, such as a host at which
    /// nothing answers. [`Error::all`] makes one line of those.
    #[must_use]
    pub fn caused_by(mut self, cause: &str) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Its stable name.
    #[must_use]
    pub fn name(&self) -> Name {
        self.0.name
    }

    /// Whether the same request may succeed later without anyone changing anything.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.0.temporary
    }

    /// Whether it leaves open whether what was asked for is there.
    #[must_use]
    pub fn is_inconclusive(&self) -> bool {
        self.0.inconclusive
    }

    /// Whether the registry was asked too often.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.0.throttled
    }

    /// Whether the answer was larger than is read of one.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.0.too_large
    }

    /// How long the registry asked to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// How far the work had come when its deadline came; none of a failure that has another cause.
    #[must_use]
    pub fn overrun(&self) -> Option<&Overrun> {
        self.0.overrun.as_ref()
    }

    /// One error for several: all messages, each once, under the name of the first that no retry can heal. Of those
    /// that have one cause the first is shown, and how many there are.
    ///
    /// None for an empty list.
    #[must_use]
    pub fn all(errors: Vec<Self>) -> Option<Self> {
        let each = |error: Self| if error.0.listed.is_empty() { vec![error] } else { error.0.listed };
        let mut seen = HashSet::new();
        let mut causes: HashMap<(Name, Arc<str>), usize> = HashMap::new();
        let mut distinct: Vec<Self> = Vec::new();
        for error in errors.into_iter().flat_map(each) {
            if !seen.insert((error.name(), error.0.message.clone())) {
                continue;
            }
            if let Some(cause) = error.0.cause.clone() {
                let at = *causes.entry((error.name(), cause)).or_insert(distinct.len());
                if let Some(first) = distinct.get_mut(at) {
                    first.0.others += 1 + error.0.others;
                    continue;
                }
            }
            distinct.push(error);
        }
        let leading = distinct.iter().position(|error| !error.is_temporary()).unwrap_or(0);
        if distinct.len() < 2 {
            return distinct.pop();
        }
        let mut whole = distinct.get(leading)?.clone();
        whole.0.message = format!("{} problems:", distinct.len());
        for (number, error) in distinct.iter().enumerate() {
            whole.0.message += &format!("\n{}. {}: {error}", number + 1, error.name());
        }
        whole.0.listed = distinct;
        whole.0.cause = None;
        whole.0.others = 0;
        Some(whole)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match self.0.others {
            0 => Ok(()),
            1 => f.write_str(" (and 1 more request failed for the same reason)"),
            others => write!(f, " (and {others} more requests failed for the same reason)"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.0.name)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use oci::Secrets;

    use super::*;

    #[test]
    fn no_secret_gets_into_a_message() {
        let _known = Secrets::of(["passw0rd-of-ann"]);
        let error = Error::new(Name::InvalidInput, format!("{} passw0rd-of-ann", "x".repeat(LONGEST - 6)));
        assert!(error.to_string().ends_with("x [...]"), "{error}");
        let error = Error::new(Name::InvalidInput, "at http://ann:unknown@host").context("as passw0rd-of-ann");
        let error = error.listing(["for passw0rd-of-ann".to_owned()]);
        assert_eq!(error.to_string(), "as [...]: at http://[...]@host\nfor [...]");
        assert_eq!(format!("{error:?}"), format!("InvalidInput: {error}"));
    }

    #[test]
    fn names_are_distinct_words() {
        let words: std::collections::HashSet<_> = Name::ALL.iter().map(|name| name.as_str()).collect();
        assert_eq!(words.len(), Name::ALL.len());
    }

    #[test]
    fn several_errors_take_the_name_no_retry_can_heal_and_list_all() {
        let unavailable = Error::new(Name::RegistryUnavailable, "throttled");
        let denied = Error::new(Name::TargetAccessDenied, "add ecr:PutImage");
        let whole = Error::all(vec![unavailable.clone(), denied.clone(), unavailable]).unwrap();
        assert_eq!(whole.name(), Name::TargetAccessDenied);
        assert!(!whole.is_temporary());
        assert_eq!(
            whole.to_string(),
            "2 problems:\n1. RegistryUnavailable: throttled\n2. TargetAccessDenied: add ecr:PutImage"
        );
        let longer = Error::all(vec![Error::new(Name::TagConflict, "immutable"), whole]).unwrap();
        assert_eq!(longer.name(), Name::TagConflict);
        assert_eq!(
            longer.to_string(),
            "3 problems:\n1. TagConflict: immutable\n2. RegistryUnavailable: throttled\n3. TargetAccessDenied: add ecr:PutImage"
        );
        assert_eq!(Error::all(vec![denied]).unwrap().to_string(), "add ecr:PutImage");
        assert!(Error::all(vec![]).is_none());
    }

    #[test]
    fn what_has_one_cause_is_one_line_with_a_count() {
        let down = |doing: &str, host: &str| {
            let message = format!("{doing} {host}: connection refused");
            Error::new(Name::RegistryUnavailable, message)
                .caused_by(&format!("{host} refuses"))
                .context("after 6 attempts")
        };
        let denied = Error::new(Name::TargetAccessDenied, "add ecr:PutImage");
        let first = Error::all(vec![down("reading a", "one"), down("reading b", "one")]).unwrap();
        let said =
            "after 6 attempts: reading a one: connection refused (and 1 more request failed for the same reason)";
        assert_eq!(first.to_string(), said);
        // A list that becomes a part of another goes on counting.
        let whole = Error::all(vec![first, denied, down("reading c", "one"), down("reading c", "two")]).unwrap();
        assert_eq!(
            whole.to_string(),
            "3 problems:\n\
             1. RegistryUnavailable: after 6 attempts: reading a one: connection refused (and 2 more requests failed for \
             the same reason)\n\
             2. TargetAccessDenied: add ecr:PutImage\n\
             3. RegistryUnavailable: after 6 attempts: reading c two: connection refused"
        );
        assert_eq!(Error::all(vec![whole.clone(), whole.clone()]).unwrap().to_string(), whole.to_string());
    }
}
