use std::error::Error as StdError;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use oci::text::sanitize_line;

/// What went wrong with a request to an AWS service, once the SDK has given up.
pub(crate) struct AwsFailure {
    /// None if no answer came.
    status: Option<u16>,
    code: Option<String>,
    /// In words, with the causes behind it.
    pub(crate) what: String,
}

impl AwsFailure {
    pub(crate) fn of<E>(error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let code = error.code().map(ToOwned::to_owned);
        let what = match (&code, error.message()) {
            (Some(code), Some(message)) => sanitize_line(&format!("{code}: {message}")),
            (Some(code), None) => sanitize_line(code),
            _ => causes(error),
        };
        Self { status: error.raw_response().map(|response| response.status().as_u16()), code, what }
    }

    pub(crate) fn has_code(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }

    /// Not allowed, or not known to be who it says it is.
    pub(crate) fn is_denied(&self) -> bool {
        (self.status == Some(403) && !self.is_archived()) || self.has_code(&["AccessDenied", "AccessDeniedException"])
    }

    /// A file of S3 that is in an archive, which is a 403 as well (Amazon S3 API Reference, "Error responses").
    pub(crate) fn is_archived(&self) -> bool {
        self.has_code(&["InvalidObjectState"])
    }

    /// Denied by a policy that says so, which no policy that allows it outweighs (IAM User Guide, "Policy evaluation
    /// logic").
    pub(crate) fn is_explicit_deny(&self) -> bool {
        self.is_denied() && self.what.contains("explicit deny")
    }

    /// Nothing that was asked for is wrong: it may go well later.
    pub(crate) fn is_outage(&self) -> bool {
        let throttled = ["ThrottlingException", "Throttling", "SlowDown", "RequestTimeout", "TooManyUpdates"];
        self.has_code(&throttled) || self.status.is_none_or(|status| status >= 500 || status == 429)
    }
}

/// What to change where a policy denies something explicitly.
pub(crate) const NARROW_THE_DENY: &str = ". This is an explicit deny, which no other policy outweighs: narrow the policy that AWS names for the function's role";

/// An error and those behind it, in one line.
pub(crate) fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !line.contains(&words) {
            line += ": ";
            line += &words;
        }
        next = cause.source();
    }
    sanitize_line(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the status that each has in the API references of S3 and SSM. That the file or the parameter is not there is
    /// no failure, and seen before.
    #[test]
    fn every_modelled_error_is_an_outage_a_denial_or_neither() {
        type Kinds = &'static [(&'static str, u16, &'static str)];
        const MODELLED: &[(&str, &str, Kinds)] = &[
            ("aws-sdk-s3", "get_object", &[("InvalidObjectState", 403, "archived"), ("NoSuchKey", 404, "wrong")]),
            (
                "aws-sdk-s3",
                "put_object",
                &[
                    ("EncryptionTypeMismatch", 400, "wrong"),
                    ("InvalidRequest", 400, "wrong"),
                    ("InvalidWriteOffset", 400, "wrong"),
                    ("TooManyParts", 400, "wrong"),
                ],
            ),
            (
                "aws-sdk-ssm",
                "get_parameter",
                &[
                    ("InternalServerError", 500, "outage"),
                    ("InvalidKeyId", 400, "wrong"),
                    ("ParameterNotFound", 400, "wrong"),
                    ("ParameterVersionNotFound", 400, "wrong"),
                ],
            ),
        ];
        for (package, operation, errors) in MODELLED {
            let listed: Vec<_> = errors.iter().map(|(code, ..)| *code).collect();
            assert_eq!(sdk_errors::Sdk::of(package).errors(operation), listed, "{operation}");
            for (code, status, expected) in *errors {
                let failed = AwsFailure { status: Some(*status), code: Some((*code).into()), what: String::new() };
                let kind = match failed {
                    failed if failed.is_outage() => "outage",
                    failed if failed.is_denied() => "denied",
                    failed if failed.is_archived() => "archived",
                    _ => "wrong",
                };
                assert_eq!(kind, *expected, "{operation}: {code}");
            }
        }
    }

    #[test]
    fn an_explicit_deny_is_told_from_a_missing_statement() {
        let by = |what: &str| AwsFailure { status: Some(403), code: Some("AccessDenied".into()), what: what.into() };
        let denied =
            "AccessDenied: User: arn:aws:sts::111122223333:assumed-role/a/b is not authorized to perform: s3:GetObject";
        let explicit = by(&format!("{denied} with an explicit deny in a resource-based policy"));
        assert!(explicit.is_denied() && explicit.is_explicit_deny());
        let missing = by(&format!("{denied} because no identity-based policy allows the s3:GetObject action"));
        assert!(missing.is_denied() && !missing.is_explicit_deny());
    }
}
