use std::fmt;

/// The account and region of an ECR registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistryId {
    /// The id of the account.
    pub account: String,
    /// The region, such as `eu-west-1`.
    pub region: String,
}

impl RegistryId {
    /// The registry of this account in this region.
    #[must_use]
    pub fn new(account: impl Into<String>, region: impl Into<String>) -> Self {
        Self { account: account.into(), region: region.into() }
    }
}

/// Whether a text can be the id of an AWS account: twelve digits (AWS Account Management Reference Guide, "AWS account
/// identifiers").
#[must_use]
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `111122223333/eu-west-1`
impl fmt::Display for RegistryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}
