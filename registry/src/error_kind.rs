//! What a refusal means, whichever registry it comes from: codes of ECR's API, of AWS and of the distribution
//! specification in one table, and from each the name of the error.

use promotion::{Error, Name};

use crate::Side;
use crate::http::{Party, Refusal};

/// What a refusal means, whoever was asked and whatever for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// Throttled.
    Throttled,
    /// Docker Hub's limit of pulls, which is counted in hours.
    PullLimit,
    /// Failing on its side.
    Unavailable,
    /// Not allowed.
    Denied,
    /// Not known: the credentials, or a region that the account has not enabled.
    InvalidCredentials,
    /// The repository does not exist.
    RepositoryNotFound,
    /// The image does not exist, or cannot be read now.
    ImageNotFound,
    /// The image is in the archive.
    Archived,
    /// The blob does not exist, or the address it was to be had at is used up.
    BlobNotFound,
    /// The address that storage was to be read at is refused: used up, most likely.
    StorageDenied,
    /// The upload is not known any more.
    UploadNotFound,
    /// A hard quota.
    QuotaExceeded,
    /// The body is larger than the registry, or a proxy before it, takes.
    TooLarge,
    /// The bytes are not what they were said to be.
    Corrupt,
    /// An immutable tag that exists.
    TagImmutable,
    /// The tag is not on that digest.
    TagMoved,
    /// The key that encrypts the repository.
    Encryption,
    /// The registry behind a pull-through cache.
    Upstream,
    /// The request was not what the registry takes.
    InvalidRequest,
    /// Plain HTTP to a port that speaks TLS.
    NeedsTls,
    /// Nothing that is known.
    Unexpected,
}

impl ErrorKind {
    /// That of a refusal. The code decides, then the status; texts only where ECR gives nothing else.
    pub(crate) fn of(refusal: &Refusal) -> Self {
        let Refusal { by, status, code, message, limit, .. } = refusal;
        let coded = CODES.iter().find(|(known, _)| known == code).map(|(_, kind)| *kind);
        match (by, coded, *status) {
            (_, _, 429) if message.contains("pull rate limit") => Self::PullLimit,
            // The answer to HEAD has no message.
            (_, _, 429) if limit.as_ref().is_some_and(|limit| limit.contains("ratelimit-remaining: 0")) => {
                Self::PullLimit
            }
            (_, Some(Self::Throttled), _) | (_, _, 429) => Self::Throttled,
            _ if message.contains("Rate exceeded") => Self::Throttled,
            (Party::Registry, _, 413) => Self::TooLarge,
            // What is not implemented will not be the next time either.
            (_, coded, 501) => coded.unwrap_or(Self::Unexpected),
            (_, _, 408 | 500..) => Self::Unavailable,
            (Party::Storage, _, 404 | 410) => Self::BlobNotFound,
            (_, _, 416) => Self::Corrupt,
            (Party::Storage, _, 400..500) => Self::StorageDenied,
            // "Limit on number of layers per image exceeded" comes as 405 UNSUPPORTED (cirruslabs/tart#890).
            (_, Some(Self::InvalidRequest), _) if message.contains("Limit on number of") => Self::QuotaExceeded,
            // The message holds KMS's own code: these pass, while a key that is disabled or denied stays so.
            (_, Some(Self::Encryption), _) if PASSING.iter().any(|code| message.contains(code)) => Self::Unavailable,
            // What Go's server and nginx say.
            (Party::Registry, None, 400) if message.contains("HTTP request") && message.contains("HTTPS") => {
                Self::NeedsTls
            }
            (_, Some(kind), _) => kind,
            (_, None, 401 | 403) => Self::Denied,
            _ => Self::Unexpected,
        }
    }

    /// An error for a refusal of this kind: with the pause that the registry asks for, and marked where it throttles.
    pub(crate) fn error(self, name: Name, message: String, refusal: &Refusal) -> Error {
        let error = Error::new(name, message).with_retry_after(refusal.retry_after);
        if self == Self::Throttled { error.throttled() } else { error }
    }

    /// Whether this says nothing of what was asked for: the registry would not, or could not, answer now.
    pub(crate) fn is_outage(self) -> bool {
        matches!(self, Self::Throttled | Self::Unavailable)
    }

    /// The name of such a failure where the registry is used like this, and whether the same request may succeed later.
    pub(crate) fn named(self, side: Side) -> (Name, bool) {
        let by_side = |source, target, pull| match side {
            Side::Source => source,
            Side::Target => target,
            Side::Pull => pull,
        };
        let denied = by_side(Name::SourceAccessDenied, Name::TargetAccessDenied, Name::TargetAccessDenied);
        match self {
            Self::Throttled | Self::Unavailable | Self::StorageDenied | Self::UploadNotFound => {
                (Name::RegistryUnavailable, true)
            }
            Self::Denied | Self::InvalidCredentials | Self::Encryption => (denied, false),
            Self::RepositoryNotFound => {
                (by_side(Name::SourceImageNotFound, Name::TargetRepositoryNotFound, Name::PullFailed), false)
            }
            Self::Archived => (by_side(Name::SourceImageNotFound, Name::PullFailed, Name::PullFailed), false),
            Self::ImageNotFound => {
                (by_side(Name::SourceImageNotFound, Name::UnexpectedAnswer, Name::PullFailed), false)
            }
            // What is stored is listed only after a moment; and opening a blob again gives a new address for it.
            Self::BlobNotFound => {
                (by_side(Name::SourceImageNotFound, Name::RegistryUnavailable, Name::PullFailed), true)
            }
            Self::PullLimit => (Name::RegistryUnavailable, false),
            Self::QuotaExceeded | Self::TooLarge => (Name::RegistryLimit, false),
            Self::Corrupt => (by_side(Name::CorruptContent, Name::CorruptContent, Name::PullFailed), false),
            Self::TagImmutable => (Name::TagConflict, false),
            Self::TagMoved => (Name::DigestMismatch, false),
            // Only an address that a user wrote is spoken to in plain HTTP.
            Self::NeedsTls => (Name::InvalidInput, false),
            Self::Upstream | Self::InvalidRequest | Self::Unexpected => (Name::UnexpectedAnswer, false),
        }
    }
}

/// All codes that ECR models for the operations in use, those that every AWS service may answer, and those of the
/// distribution specification. `LimitExceededException` is a hard quota in ECR, though elsewhere in AWS, and to the
/// SDK, it is throttling.
const CODES: &[(&str, ErrorKind)] = &[
    // Not modelled for any operation of ECR, and still what it answers under load.
    ("ThrottlingException", ErrorKind::Throttled),
    ("Throttling", ErrorKind::Throttled),
    ("ThrottledException", ErrorKind::Throttled),
    ("RequestThrottled", ErrorKind::Throttled),
    ("RequestThrottledException", ErrorKind::Throttled),
    ("RequestLimitExceeded", ErrorKind::Throttled),
    ("TooManyRequestsException", ErrorKind::Throttled),
    ("SlowDown", ErrorKind::Throttled),
    ("TOOMANYREQUESTS", ErrorKind::Throttled),
    ("ImageFailure:UpstreamTooManyRequests", ErrorKind::Throttled),
    ("ServerException", ErrorKind::Unavailable),
    ("InternalFailure", ErrorKind::Unavailable),
    ("InternalServerError", ErrorKind::Unavailable),
    ("InternalError", ErrorKind::Unavailable),
    ("ServiceUnavailable", ErrorKind::Unavailable),
    ("ServiceUnavailableException", ErrorKind::Unavailable),
    ("RequestTimeout", ErrorKind::Unavailable),
    ("RequestTimeoutException", ErrorKind::Unavailable),
    ("ImageFailure:UpstreamUnavailable", ErrorKind::Unavailable),
    ("AccessDeniedException", ErrorKind::Denied),
    ("AccessDenied", ErrorKind::Denied),
    ("NotAuthorized", ErrorKind::Denied),
    ("DENIED", ErrorKind::Denied),
    ("UNAUTHORIZED", ErrorKind::Denied),
    ("BlockedByOrganizationPolicyException", ErrorKind::Denied),
    ("UnrecognizedClientException", ErrorKind::InvalidCredentials),
    ("InvalidClientTokenId", ErrorKind::InvalidCredentials),
    ("InvalidSignatureException", ErrorKind::InvalidCredentials),
    ("SignatureDoesNotMatch", ErrorKind::InvalidCredentials),
    ("IncompleteSignature", ErrorKind::InvalidCredentials),
    ("IncompleteSignatureException", ErrorKind::InvalidCredentials),
    ("MissingAuthenticationToken", ErrorKind::InvalidCredentials),
    ("MissingAuthenticationTokenException", ErrorKind::InvalidCredentials),
    ("ExpiredToken", ErrorKind::InvalidCredentials),
    ("ExpiredTokenException", ErrorKind::InvalidCredentials),
    ("RequestExpired", ErrorKind::InvalidCredentials),
    ("OptInRequired", ErrorKind::InvalidCredentials),
    ("RegionDisabledException", ErrorKind::InvalidCredentials),
    ("RepositoryNotFoundException", ErrorKind::RepositoryNotFound),
    ("NAME_UNKNOWN", ErrorKind::RepositoryNotFound),
    ("ImageNotFoundException", ErrorKind::ImageNotFound),
    ("ImageFailure:ImageNotFound", ErrorKind::ImageNotFound),
    ("MANIFEST_UNKNOWN", ErrorKind::ImageNotFound),
    ("ImageFailure:ImageInaccessible", ErrorKind::Archived),
    ("ImageArchivedException", ErrorKind::Archived),
    ("BLOB_UNKNOWN", ErrorKind::BlobNotFound),
    ("LayerInaccessibleException", ErrorKind::BlobNotFound),
    ("LayersNotFoundException", ErrorKind::BlobNotFound),
    ("MANIFEST_BLOB_UNKNOWN", ErrorKind::BlobNotFound),
    ("ReferencedImagesNotFoundException", ErrorKind::BlobNotFound),
    ("BLOB_UPLOAD_UNKNOWN", ErrorKind::UploadNotFound),
    ("BLOB_UPLOAD_INVALID", ErrorKind::UploadNotFound),
    ("UploadNotFoundException", ErrorKind::UploadNotFound),
    ("LimitExceededException", ErrorKind::QuotaExceeded),
    ("PackedPolicyTooLarge", ErrorKind::QuotaExceeded),
    ("DIGEST_INVALID", ErrorKind::Corrupt),
    ("SIZE_INVALID", ErrorKind::Corrupt),
    ("ImageDigestDoesNotMatchException", ErrorKind::Corrupt),
    ("InvalidLayerException", ErrorKind::Corrupt),
    ("ImageTagAlreadyExistsException", ErrorKind::TagImmutable),
    ("TAG_INVALID", ErrorKind::TagImmutable),
    ("ImageFailure:ImageTagDoesNotMatchDigest", ErrorKind::TagMoved),
    ("KmsException", ErrorKind::Encryption),
    ("ImageFailure:KmsError", ErrorKind::Encryption),
    ("UnableToGetUpstreamImageException", ErrorKind::Upstream),
    ("UnableToGetUpstreamLayerException", ErrorKind::Upstream),
    ("UnableToListUpstreamImageReferrersException", ErrorKind::Upstream),
    ("ImageFailure:UpstreamAccessDenied", ErrorKind::Upstream),
    ("InvalidParameterException", ErrorKind::InvalidRequest),
    ("ValidationException", ErrorKind::InvalidRequest),
    ("ValidationError", ErrorKind::InvalidRequest),
    ("MalformedPolicyDocument", ErrorKind::InvalidRequest),
    ("MANIFEST_INVALID", ErrorKind::InvalidRequest),
    ("NAME_INVALID", ErrorKind::InvalidRequest),
    ("UNSUPPORTED", ErrorKind::InvalidRequest),
    ("ImageFailure:InvalidImageDigest", ErrorKind::InvalidRequest),
    ("ImageFailure:InvalidImageTag", ErrorKind::InvalidRequest),
    ("ImageFailure:MissingDigestAndTag", ErrorKind::InvalidRequest),
    ("ImageFailure:ImageReferencedByManifestList", ErrorKind::Unexpected),
    ("LayerFailure:InvalidLayerDigest", ErrorKind::InvalidRequest),
    ("LayerFailure:MissingLayerDigest", ErrorKind::InvalidRequest),
    // Answers that the operations handle themselves; they mean nothing elsewhere.
    ("ImageAlreadyExistsException", ErrorKind::Unexpected),
    ("LifecyclePolicyNotFoundException", ErrorKind::Unexpected),
];

/// Errors of KMS that are its own trouble (KMS API reference, "Common errors").
const PASSING: &[&str] =
    &["ThrottlingException", "KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException"];

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(by: Party, status: u16, code: &str, message: &str) -> Refusal {
        Refusal { by, status, code: code.into(), message: message.into(), ..Refusal::default() }
    }

    #[test]
    fn codes_are_listed_once() {
        let distinct: std::collections::HashSet<_> = CODES.iter().map(|(code, _)| code).collect();
        assert_eq!(distinct.len(), CODES.len());
    }

    /// Those of whole requests are in `ecr/modelled_errors.rs`.
    #[test]
    fn every_failure_of_a_single_image_or_layer_has_a_meaning() {
        use aws_sdk_ecr::types::{ImageFailureCode, LayerFailureCode};
        for code in ImageFailureCode::values() {
            assert!(CODES.iter().any(|(known, _)| *known == format!("ImageFailure:{code}")), "{code}");
        }
        for code in LayerFailureCode::values() {
            assert!(CODES.iter().any(|(known, _)| *known == format!("LayerFailure:{code}")), "{code}");
        }
    }

    #[test]
    fn code_comes_before_status() {
        use Party::{Registry, Storage};
        for (refusal, expected) in [
            (refusal(Registry, 400, "ThrottlingException", "Rate exceeded"), ErrorKind::Throttled),
            (refusal(Registry, 429, "", ""), ErrorKind::Throttled),
            (refusal(Registry, 400, "SomethingNew", "Rate exceeded"), ErrorKind::Throttled),
            (
                Refusal { limit: Some("ratelimit-remaining: 0;w=21600".into()), ..refusal(Registry, 429, "", "") },
                ErrorKind::PullLimit,
            ),
            (refusal(Registry, 503, "", ""), ErrorKind::Unavailable),
            (refusal(Registry, 500, "ServerException", ""), ErrorKind::Unavailable),
            (refusal(Registry, 400, "ServerException", ""), ErrorKind::Unavailable),
            (refusal(Registry, 400, "LimitExceededException", "quota"), ErrorKind::QuotaExceeded),
            (
                refusal(Registry, 405, "UNSUPPORTED", "Limit on number of layers per image exceeded"),
                ErrorKind::QuotaExceeded,
            ),
            (refusal(Registry, 405, "UNSUPPORTED", "Invalid JSON syntax"), ErrorKind::InvalidRequest),
            (refusal(Registry, 400, "KmsException", "no (DisabledException)"), ErrorKind::Encryption),
            (refusal(Registry, 400, "KmsException", "no (ThrottlingException)"), ErrorKind::Unavailable),
            (refusal(Registry, 403, "", "Forbidden"), ErrorKind::Denied),
            (refusal(Registry, 404, "NAME_UNKNOWN", ""), ErrorKind::RepositoryNotFound),
            (refusal(Registry, 404, "", ""), ErrorKind::Unexpected),
            (refusal(Registry, 418, "TEAPOT", ""), ErrorKind::Unexpected),
            (refusal(Registry, 413, "", "<html>"), ErrorKind::TooLarge),
            (refusal(Registry, 413, "UNKNOWN", ""), ErrorKind::TooLarge),
            (refusal(Registry, 501, "UNSUPPORTED", ""), ErrorKind::InvalidRequest),
            (refusal(Registry, 501, "", ""), ErrorKind::Unexpected),
            (refusal(Party::Elsewhere, 404, "MANIFEST_UNKNOWN", ""), ErrorKind::ImageNotFound),
            (refusal(Party::Elsewhere, 403, "", ""), ErrorKind::Denied),
            (refusal(Party::Elsewhere, 503, "", ""), ErrorKind::Unavailable),
            (refusal(Registry, 400, "", "Client sent an HTTP request to an HTTPS server."), ErrorKind::NeedsTls),
            (refusal(Registry, 400, "", "The plain HTTP request was sent to HTTPS port"), ErrorKind::NeedsTls),
            (refusal(Storage, 400, "", "The plain HTTP request was sent to HTTPS port"), ErrorKind::StorageDenied),
            (refusal(Storage, 403, "AccessDenied", "Request has expired"), ErrorKind::StorageDenied),
            (refusal(Storage, 400, "ExpiredToken", ""), ErrorKind::StorageDenied),
            (refusal(Storage, 404, "NoSuchKey", ""), ErrorKind::BlobNotFound),
            (refusal(Storage, 416, "InvalidRange", ""), ErrorKind::Corrupt),
            (refusal(Storage, 503, "SlowDown", ""), ErrorKind::Throttled),
        ] {
            assert_eq!(ErrorKind::of(&refusal), expected, "{refusal:?}");
        }
    }
}
