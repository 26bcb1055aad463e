use std::fmt;

use oci::Secrets;

use super::external_id::external_id_secrets;

/// A role to assume before a registry is spoken to.
#[derive(Clone, PartialEq, Eq)]
pub struct Role {
    arn: String,
    session: String,
    external_id: Option<String>,
    /// The external id, known as long as it is used.
    _secrets: Secrets,
}

impl Role {
    /// The role `name` (with its path, if it has one) of an account. The session name is what CloudTrail shows there.
    ///
    /// The partition (`aws`, `aws-cn`, `aws-us-gov`, ...) is that of the caller: [`crate::Identity::partition`].
    #[must_use]
    pub fn new(partition: &str, account: &str, name: &str, session: &str) -> Self {
        let name = name.trim_start_matches('/');
        Self {
            arn: format!("arn:{partition}:iam::{account}:role/{name}"),
            session: session_name(session),
            external_id: None,
            _secrets: Secrets::default(),
        }
    }

    /// The same role, assumed with an external id.
    #[must_use]
    pub fn with_external_id(mut self, id: Option<String>) -> Self {
        self.external_id = id.filter(|id| !id.is_empty());
        self._secrets = external_id_secrets(&self.external_id);
        self
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    pub(super) fn session(&self) -> &str {
        &self.session
    }

    pub(super) fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}

/// The external id is no secret by IAM's own words, but a log has no use for it.
impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Role({} as {:?})", self.arn, self.session)
    }
}

/// What STS takes as `RoleSessionName`: 2 to 64 characters of `[\w+=,.@-]`.
fn session_name(wanted: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "_+=,.@-".contains(c) { c } else { '-' };
    let name: String = wanted.chars().map(allowed).take(64).collect();
    if name.len() < 2 { "transship".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_names_are_what_sts_takes() {
        assert_eq!(session_name("transship/myapp:prod"), "transship-myapp-prod");
        assert_eq!(session_name("x"), "transship");
        assert_eq!(session_name(&"ä".repeat(99)).len(), 64);
    }

    #[test]
    fn arn_keeps_partition_and_path() {
        let role = Role::new("aws-cn", "111122223333", "/ci/promoter", "s1").with_external_id(Some("hush".into()));
        assert_eq!(role.arn(), "arn:aws-cn:iam::111122223333:role/ci/promoter");
        assert!(!format!("{role:?}").contains("hush"));
        assert_eq!(role.clone().with_external_id(Some(String::new())).external_id(), None);
    }
}
