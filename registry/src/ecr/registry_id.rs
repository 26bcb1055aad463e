use std::fmt;

/// The account and region of an ECR registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistryId {
    /// The twelve digits of the account.
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

/// `111122223333/eu-west-1`
impl fmt::Display for RegistryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}
