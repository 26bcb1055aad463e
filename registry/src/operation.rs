//! What was tried and where, from which every error of a registry gets its beginning, its name and its advice.

use std::borrow::Cow;
use std::fmt::{self, Debug};

use oci::Repository;
use promotion::{Error, Name};

use crate::Side;
use crate::error_kind::ErrorKind;
use crate::http::{Failure, Refusal};

/// Where requests go and who sends them: what every message has to say.
pub(crate) trait Endpoint: Debug + Sized {
    /// The registry.
    fn name(&self) -> &str;

    /// What it is used as.
    fn side(&self) -> Side;

    /// Whether it is spoken to without TLS.
    fn is_plain(&self) -> bool;

    /// What to change, as sentences to follow the refusal.
    fn advice(operation: &Operation<'_, Self>, kind: ErrorKind, refusal: &Refusal) -> String;

    /// Something tried here, which needs this action to be allowed.
    fn operation<'a>(
        &'a self,
        action: &'static str,
        repository: Option<&'a Repository>,
        doing: impl Into<Cow<'a, str>>,
    ) -> Operation<'a, Self> {
        Operation { endpoint: self, action, repository, doing: doing.into(), absent: ErrorKind::Unexpected }
    }
}

/// What was tried: how messages begin, and what a refusal of it means.
#[derive(Debug)]
pub(crate) struct Operation<'a, S> {
    pub(crate) endpoint: &'a S,
    pub(crate) action: &'static str,
    pub(crate) repository: Option<&'a Repository>,
    doing: Cow<'a, str>,
    absent: ErrorKind,
}

impl<S: Endpoint> Operation<'_, S> {
    /// What 404 means when no known code says it.
    pub(crate) fn or_absent(mut self, absent: ErrorKind) -> Self {
        self.absent = absent;
        self
    }

    /// What was tried and where, and that something came of it.
    pub(crate) fn error(&self, name: Name, what: &str) -> Error {
        Error::new(name, format!("{self}: {what}"))
    }

    /// Names a failure.
    pub(crate) fn failed(&self, failure: Failure) -> Error {
        match failure {
            Failure::Refused(refusal) => self.refused(&refusal),
            Failure::Failed(error) if self.endpoint.side() == Side::Pull && error.name() == Name::CorruptContent => {
                error.renamed(Name::PullFailed).context(self)
            }
            Failure::Failed(error) => error.context(self),
        }
    }

    /// Names a refusal, and says what to change.
    pub(crate) fn refused(&self, refusal: &Refusal) -> Error {
        let kind = match ErrorKind::of(refusal) {
            ErrorKind::Unexpected if refusal.status == 404 => self.absent,
            // A proxy behind TLS that speaks plain http to the registry: the address that the user wrote is right.
            ErrorKind::NeedsTls if !self.endpoint.is_plain() => ErrorKind::Unexpected,
            kind => kind,
        };
        let (name, again) = kind.named(self.endpoint.side());
        let advice = S::advice(self, kind, refusal);
        let message = format!("{self}: {refusal}{advice}");
        let mut error = kind.error(name, message, refusal);
        if name == Name::RegistryUnavailable {
            // A registry that is down or throttles refuses whatever is asked.
            error = error.caused_by(&format!("{}: {refusal}", self.endpoint.name()));
        }
        if kind == ErrorKind::Upstream {
            // What a cache has is not known where it asks its upstream for what may not be there.
            error = error.inconclusive();
        }
        if again { error.temporary() } else { error.permanent() }
    }
}

/// What was tried and where.
impl<S: Endpoint> fmt::Display for Operation<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)?;
        self.repository.iter().try_for_each(|repository| write!(f, " in repository {repository}"))?;
        write!(f, " of {}", self.endpoint.name())
    }
}
