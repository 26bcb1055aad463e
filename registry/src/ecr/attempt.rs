use promotion::Repository;

use super::denied;
use super::identity::Identity;
use super::place::Place;
use crate::Side;
use crate::attempt;
use crate::http::{Party, Refusal};
use crate::kind::Kind;

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

    pub(super) fn is_foreign(&self) -> bool {
        self.caller.account() != self.place.account
    }
}

/// What was tried; its action is that of IAM that it needs.
pub(super) type Attempt<'a> = attempt::Attempt<'a, Scene>;

impl attempt::Scene for Scene {
    fn name(&self) -> &str {
        &self.name
    }

    fn side(&self) -> Side {
        self.side
    }

    fn advice(attempt: &Attempt<'_>, kind: Kind, refusal: &Refusal) -> String {
        let scene = attempt.scene;
        let place = &scene.place;
        let repository = attempt.repository.map_or("", Repository::as_str);
        match kind {
            Kind::Denied => denied::advice(attempt, &refusal.message),
            Kind::Stranger => format!(
                ". ECR does not know these credentials: check that they are still valid, that this machine's clock is right, and that \
                 account {} has the region {} enabled",
                scene.caller.account(),
                place.region
            ),
            Kind::NoRepository if scene.side == Side::Target => format!(
                ". Transship never creates repositories. Create it with `aws ecr create-repository --registry-id {} --region {} \
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

#[cfg(test)]
mod tests {
    use promotion::Name;

    use super::*;
    use crate::attempt::Scene as _;

    fn named(side: Side, by: Party, status: u16, code: &str) -> (Name, bool) {
        let caller = Identity::from_arn("arn:aws:iam::111122223333:role/r").unwrap();
        let scene = Scene::new(Place::new("111122223333", "eu-west-1"), side, caller);
        let repository = "myapp/api".parse().unwrap();
        let retry_after = Some(std::time::Duration::from_secs(9));
        let refusal = Refusal { by, status, code: code.into(), message: "m".into(), retry_after, ..Refusal::default() };
        let error = scene.attempt("ecr:PutImage", Some(&repository), "trying").refused(&refusal);
        let text = error.to_string();
        assert!(text.starts_with("trying in repository myapp/api of ECR 111122223333/eu-west-1: "), "{text}");
        assert!(text.contains(&format!("{status} ")) && text.contains("m"), "{text}");
        assert_eq!(error.retry_after(), retry_after);
        (error.name(), error.is_temporary())
    }

    #[test]
    fn every_error_has_a_name_on_every_side() {
        use Name::*;
        let all = |name| [name, name, name];
        let denied = [SourceAccessDenied, TargetAccessDenied, TargetAccessDenied];
        let no_repository = [SourceImageNotFound, TargetRepositoryNotFound, PullFailed];
        let no_image = [SourceImageNotFound, RegistryUnavailable, PullFailed];
        for (status, code, names, temporary) in [
            // Modelled by ECR for the operations in use.
            (400, "ImageDigestDoesNotMatchException", [CorruptContent, CorruptContent, PullFailed], false),
            (400, "ImageTagAlreadyExistsException", all(TagConflict), false),
            (400, "InvalidParameterException", all(RegistryUnavailable), false),
            (400, "KmsException", denied, false),
            (400, "LayersNotFoundException", no_image, true),
            (400, "LimitExceededException", all(RegistryLimit), false),
            (400, "ReferencedImagesNotFoundException", no_image, true),
            (400, "RepositoryNotFoundException", no_repository, false),
            (500, "ServerException", all(RegistryUnavailable), true),
            (400, "UnableToGetUpstreamImageException", all(RegistryUnavailable), false),
            (400, "ValidationException", all(RegistryUnavailable), false),
            // Every service of AWS.
            (400, "AccessDeniedException", denied, false),
            (400, "ThrottlingException", all(RegistryUnavailable), true),
            (400, "UnrecognizedClientException", denied, false),
            (400, "ExpiredTokenException", denied, false),
            // The distribution specification.
            (404, "BLOB_UNKNOWN", no_image, true),
            (400, "BLOB_UPLOAD_INVALID", all(RegistryUnavailable), true),
            (404, "BLOB_UPLOAD_UNKNOWN", all(RegistryUnavailable), true),
            (400, "DIGEST_INVALID", [CorruptContent, CorruptContent, PullFailed], false),
            (404, "MANIFEST_BLOB_UNKNOWN", no_image, true),
            (400, "MANIFEST_INVALID", all(RegistryUnavailable), false),
            (404, "MANIFEST_UNKNOWN", no_image, false),
            (400, "NAME_INVALID", all(RegistryUnavailable), false),
            (404, "NAME_UNKNOWN", no_repository, false),
            (400, "SIZE_INVALID", [CorruptContent, CorruptContent, PullFailed], false),
            (401, "UNAUTHORIZED", denied, false),
            (403, "DENIED", denied, false),
            (405, "UNSUPPORTED", all(RegistryUnavailable), false),
            (429, "TOOMANYREQUESTS", all(RegistryUnavailable), true),
            (400, "TAG_INVALID", all(TagConflict), false),
            // Anything else.
            (418, "TEAPOT", all(RegistryUnavailable), false),
            (502, "", all(RegistryUnavailable), true),
        ] {
            for (side, name) in [Side::Source, Side::Target, Side::Pull].into_iter().zip(names) {
                assert_eq!(named(side, Party::Registry, status, code), (name, temporary), "{code} on {side:?}");
            }
        }
        assert_eq!(named(Side::Source, Party::Storage, 403, "AccessDenied"), (RegistryUnavailable, true));
        assert_eq!(named(Side::Pull, Party::Storage, 404, "NoSuchKey"), (PullFailed, true));
        assert_eq!(named(Side::Source, Party::Storage, 416, "InvalidRange"), (CorruptContent, false));
    }
}
