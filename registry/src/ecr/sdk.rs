use std::time::SystemTime;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use http_body_util::LengthLimitError;
use oci::text::sanitize_line;
use promotion::{Error, Name};

use crate::http::{Failure, Refusal, retry_after};

/// An error of the AWS SDK in the terms of this crate.
pub(super) fn failure<E>(error: SdkError<E>) -> Failure
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    if let SdkError::ServiceError(refused) = &error {
        if refused.raw().status().is_success() {
            // Cut or changed on its way, and not what anybody meant to say.
            let why = format!("an answer that cannot be read: {}", root(&error));
            return Failure::Failed(Error::new(Name::RegistryUnavailable, why));
        }
        let header = refused.raw().headers().get("retry-after");
        return Failure::from(Refusal {
            status: refused.raw().status().as_u16(),
            code: sanitize_line(refused.err().code().unwrap_or_default()),
            message: sanitize_line(refused.err().message().unwrap_or_default()),
            retry_after: retry_after(header, SystemTime::now()),
            ..Refusal::default()
        });
    }
    if in_chain::<LengthLimitError>(&error).is_some() {
        let why = "the answer is longer than is read of one";
        return Failure::Failed(Error::new(Name::UnexpectedAnswer, why).too_large());
    }
    if let Some(credentials) = in_chain::<CredentialsError>(&error) {
        return Failure::Failed(without_credentials(credentials));
    }
    // What cannot be built of the account, the region and the names that a user gave never will be. All else is the
    // network, or an answer that was cut.
    let is_unbuildable = matches!(error, SdkError::ConstructionFailure(_))
        || matches!(&error, SdkError::DispatchFailure(failure) if failure.is_user());
    let name = if is_unbuildable { Name::InvalidInput } else { Name::RegistryUnavailable };
    Failure::Failed(Error::new(name, root(&error)))
}

fn without_credentials(error: &CredentialsError) -> Error {
    let why = format!("no credentials: {}", root(error));
    match error {
        CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_) => {
            Error::new(Name::RegistryUnavailable, why)
        }
        _ => Error::new(
            Name::InvalidInput,
            why + ". Give this process credentials: a role where it runs in AWS, AWS_PROFILE or AWS_ACCESS_KEY_ID elsewhere",
        ),
    }
}

/// The innermost error: those around it say "dispatch failure" and the like.
fn root(error: &dyn std::error::Error) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    sanitize_line(&root.to_string())
}

fn in_chain<'a, T: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
