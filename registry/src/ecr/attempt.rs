use std::borrow::Cow;

use promotion::{Error, Name, Repository};

use super::denied;
use super::identity::Identity;
use super::kind::{Kind, kind};
use super::place::{Place, Side};
use crate::http::{Failure, Party, Refusal};

/// Where requests go and who sends them: what every message has to say.
#[derive(Debug)]
pub(super) struct Scene {
    /// `ECR 111122223333/eu-west-1`
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) side: Side,
    /// Who the registry sees.
    pub(super) caller: Identity,
}

impl Scene {
    pub(super) fn new(place: Place, side: Side, caller: Identity) -> Self {
        Self { name: format!("ECR {place}"), place, side, caller }
    }

    /// Something tried here, which needs this IAM action.
    pub(super) fn attempt<'a>(
        &'a self,
        action: &'static str,
        repository: Option<&'a Repository>,
        doing: impl Into<Cow<'a, str>>,
    ) -> Attempt<'a> {
        Attempt { scene: self, action, repository, doing: doing.into(), absent: Kind::Unexpected }
    }

    pub(super) fn is_foreign(&self) -> bool {
        self.caller.account() != self.place.account
    }
}

/// What was tried, for messages and for what a refusal of it means.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    pub(super) scene: &'a Scene,
    pub(super) action: &'static str,
    pub(super) repository: Option<&'a Repository>,
    doing: Cow<'a, str>,
    absent: Kind,
}

impl Attempt<'_> {
    /// What 404 means when no known code says it.
    pub(super) fn or_absent(mut self, absent: Kind) -> Self {
        self.absent = absent;
        self
    }

    /// What was tried and where.
    pub(super) fn told(&self) -> String {
        match self.repository {
            Some(repository) => format!("{} in repository {repository} of {}", self.doing, self.scene.name),
            None => format!("{} of {}", self.doing, self.scene.name),
        }
    }

    /// What was tried and where, and that something came of it.
    pub(super) fn error(&self, name: Name, what: &str) -> Error {
        Error::new(name, format!("{}: {what}", self.told()))
    }

    /// Names a failure.
    pub(super) fn failed(&self, failure: Failure) -> Error {
        match failure {
            Failure::Refused(refusal) => self.refused(&refusal),
            Failure::Failed(error) if self.scene.side == Side::Pull && error.name() == Name::CorruptContent => {
                error.renamed(Name::PullFailed).context(self.told())
            }
            Failure::Failed(error) => error.context(self.told()),
        }
    }

    /// Names a refusal, and says what to change.
    pub(super) fn refused(&self, refusal: &Refusal) -> Error {
        let kind = match kind(refusal) {
            Kind::Unexpected if refusal.status == 404 => self.absent,
            kind => kind,
        };
        let (name, again) = self.name(kind);
        let advice = self.advice(kind, refusal);
        let message = format!("{}: {}{advice}", self.told(), refusal.told());
        // An error is temporary by birth if it is `RegistryUnavailable`, and stays so under another name.
        let error = Error::new(Name::RegistryUnavailable, message).with_retry_after(refusal.retry_after).renamed(name);
        if again { error } else { error.permanent() }
    }

    /// The name of a refusal, and whether the same request may succeed later.
    fn name(&self, kind: Kind) -> (Name, bool) {
        let by_side = |source, target, pull| match self.scene.side {
            Side::Source => source,
            Side::Target => target,
            Side::Pull => pull,
        };
        match kind {
            Kind::Busy | Kind::Down | Kind::NoAccessToStorage | Kind::NoUpload => (Name::RegistryUnavailable, true),
            Kind::Denied | Kind::Stranger | Kind::Key => (self.denied(), false),
            Kind::NoRepository => {
                (by_side(Name::SourceImageNotFound, Name::TargetRepositoryNotFound, Name::PullFailed), false)
            }
            Kind::Archived => (by_side(Name::SourceImageNotFound, Name::PullFailed, Name::PullFailed), false),
            Kind::NoImage => (by_side(Name::SourceImageNotFound, Name::RegistryUnavailable, Name::PullFailed), false),
            // What is stored is listed only after a moment; and opening a blob again gives a new address for it.
            Kind::NoBlob => (by_side(Name::SourceImageNotFound, Name::RegistryUnavailable, Name::PullFailed), true),
            Kind::Limit => (Name::RegistryLimit, false),
            Kind::Corrupt => (by_side(Name::CorruptContent, Name::CorruptContent, Name::PullFailed), false),
            Kind::TagTaken => (Name::TagConflict, false),
            Kind::TagMoved => (Name::DigestMismatch, false),
            Kind::Upstream | Kind::Invalid | Kind::Unexpected => (Name::RegistryUnavailable, false),
        }
    }

    fn denied(&self) -> Name {
        if self.scene.side == Side::Source { Name::SourceAccessDenied } else { Name::TargetAccessDenied }
    }

    /// What to change, as sentences to follow the refusal.
    fn advice(&self, kind: Kind, refusal: &Refusal) -> String {
        let place = &self.scene.place;
        let repository = self.repository.map_or("", Repository::as_str);
        match kind {
            Kind::Denied => denied::advice(self, &refusal.message),
            Kind::Stranger => format!(
                ". ECR does not know these credentials: check that they are still valid, that this machine's clock is right, and that \
                 account {} has the region {} enabled",
                self.scene.caller.account(),
                place.region
            ),
            Kind::NoRepository if self.scene.side == Side::Target => format!(
                ". Drayage never creates repositories. Create it with `aws ecr create-repository --registry-id {} --region {} \
                 --repository-name {repository}`, or in the CloudFormation of that account as an AWS::ECR::Repository with \
                 RepositoryName: {repository}; then run again",
                place.account, place.region
            ),
            Kind::NoRepository => ". Check the account, the region and the name of the repository".into(),
            Kind::Archived => format!(
                ". The image is archived: restore it with `aws ecr update-image-storage-class --registry-id {} --region {} \
                 --repository-name {repository} --target-storage-class STANDARD --image-id imageDigest=...`, wait until it is active, and \
                 run again",
                place.account, place.region
            ),
            Kind::NoAccessToStorage => ". The address that the registry gave for the blob was used up or may not be read. If this stays, look \
                                        for a policy on an S3 endpoint of the network that leaves out the bucket with ECR's layers"
                .into(),
            Kind::Key => ". The KMS key that encrypts the repository could not be used: check that it is enabled, not due for deletion, and \
                          that its policy lets ECR keep its grants"
                .into(),
            Kind::Upstream => ". The repository is filled by a pull-through cache: check its rule, and the secret with the credentials for the \
                               registry behind it"
                .into(),
            Kind::Limit => ". This is a quota and not throttling: remove what is not needed, or ask AWS to raise it".into(),
            Kind::Busy if refusal.by == Party::Registry => ". The quotas of ECR are per account and region, and can be raised".into(),
            _ => String::new(),
        }
    }
}
