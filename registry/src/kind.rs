use promotion::Name;

use crate::Side;
use crate::http::{Party, Refusal};

/// What a refusal means, whoever was asked and whatever for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Throttled.
    Busy,
    /// Docker Hub's limit of pulls, which is counted in hours.
    PullLimit,
    /// Failing on its side.
    Down,
    /// Not allowed.
    Denied,
    /// Not known: the credentials, or a region that the account has not enabled.
    Stranger,
    /// The repository does not exist.
    NoRepository,
    /// The image does not exist, or cannot be read now.
    NoImage,
    /// The image is in the archive.
    Archived,
    /// The blob does not exist, or the address it was to be had at is used up.
    NoBlob,
    /// The address that storage was to be read at is refused: used up, most likely.
    NoAccessToStorage,
    /// The upload is not known any more.
    NoUpload,
    /// A hard quota.
    Limit,
    /// The bytes are not what they were said to be.
    Corrupt,
    /// An immutable tag that exists.
    TagTaken,
    /// The tag is not on that digest.
    TagMoved,
    /// The key that encrypts the repository.
    Key,
    /// The registry behind a pull-through cache.
    Upstream,
    /// The request was not what the registry takes.
    Invalid,
    /// Nothing that is known.
    Unexpected,
}

impl Kind {
    /// The name of such a failure where the registry is used like this, and whether the same request may succeed later.
    pub(crate) fn named(self, side: Side) -> (Name, bool) {
        let by_side = |source, target, pull| match side {
            Side::Source => source,
            Side::Target => target,
            Side::Pull => pull,
        };
        let denied = by_side(Name::SourceAccessDenied, Name::TargetAccessDenied, Name::TargetAccessDenied);
        match self {
            Self::Busy | Self::Down | Self::NoAccessToStorage | Self::NoUpload => (Name::RegistryUnavailable, true),
            Self::Denied | Self::Stranger | Self::Key => (denied, false),
            Self::NoRepository => {
                (by_side(Name::SourceImageNotFound, Name::TargetRepositoryNotFound, Name::PullFailed), false)
            }
            Self::Archived => (by_side(Name::SourceImageNotFound, Name::PullFailed, Name::PullFailed), false),
            Self::NoImage => (by_side(Name::SourceImageNotFound, Name::RegistryUnavailable, Name::PullFailed), false),
            // What is stored is listed only after a moment; and opening a blob again gives a new address for it.
            Self::NoBlob => (by_side(Name::SourceImageNotFound, Name::RegistryUnavailable, Name::PullFailed), true),
            Self::PullLimit => (Name::RegistryUnavailable, false),
            Self::Limit => (Name::RegistryLimit, false),
            Self::Corrupt => (by_side(Name::CorruptContent, Name::CorruptContent, Name::PullFailed), false),
            Self::TagTaken => (Name::TagConflict, false),
            Self::TagMoved => (Name::DigestMismatch, false),
            Self::Upstream | Self::Invalid | Self::Unexpected => (Name::RegistryUnavailable, false),
        }
    }
}

/// All codes that ECR models for the operations in use, those that every AWS service may answer, and those of the distribution
/// specification. `LimitExceededException` is a hard quota in ECR, though elsewhere in AWS, and to the SDK, it is throttling.
const CODES: &[(&str, Kind)] = &[
    // Not modelled for any operation of ECR, and still what it answers under load.
    ("ThrottlingException", Kind::Busy),
    ("Throttling", Kind::Busy),
    ("ThrottledException", Kind::Busy),
    ("RequestThrottled", Kind::Busy),
    ("RequestThrottledException", Kind::Busy),
    ("RequestLimitExceeded", Kind::Busy),
    ("TooManyRequestsException", Kind::Busy),
    ("SlowDown", Kind::Busy),
    ("TOOMANYREQUESTS", Kind::Busy),
    ("ImageFailure:UpstreamTooManyRequests", Kind::Busy),
    ("ServerException", Kind::Down),
    ("InternalFailure", Kind::Down),
    ("InternalServerError", Kind::Down),
    ("InternalError", Kind::Down),
    ("ServiceUnavailable", Kind::Down),
    ("ServiceUnavailableException", Kind::Down),
    ("RequestTimeout", Kind::Down),
    ("RequestTimeoutException", Kind::Down),
    ("ImageFailure:UpstreamUnavailable", Kind::Down),
    ("AccessDeniedException", Kind::Denied),
    ("AccessDenied", Kind::Denied),
    ("NotAuthorized", Kind::Denied),
    ("DENIED", Kind::Denied),
    ("UNAUTHORIZED", Kind::Denied),
    ("BlockedByOrganizationPolicyException", Kind::Denied),
    ("UnrecognizedClientException", Kind::Stranger),
    ("InvalidClientTokenId", Kind::Stranger),
    ("InvalidSignatureException", Kind::Stranger),
    ("SignatureDoesNotMatch", Kind::Stranger),
    ("IncompleteSignature", Kind::Stranger),
    ("IncompleteSignatureException", Kind::Stranger),
    ("MissingAuthenticationToken", Kind::Stranger),
    ("MissingAuthenticationTokenException", Kind::Stranger),
    ("ExpiredToken", Kind::Stranger),
    ("ExpiredTokenException", Kind::Stranger),
    ("RequestExpired", Kind::Stranger),
    ("OptInRequired", Kind::Stranger),
    ("RegionDisabledException", Kind::Stranger),
    ("RepositoryNotFoundException", Kind::NoRepository),
    ("NAME_UNKNOWN", Kind::NoRepository),
    ("ImageNotFoundException", Kind::NoImage),
    ("ImageFailure:ImageNotFound", Kind::NoImage),
    ("MANIFEST_UNKNOWN", Kind::NoImage),
    ("ImageFailure:ImageInaccessible", Kind::Archived),
    ("ImageArchivedException", Kind::Archived),
    ("BLOB_UNKNOWN", Kind::NoBlob),
    ("LayerInaccessibleException", Kind::NoBlob),
    ("LayersNotFoundException", Kind::NoBlob),
    ("MANIFEST_BLOB_UNKNOWN", Kind::NoBlob),
    ("ReferencedImagesNotFoundException", Kind::NoBlob),
    ("BLOB_UPLOAD_UNKNOWN", Kind::NoUpload),
    ("BLOB_UPLOAD_INVALID", Kind::NoUpload),
    ("UploadNotFoundException", Kind::NoUpload),
    ("LimitExceededException", Kind::Limit),
    ("PackedPolicyTooLarge", Kind::Limit),
    ("DIGEST_INVALID", Kind::Corrupt),
    ("SIZE_INVALID", Kind::Corrupt),
    ("ImageDigestDoesNotMatchException", Kind::Corrupt),
    ("InvalidLayerException", Kind::Corrupt),
    ("ImageTagAlreadyExistsException", Kind::TagTaken),
    ("TAG_INVALID", Kind::TagTaken),
    ("ImageFailure:ImageTagDoesNotMatchDigest", Kind::TagMoved),
    ("KmsException", Kind::Key),
    ("ImageFailure:KmsError", Kind::Key),
    ("UnableToGetUpstreamImageException", Kind::Upstream),
    ("UnableToGetUpstreamLayerException", Kind::Upstream),
    ("ImageFailure:UpstreamAccessDenied", Kind::Upstream),
    ("InvalidParameterException", Kind::Invalid),
    ("ValidationException", Kind::Invalid),
    ("ValidationError", Kind::Invalid),
    ("MalformedPolicyDocument", Kind::Invalid),
    ("MANIFEST_INVALID", Kind::Invalid),
    ("NAME_INVALID", Kind::Invalid),
    ("UNSUPPORTED", Kind::Invalid),
    ("ImageFailure:InvalidImageDigest", Kind::Invalid),
    ("ImageFailure:InvalidImageTag", Kind::Invalid),
    ("ImageFailure:MissingDigestAndTag", Kind::Invalid),
    ("ImageFailure:ImageReferencedByManifestList", Kind::Unexpected),
    ("LayerFailure:InvalidLayerDigest", Kind::Invalid),
    ("LayerFailure:MissingLayerDigest", Kind::Invalid),
    // Answers that the operations handle themselves; they mean nothing elsewhere.
    ("ImageAlreadyExistsException", Kind::Unexpected),
    ("LifecyclePolicyNotFoundException", Kind::Unexpected),
];

/// Errors of KMS that are its own trouble (KMS API reference, "Common errors").
const PASSING: &[&str] =
    &["ThrottlingException", "KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException"];

/// What a refusal means. The code decides, then the status; texts only where ECR gives nothing else.
pub(crate) fn kind(refusal: &Refusal) -> Kind {
    let Refusal { by, status, code, message, .. } = refusal;
    let coded = CODES.iter().find(|(known, _)| known == code).map(|(_, kind)| *kind);
    match (by, coded, *status) {
        (_, _, 429) if message.contains("pull rate limit") => Kind::PullLimit,
        (_, Some(Kind::Busy), _) | (_, _, 429) => Kind::Busy,
        _ if message.contains("Rate exceeded") => Kind::Busy,
        (_, _, 408 | 500..) => Kind::Down,
        (Party::Storage, _, 404 | 410) => Kind::NoBlob,
        (_, _, 416) => Kind::Corrupt,
        (Party::Storage, _, 400..500) => Kind::NoAccessToStorage,
        // "Limit on number of layers per image exceeded" comes as 405 UNSUPPORTED (cirruslabs/tart#890).
        (_, Some(Kind::Invalid), _) if message.contains("Limit on number of") => Kind::Limit,
        // KMS tells its own code: these pass, while a key that is disabled or denied stays so.
        (_, Some(Kind::Key), _) if PASSING.iter().any(|code| message.contains(code)) => Kind::Down,
        (_, Some(kind), _) => kind,
        (_, None, 401 | 403) => Kind::Denied,
        _ => Kind::Unexpected,
    }
}

/// Whether a registry refused the token and not what was asked with it, so that a new token may help.
///
/// ECR answers 403 DENIED "Your authorization token has expired. Reauthenticate and try again." and has been seen to answer 403 with plain text, so
/// everything counts that is not plainly a denial by policy, which names the action.
pub(crate) fn is_about_token(refusal: &Refusal) -> bool {
    refusal.by == Party::Registry
        && match refusal.status {
            401 => true,
            403 => !refusal.message.contains("not authorized to perform"),
            _ => false,
        }
}

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

    /// The service model of ECR (API version 2015-09-21) lists these for the operations in use.
    #[test]
    fn every_modelled_error_has_a_meaning() {
        for code in [
            "ImageAlreadyExistsException",
            "ImageDigestDoesNotMatchException",
            "ImageTagAlreadyExistsException",
            "InvalidParameterException",
            "KmsException",
            "LayersNotFoundException",
            "LifecyclePolicyNotFoundException",
            "LimitExceededException",
            "ReferencedImagesNotFoundException",
            "RepositoryNotFoundException",
            "ServerException",
            "UnableToGetUpstreamImageException",
            "ValidationException",
        ] {
            assert!(CODES.iter().any(|(known, _)| *known == code), "{code}");
        }
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
            (refusal(Registry, 400, "ThrottlingException", "Rate exceeded"), Kind::Busy),
            (refusal(Registry, 429, "", ""), Kind::Busy),
            (refusal(Registry, 400, "SomethingNew", "Rate exceeded"), Kind::Busy),
            (refusal(Registry, 503, "", ""), Kind::Down),
            (refusal(Registry, 500, "ServerException", ""), Kind::Down),
            (refusal(Registry, 400, "ServerException", ""), Kind::Down),
            (refusal(Registry, 400, "LimitExceededException", "quota"), Kind::Limit),
            (refusal(Registry, 405, "UNSUPPORTED", "Limit on number of layers per image exceeded"), Kind::Limit),
            (refusal(Registry, 405, "UNSUPPORTED", "Invalid JSON syntax"), Kind::Invalid),
            (refusal(Registry, 400, "KmsException", "no (DisabledException)"), Kind::Key),
            (refusal(Registry, 400, "KmsException", "no (ThrottlingException)"), Kind::Down),
            (refusal(Registry, 403, "", "Forbidden"), Kind::Denied),
            (refusal(Registry, 404, "NAME_UNKNOWN", ""), Kind::NoRepository),
            (refusal(Registry, 404, "", ""), Kind::Unexpected),
            (refusal(Registry, 418, "TEAPOT", ""), Kind::Unexpected),
            (refusal(Storage, 403, "AccessDenied", "Request has expired"), Kind::NoAccessToStorage),
            (refusal(Storage, 400, "ExpiredToken", ""), Kind::NoAccessToStorage),
            (refusal(Storage, 404, "NoSuchKey", ""), Kind::NoBlob),
            (refusal(Storage, 416, "InvalidRange", ""), Kind::Corrupt),
            (refusal(Storage, 503, "SlowDown", ""), Kind::Busy),
        ] {
            assert_eq!(kind(&refusal), expected, "{refusal:?}");
        }
    }

    #[test]
    fn tells_a_bad_token_from_a_denial() {
        let expired = "Your authorization token has expired. Reauthenticate and try again.";
        let denied = "User: arn:aws:iam::111122223333:user/x is not authorized to perform: ecr:PutImage on resource: y";
        for (by, status, message, expected) in [
            (Party::Registry, 401, "", true),
            (Party::Registry, 403, expired, true),
            (Party::Registry, 403, "no basic auth credentials", true),
            (Party::Registry, 403, denied, false),
            (Party::Storage, 403, expired, false),
            (Party::Registry, 404, expired, false),
        ] {
            assert_eq!(is_about_token(&refusal(by, status, "DENIED", message)), expected, "{status} {message}");
        }
    }
}
