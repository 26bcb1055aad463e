use oci::Secrets;

use super::registry_id::is_account_id;

/// What no message may repeat of external ids. That of some is the number of an account, which every ARN shows.
pub fn external_id_secrets<S: AsRef<str>>(ids: impl IntoIterator<Item = S>) -> Secrets {
    Secrets::of(ids.into_iter().filter(|id| !is_account_id(id.as_ref())))
}
