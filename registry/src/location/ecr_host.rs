use crate::{RegistryId, is_account_id};

/// The host of an ECR registry. All that matters is in its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcrHost {
    host: String,
    /// The account and region.
    pub registry_id: RegistryId,
    /// Whether its endpoints are those validated under FIPS 140.
    pub is_fips: bool,
    /// Whether it is reached over IPv6 as well.
    pub is_dual_stack: bool,
}

/// The domains of ECR registries, per partition (Amazon ECR User Guide, "Private registry"; the same list is in
/// awslabs/amazon-ecr-credential-helper, `ecr-login/api/client.go`), and of their dual-stack names.
const DOMAINS: [&str; 7] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
];
const DUAL_STACK_DOMAINS: [&str; 3] = ["on.aws", "on.amazonwebservices.com.cn", "on.amazonwebservices.eu"];

impl EcrHost {
    /// None if this is no host of ECR.
    pub(super) fn parse(host: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        let (account, rest) = host.split_once('.')?;
        let (service, rest) = match rest.strip_prefix("dkr.") {
            Some(rest) => rest.split_once('.')?,
            None => rest.strip_prefix("dkr-")?.split_once('.')?,
        };
        let is_dual_stack = !host.contains(".dkr.");
        let is_fips = match service {
            "ecr" => false,
            "ecr-fips" => true,
            _ => return None,
        };
        let (region, domain) = rest.split_once('.')?;
        let domains: &[&str] = if is_dual_stack { &DUAL_STACK_DOMAINS } else { &DOMAINS };
        let is_region = region.split('-').count() > 2
            && region.split('-').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let registry_id = RegistryId::new(account, region);
        (is_account_id(account) && is_region && domains.contains(&domain)).then_some(Self {
            host,
            registry_id,
            is_fips,
            is_dual_stack,
        })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.host
    }
}
