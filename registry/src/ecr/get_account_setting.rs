use promotion::Error;

use super::Ecr;
use super::sdk::failure;
use crate::error_kind::ErrorKind;
use crate::http::Failure;
use crate::operation::Endpoint as _;

impl Ecr {
    /// Whether blobs may be mounted across repositories (account setting `BLOB_MOUNTING`, since 2026).
    ///
    /// Where that cannot be found out the answer is yes: a mount that is declined opens the upload that would have been
    /// opened anyway, so asking in vain costs nothing, while never asking costs bytes.
    pub(super) async fn get_account_setting(&self) -> Result<bool, Error> {
        // ECR answers for the account of the caller and takes no other.
        if self.endpoint().is_foreign() {
            return Ok(true);
        }
        let operation = self.endpoint().operation("ecr:GetAccountSetting", None, "reading the setting BLOB_MOUNTING");
        match self.api().await?.get_account_setting().name("BLOB_MOUNTING").send().await {
            Ok(answer) => Ok(answer.value().is_none_or(|value| value.eq_ignore_ascii_case("ENABLED"))),
            Err(error) => match failure(error) {
                Failure::Refused(refusal) if !ErrorKind::of(&refusal).is_outage() => {
                    tracing::debug!(
                        registry = self.endpoint().name,
                        %refusal,
                        "blob mounting is not known"
                    );
                    Ok(true)
                }
                failure => Err(operation.failed(failure)),
            },
        }
    }
}
