use std::borrow::Cow;
use std::fmt::Debug;

use promotion::{Error, Name, Repository};

use crate::Side;
use crate::http::{Failure, Refusal};
use crate::kind::{Kind, kind};

/// Where requests go and who sends them: what every message has to say.
pub(crate) trait Scene: Debug + Sized {
    /// The registry.
    fn name(&self) -> &str;

    /// What it is used as.
    fn side(&self) -> Side;

    /// What to change, as sentences to follow the refusal.
    fn advice(attempt: &Attempt<'_, Self>, kind: Kind, refusal: &Refusal) -> String;

    /// Something tried here, which needs this action to be allowed.
    fn attempt<'a>(
        &'a self,
        action: &'static str,
        repository: Option<&'a Repository>,
        doing: impl Into<Cow<'a, str>>,
    ) -> Attempt<'a, Self> {
        Attempt { scene: self, action, repository, doing: doing.into(), absent: Kind::Unexpected }
    }
}

/// What was tried, for messages and for what a refusal of it means.
#[derive(Debug)]
pub(crate) struct Attempt<'a, S> {
    pub(crate) scene: &'a S,
    pub(crate) action: &'static str,
    pub(crate) repository: Option<&'a Repository>,
    doing: Cow<'a, str>,
    absent: Kind,
}

impl<S: Scene> Attempt<'_, S> {
    /// What 404 means when no known code says it.
    pub(crate) fn or_absent(mut self, absent: Kind) -> Self {
        self.absent = absent;
        self
    }

    /// What was tried and where.
    pub(crate) fn told(&self) -> String {
        let name = self.scene.name();
        match self.repository {
            Some(repository) => format!("{} in repository {repository} of {name}", self.doing),
            None => format!("{} of {name}", self.doing),
        }
    }

    /// What was tried and where, and that something came of it.
    pub(crate) fn error(&self, name: Name, what: &str) -> Error {
        Error::new(name, format!("{}: {what}", self.told()))
    }

    /// Names a failure.
    pub(crate) fn failed(&self, failure: Failure) -> Error {
        match failure {
            Failure::Refused(refusal) => self.refused(&refusal),
            Failure::Failed(error) if self.scene.side() == Side::Pull && error.name() == Name::CorruptContent => {
                error.renamed(Name::PullFailed).context(self.told())
            }
            Failure::Failed(error) => error.context(self.told()),
        }
    }

    /// Names a refusal, and says what to change.
    pub(crate) fn refused(&self, refusal: &Refusal) -> Error {
        let kind = match kind(refusal) {
            Kind::Unexpected if refusal.status == 404 => self.absent,
            kind => kind,
        };
        let (name, again) = kind.named(self.scene.side());
        let advice = S::advice(self, kind, refusal);
        let message = format!("{}: {}{advice}", self.told(), refusal.told());
        let error = Error::new(name, message).with_retry_after(refusal.retry_after);
        if again { error.temporary() } else { error.permanent() }
    }
}
