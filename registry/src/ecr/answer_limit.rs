use aws_sdk_ecr::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_ecr::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ecr::error::BoxError;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

/// How much of an answer of an AWS API is read. The SDK reads it to its end, however far that is, before anything here
/// sees it. What is longer ends in a `LengthLimitError`.
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

    /// For all of them.
    pub(crate) const LONGEST: Self = Self::ECR;

    /// The same body, up to the limit.
    pub(crate) fn on(self, body: SdkBody) -> SdkBody {
        SdkBody::from_body_1_x(Limited::new(body, self.bytes))
    }
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
        *body = self.on(whole);
        Ok(())
    }
}
