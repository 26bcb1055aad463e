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
    domain: Domain,
}

/// A domain of ECR registries, and that of the dual-stack names of the same registries where there are such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Domain {
    own: &'static str,
    dual_stack: Option<&'static str>,
}

/// The domains per partition (Amazon ECR User Guide, "Private registry" and "Making requests to Amazon ECR registries";
/// the same list is in awslabs/amazon-ecr-credential-helper, `ecr-login/api/client.go`).
const DOMAINS: [Domain; 7] = [
    Domain { own: "amazonaws.com", dual_stack: Some("on.aws") },
    Domain { own: "amazonaws.com.cn", dual_stack: Some("on.amazonwebservices.com.cn") },
    Domain { own: "amazonaws.eu", dual_stack: Some("on.amazonwebservices.eu") },
    Domain { own: "c2s.ic.gov", dual_stack: None },
    Domain { own: "sc2s.sgov.gov", dual_stack: None },
    Domain { own: "cloud.adc-e.uk", dual_stack: None },
    Domain { own: "csp.hci.ic.gov", dual_stack: None },
];

impl EcrHost {
    /// None if this is no host of ECR.
    pub(crate) fn parse(host: &str) -> Option<Self> {
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
        let is_named =
            |known: &Domain| if is_dual_stack { known.dual_stack == Some(domain) } else { known.own == domain };
        let domain = DOMAINS.into_iter().find(is_named)?;
        let is_region = region.split('-').count() > 2
            && region.split('-').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let registry_id = RegistryId::new(account, region);
        (is_account_id(account) && is_region).then_some(Self { host, registry_id, is_fips, is_dual_stack, domain })
    }

    /// The host of a registry of the same partition, in this form. Where a partition has no dual-stack names it is that
    /// of IPv4: the SDK refuses to ask for the other.
    pub(crate) fn of(&self, registry_id: &RegistryId, is_fips: bool, is_dual_stack: bool) -> Self {
        let RegistryId { account, region } = registry_id;
        let service = if is_fips { "ecr-fips" } else { "ecr" };
        let dual_stack = self.domain.dual_stack.filter(|_| is_dual_stack);
        let host = match dual_stack {
            Some(domain) => format!("{account}.dkr-{service}.{region}.{domain}"),
            None => format!("{account}.dkr.{service}.{region}.{}", self.domain.own),
        };
        let registry_id = registry_id.clone();
        Self { host, registry_id, is_fips, is_dual_stack: dual_stack.is_some(), domain: self.domain }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.host
    }
}
