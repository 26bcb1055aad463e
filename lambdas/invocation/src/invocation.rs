use std::sync::Arc;

use promotion::{Error, ReferrerPolicy};
use registry::{AnyRegistry, Ecr, Side};

use crate::runtime::Next;
use crate::settings::{RolePurpose, Settings};
use crate::{Artifacts, Aws, Deadline, Event, Targets};

/// One invocation: its event, its time, and the way to what it works on.
#[derive(Debug)]
pub struct Invocation {
    /// What was asked for.
    pub event: Event,
    /// When it has to be done; none where Lambda does not say.
    pub deadline: Option<Deadline>,
    aws: Arc<Aws>,
    partition: String,
}

impl Invocation {
    pub(crate) fn new(event: Event, next: &Next, aws: Arc<Aws>) -> Self {
        // Only messages need it before STS has been asked.
        let partition = next.function_arn.split(':').nth(1).unwrap_or("aws").to_owned();
        Self { event, deadline: next.end.and_then(Deadline::of), aws, partition }
    }

    /// The files of the release.
    #[must_use]
    pub fn artifacts(&self) -> Artifacts<'_> {
        Artifacts { s3: &self.aws.s3, event: &self.event, partition: &self.partition }
    }

    /// The registry that images are read from.
    ///
    /// # Errors
    /// `InvalidInput` if a setting is wrong, `RegistryUnavailable` if AWS does not answer.
    pub async fn source(&self) -> Result<AnyRegistry, Error> {
        self.aws.source(self.settings(), &self.partition).await
    }

    /// The accounts and regions that are promoted to.
    ///
    /// # Errors
    /// `RegistryUnavailable` if AWS does not say which account this is.
    pub async fn targets(&self) -> Result<Targets, Error> {
        Ok(Targets::of(&self.event, &self.aws.own().await?))
    }

    /// Their registries, in their order, or for each why it cannot be reached.
    ///
    /// # Errors
    /// `InvalidInput` if a setting is wrong.
    pub async fn connect(
        &self,
        targets: &Targets,
        purpose: RolePurpose,
        side: Side,
    ) -> Result<Vec<Result<Ecr, Error>>, Error> {
        self.aws.targets(targets, self.settings(), purpose, side).await
    }

    /// What becomes of signatures, SBOMs and the like.
    ///
    /// # Errors
    /// `InvalidInput` if the setting is wrong.
    pub fn referrer_policy(&self) -> Result<ReferrerPolicy, Error> {
        self.settings().referrer_policy()
    }

    fn settings(&self) -> Settings<'_> {
        Settings { event: &self.event, environment: &|name| std::env::var(name).ok() }
    }
}

/// The registries that can be reached, and why the others cannot.
#[must_use]
pub fn reached(connected: Vec<Result<Ecr, Error>>) -> (Vec<Ecr>, Vec<Error>) {
    let mut registries = Vec::new();
    let mut errors = Vec::new();
    for result in connected {
        match result {
            Ok(registry) => registries.push(registry),
            Err(error) => errors.push(error),
        }
    }
    (registries, errors)
}

/// All registries.
///
/// # Errors
/// One error for all that cannot be reached.
pub fn all_reached(connected: Vec<Result<Ecr, Error>>) -> Result<Vec<Ecr>, Error> {
    let (registries, errors) = reached(connected);
    Error::all(errors).map_or(Ok(registries), Err)
}
