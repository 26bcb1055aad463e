use std::error::Error as StdError;

use aws_sdk_ecr::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_ecr::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ecr::error::BoxError;
use aws_smithy_types::body::SdkBody;
use http_body_util::{LengthLimitError, Limited};

/// How much of an answer of an AWS API is read. The SDK reads it to its end, however far that is, before anything here
/// sees it.
#[derive(Debug, Clone, Copy)]
pub struct AnswerLimit {
    bytes: usize,
}

impl AnswerLimit {
    /// No more than this, in bytes. What is longer is an error, and the rest is not read.
    #[must_use]
    pub const fn new(bytes: usize) -> Self {
        Self { bytes }
    }

    /// For ECR: one manifest of 4 MiB, with every quote in it escaped and some room, or many small ones. Who asks for
    /// several and gets too much asks for fewer.
    pub(super) const ECR: Self = Self::new(16 << 20);

    /// For answers that say one thing, as those of STS do.
    pub const ONE_THING: Self = Self::new(1 << 20);
}

impl Intercept for AnswerLimit {
    fn name(&self) -> &'static str {
        "AnswerLimit"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        let whole = std::mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(Limited::new(whole, self.bytes));
        Ok(())
    }
}

/// Whether an error is that an answer was longer than is read.
pub(super) fn is_over_limit(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<LengthLimitError>() {
            return true;
        }
        next = error.source();
    }
    false
}
