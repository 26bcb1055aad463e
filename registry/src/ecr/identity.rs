use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use promotion::{Error, Name};

use super::answer_limit::AnswerLimit;
use super::registry_id::is_account_id;
use super::sdk::failure;
use crate::error_kind::ErrorKind;
use crate::http::{Failure, Timeouts};

/// Who this process is to AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    arn: String,
    partition: String,
    account: String,
}

impl Identity {
    /// Asks STS (GetCallerIdentity, which needs no permission).
    ///
    /// # Errors
    /// `InvalidInput` without usable credentials, `RegistryUnavailable` when STS does not answer, `UnexpectedAnswer`
    /// when it answers without an ARN.
    pub async fn read(config: &SdkConfig) -> Result<Self, Error> {
        let answer = sts(config, Timeouts::default()).get_caller_identity().send().await;
        let identity = answer.map_err(|error| named(failure(error)))?;
        identity.arn().and_then(Self::from_arn).ok_or_else(|| {
            Error::new(
                Name::UnexpectedAnswer,
                "asking STS who we are (GetCallerIdentity): it answered without a readable ARN",
            )
        })
    }

    /// The identity behind an ARN of IAM or STS; none if it is no such ARN.
    #[must_use]
    pub fn from_arn(arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (scheme, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (_region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let readable = scheme == "arn"
            && matches!(service, "iam" | "sts")
            && !partition.is_empty()
            && is_account_id(account)
            && !resource.is_empty()
            // Names and paths in IAM are (IAM User Guide, "IAM and AWS STS quotas"), and it gets into messages.
            && resource.bytes().all(|byte| byte.is_ascii_graphic());
        readable.then(|| Self { arn: arn.into(), partition: partition.into(), account: account.into() })
    }

    /// The ARN as STS gave it.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The twelve digits of its account.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Its partition: `aws`, `aws-cn`, `aws-us-gov`, ...
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The ARN as a policy names it: of the role, where STS names a session of it.
    ///
    /// STS leaves out the path of a role; a role that has one must be looked up.
    pub(super) fn principal(&self) -> String {
        match self.arn.split_once(":assumed-role/") {
            Some((_, session)) => {
                let role = session.split('/').next().unwrap_or(session);
                format!("arn:{}:iam::{}:role/{role}", self.partition, self.account)
            }
            None => self.arn.clone(),
        }
    }
}

/// An STS client that makes one attempt per call.
pub(super) fn sts(config: &SdkConfig, timeouts: Timeouts) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::config::Builder::from(config)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeout_config(config, timeouts))
        .interceptor(AnswerLimit::ONE_THING)
        .build();
    aws_sdk_sts::Client::from_conf(config)
}

/// The time-outs of SDK clients: an answer of ECR may hold a hundred manifests.
pub(super) fn timeout_config(config: &SdkConfig, timeouts: Timeouts) -> TimeoutConfig {
    let ours = TimeoutConfig::builder().connect_timeout(timeouts.connect).operation_attempt_timeout(timeouts.answer);
    match config.timeout_config() {
        Some(set) => set.to_builder().take_unset_from(ours).build(),
        None => ours.build(),
    }
}

fn named(failure: Failure) -> Error {
    match failure {
        Failure::Failed(error) => error.context("asking STS who we are (GetCallerIdentity)"),
        Failure::Refused(refusal) => {
            let message = format!("asking STS who we are (GetCallerIdentity): {}", refusal);
            if ErrorKind::of(&refusal).is_outage() {
                return Error::new(Name::RegistryUnavailable, message).with_retry_after(refusal.retry_after);
            }
            Error::new(Name::InvalidInput, message + ". Check the credentials and the region of this process")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_arns() {
        let identity = Identity::from_arn("arn:aws-cn:sts::111122223333:assumed-role/deployer/session").unwrap();
        assert_eq!((identity.partition(), identity.account()), ("aws-cn", "111122223333"));
        assert_eq!(identity.principal(), "arn:aws-cn:iam::111122223333:role/deployer");
        let user = "arn:aws:iam::111122223333:user/a/b";
        assert_eq!(Identity::from_arn(user).unwrap().principal(), user);
        for arn in [
            "",
            "arn:aws:s3:::bucket",
            "arn:aws:iam::1:root",
            "arn:aws:iam::111122223333",
            "111122223333",
            "arn:aws:iam::111122223333:user/a\nb",
        ] {
            assert_eq!(Identity::from_arn(arn), None, "{arn}");
        }
    }
}
