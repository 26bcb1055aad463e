//! What messages about ECR say, and what they advise to change.

use oci::Repository;

use super::denied::Denial;
use super::identity::Identity;
use super::registry_id::RegistryId;
use crate::Side;
use crate::error_kind::ErrorKind;
use crate::http::{Party, Refusal};
use crate::operation;
use crate::v2::{Dialect, Permission};

/// Where requests go and who sends them: what every message has to say.
#[derive(Debug)]
pub(super) struct EcrEndpoint {
    /// `ECR 111122223333/eu-west-1`
    pub(super) name: String,
    pub(super) registry_id: RegistryId,
    pub(super) side: Side,
    /// Who the registry sees.
    pub(super) caller: Identity,
}

impl EcrEndpoint {
    pub(super) fn new(registry_id: RegistryId, side: Side, caller: Identity) -> Self {
        Self { name: format!("ECR {registry_id}"), registry_id, side, caller }
    }

    pub(super) fn is_foreign(&self) -> bool {
        self.caller.account() != self.registry_id.account
    }
}

/// What was tried; its action is that of IAM that it needs.
pub(super) type Operation<'a> = operation::Operation<'a, EcrEndpoint>;

impl operation::Endpoint for EcrEndpoint {
    fn name(&self) -> &str {
        &self.name
    }

    fn side(&self) -> Side {
        self.side
    }

    /// ECR is reached at the address that AWS gives; on loopback it is a double.
    fn is_plain(&self) -> bool {
        false
    }

    fn advice(operation: &Operation<'_>, kind: ErrorKind, refusal: &Refusal) -> String {
        let endpoint = operation.endpoint;
        let registry_id = &endpoint.registry_id;
        let repository = operation.repository.map_or("", Repository::as_str);
        match kind {
            ErrorKind::Denied => {
                let denial = Denial {
                    action: operation.action,
                    repository: operation.repository,
                    registry_id,
                    caller: &endpoint.caller,
                    message: &refusal.message,
                };
                denial.advice()
            }
            ErrorKind::InvalidCredentials => format!(
                ". ECR does not know these credentials: check that they are still valid, that this machine's clock is right, and that \
                 account {} has the region {} enabled",
                endpoint.caller.account(),
                registry_id.region
            ),
            ErrorKind::RepositoryNotFound if endpoint.side == Side::Target => format!(
                ". Transship never creates repositories. Create it with `aws ecr create-repository --registry-id {} --region {} \
                 --repository-name {repository}`, or in the CloudFormation of that account as an AWS::ECR::Repository with \
                 RepositoryName: {repository}; then run again",
                registry_id.account, registry_id.region
            ),
            ErrorKind::RepositoryNotFound => ". Check the account, the region and the name of the repository".into(),
            ErrorKind::Archived => format!(
                ". The image is archived: restore it with `aws ecr update-image-storage-class --registry-id {} --region {} \
                 --repository-name {repository} --target-storage-class STANDARD --image-id imageDigest=...`, wait until it is active, and \
                 run again",
                registry_id.account, registry_id.region
            ),
            ErrorKind::StorageDenied => ". The address that the registry gave for the blob was used up or may not be read. If this stays, look \
                                        for a policy on an S3 endpoint of the network that leaves out the bucket with ECR's layers"
                .into(),
            ErrorKind::Encryption => ". The KMS key that encrypts the repository could not be used: check that it is enabled, not due for deletion, and \
                          that its policy lets ECR keep its grants"
                .into(),
            ErrorKind::Upstream => ". The repository is filled by a pull-through cache: check its rule, and the secret with the credentials for the \
                               registry behind it"
                .into(),
            ErrorKind::QuotaExceeded => ". This is a quota and not throttling: remove what is not needed, or ask AWS to raise it".into(),
            ErrorKind::Throttled if refusal.by == Party::Registry => ". The quotas of ECR are per account and region, and can be raised".into(),
            _ => String::new(),
        }
    }
}

impl Dialect for EcrEndpoint {
    /// A repository that does not exist has a code.
    const NO_UPLOAD: ErrorKind = ErrorKind::UploadNotFound;

    fn path(&self, repository: &Repository) -> Repository {
        repository.clone()
    }

    /// The actions of IAM that `/v2` checks.
    fn action(permission: Permission<'_>) -> &'static str {
        match permission {
            Permission::PullBlob(_) => "ecr:GetDownloadUrlForLayer",
            Permission::PullManifest(_) => "ecr:BatchGetImage",
            Permission::PushBlob(_) | Permission::MountBlob { .. } => "ecr:InitiateLayerUpload",
            Permission::PushManifest(_) => "ecr:PutImage",
        }
    }
}

#[cfg(test)]
mod tests {
    use promotion::Name;

    use super::*;
    use crate::operation::Endpoint as _;

    fn named(side: Side, by: Party, status: u16, code: &str) -> (Name, bool) {
        let caller = Identity::from_arn("arn:aws:iam::111122223333:role/r").unwrap();
        let endpoint = EcrEndpoint::new(RegistryId::new("111122223333", "eu-west-1"), side, caller);
        let repository = "myapp/api".parse().unwrap();
        let retry_after = Some(std::time::Duration::from_secs(9));
        let refusal = Refusal { by, status, code: code.into(), message: "m".into(), retry_after, ..Refusal::default() };
        let error = endpoint.operation("ecr:PutImage", Some(&repository), "trying").refused(&refusal);
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
        let no_image = [SourceImageNotFound, UnexpectedAnswer, PullFailed];
        let no_blob = [SourceImageNotFound, RegistryUnavailable, PullFailed];
        for (status, code, names, temporary) in [
            // Modelled by ECR for the operations in use.
            (400, "ImageDigestDoesNotMatchException", [CorruptContent, CorruptContent, PullFailed], false),
            (400, "ImageTagAlreadyExistsException", all(TagConflict), false),
            (400, "InvalidParameterException", all(UnexpectedAnswer), false),
            (400, "KmsException", denied, false),
            (400, "LayersNotFoundException", no_blob, true),
            (400, "LimitExceededException", all(RegistryLimit), false),
            (400, "ReferencedImagesNotFoundException", no_blob, true),
            (400, "RepositoryNotFoundException", no_repository, false),
            (500, "ServerException", all(RegistryUnavailable), true),
            (400, "UnableToGetUpstreamImageException", all(UnexpectedAnswer), false),
            (400, "ValidationException", all(UnexpectedAnswer), false),
            // Every service of AWS.
            (400, "AccessDeniedException", denied, false),
            (400, "ThrottlingException", all(RegistryUnavailable), true),
            (400, "UnrecognizedClientException", denied, false),
            (400, "ExpiredTokenException", denied, false),
            // The distribution specification.
            (404, "BLOB_UNKNOWN", no_blob, true),
            (400, "BLOB_UPLOAD_INVALID", all(RegistryUnavailable), true),
            (404, "BLOB_UPLOAD_UNKNOWN", all(RegistryUnavailable), true),
            (400, "DIGEST_INVALID", [CorruptContent, CorruptContent, PullFailed], false),
            (404, "MANIFEST_BLOB_UNKNOWN", no_blob, true),
            (400, "MANIFEST_INVALID", all(UnexpectedAnswer), false),
            (404, "MANIFEST_UNKNOWN", no_image, false),
            (400, "NAME_INVALID", all(UnexpectedAnswer), false),
            (404, "NAME_UNKNOWN", no_repository, false),
            (400, "SIZE_INVALID", [CorruptContent, CorruptContent, PullFailed], false),
            (401, "UNAUTHORIZED", denied, false),
            (403, "DENIED", denied, false),
            (405, "UNSUPPORTED", all(UnexpectedAnswer), false),
            (429, "TOOMANYREQUESTS", all(RegistryUnavailable), true),
            (400, "TAG_INVALID", all(TagConflict), false),
            // Anything else.
            (418, "TEAPOT", all(UnexpectedAnswer), false),
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

    /// nginx says so when a load balancer before it speaks plain http: the address that the user gave is right.
    #[test]
    fn plain_http_behind_tls_is_no_wrong_address() {
        let caller = Identity::from_arn("arn:aws:iam::111122223333:role/r").unwrap();
        let endpoint = EcrEndpoint::new(RegistryId::new("111122223333", "eu-west-1"), Side::Source, caller);
        let message = "The plain HTTP request was sent to HTTPS port".into();
        let refusal = Refusal { status: 400, message, ..Refusal::default() };
        let error = endpoint.operation("ecr:BatchGetImage", None, "trying").refused(&refusal);
        assert_eq!(error.name(), Name::UnexpectedAnswer);
    }
}
