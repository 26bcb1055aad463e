//! Asking an STS who owns an access key.

use crate::guard::callers::Caller;

/// Filled in below; for now nobody is known.
pub(crate) async fn ask(_endpoint: &str, _access_key_id: &str) -> Option<Caller> {
    None
}
