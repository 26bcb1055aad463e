use std::fmt;
use std::str::FromStr;

use promotion::{Error, Name};
use registry::{Address, Identity, RegistryId, Role, is_account_id};

/// A registry as a user writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    Ecr(EcrHost),
    Distribution(Address),
}

/// The host of an ECR registry. All that matters is in its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EcrHost {
    host: String,
    pub(crate) registry_id: RegistryId,
    pub(crate) is_fips: bool,
    pub(crate) is_dual_stack: bool,
}

/// The ARN of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoleArn {
    partition: String,
    account: String,
    name: String,
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

/// The names under which a machine speaks to itself.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

impl Location {
    /// Equal for two ways to write the same registry.
    pub(crate) fn identity(&self) -> String {
        let address = match self {
            Self::Ecr(ecr) => return format!("ecr {}", ecr.registry_id),
            Self::Distribution(address) => address,
        };
        let registry = address.registry().as_str().to_ascii_lowercase();
        let (host, port) = match registry.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (registry.as_str(), if address.is_plain() { "80" } else { "443" }),
        };
        let host = host.strip_suffix('.').unwrap_or(host);
        format!("{}:{port}", if LOOPBACK.contains(&host) { "localhost" } else { host })
    }

    /// As it stands in front of an image's name.
    pub(crate) fn host(&self) -> &str {
        match self {
            Self::Ecr(ecr) => &ecr.host,
            Self::Distribution(address) => address.registry().as_str(),
        }
    }

    pub(crate) fn is_ecr(&self) -> bool {
        matches!(self, Self::Ecr(_))
    }
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (scheme, host) = text.split_once("://").unwrap_or(("https", text));
        let host = host.strip_suffix('/').unwrap_or(host);
        match EcrHost::parse(host.strip_suffix(":443").unwrap_or(host)) {
            Some(ecr) if scheme == "https" => Ok(Self::Ecr(ecr)),
            Some(_) => {
                let message = format!("ECR is spoken to over https only: write {host}");
                Err(Error::new(Name::InvalidInput, message))
            }
            None => text.parse().map(Self::Distribution),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ecr(ecr) => f.write_str(&ecr.host),
            Self::Distribution(address) => address.fmt(f),
        }
    }
}

impl EcrHost {
    fn parse(host: &str) -> Option<Self> {
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
}

impl RoleArn {
    /// The role, to be assumed with an external id if there is one.
    pub(crate) fn role(&self, external_id: Option<&str>) -> Role {
        Role::new(&self.partition, &self.account, &self.name, "transship-cli")
            .with_external_id(external_id.map(str::to_owned))
    }
}

impl FromStr for RoleArn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let role = Identity::from_arn(text).and_then(|identity| {
            let (_, name) = text.split_once(":role/").filter(|(_, name)| !name.is_empty())?;
            Some(Self {
                partition: identity.partition().to_owned(),
                account: identity.account().to_owned(),
                name: name.to_owned(),
            })
        });
        role.ok_or_else(|| {
            let message = format!(
                "\"{}\" is not the ARN of a role: expected arn:aws:iam::111122223333:role/NAME",
                text.escape_debug()
            );
            Error::new(Name::InvalidInput, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Location {
        text.parse().unwrap()
    }

    #[test]
    fn the_hosts_of_ecr_are_known_by_their_form() {
        for (text, region, is_fips, is_dual_stack) in [
            ("111122223333.dkr.ecr.eu-west-1.amazonaws.com", "eu-west-1", false, false),
            ("https://111122223333.DKR.ecr.eu-west-1.amazonaws.com:443/", "eu-west-1", false, false),
            ("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", false, false),
            ("111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1", true, false),
            ("111122223333.dkr-ecr.eu-west-1.on.aws", "eu-west-1", false, true),
            ("111122223333.dkr-ecr-fips.us-east-1.on.aws", "us-east-1", true, true),
            ("111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", false, false),
        ] {
            let Location::Ecr(ecr) = parse(text) else { panic!("{text} is of ECR") };
            assert_eq!(ecr.registry_id, RegistryId::new("111122223333", region));
            assert_eq!((ecr.is_fips, ecr.is_dual_stack), (is_fips, is_dual_stack), "{text}");
        }
        for text in [
            "public.ecr.aws",
            "1234.dkr.ecr.eu-west-1.amazonaws.com",
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com.example",
            "111122223333.dkr.ecr.eu-west-1.on.aws",
            "111122223333.dkr.ecs.eu-west-1.amazonaws.com",
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com:8443",
            "localhost:5000",
            "http://registry.example",
        ] {
            assert!(!parse(text).is_ecr(), "{text} is not of ECR");
        }
        let plain = "http://111122223333.dkr.ecr.eu-west-1.amazonaws.com".parse::<Location>().unwrap_err();
        assert!(plain.to_string().contains("over https only"));
        for text in ["", "ftp://registry.example", "registry.example/app", "user@registry.example"] {
            assert_eq!(text.parse::<Location>().unwrap_err().name(), Name::InvalidInput, "{text}");
        }
    }

    #[test]
    fn one_registry_is_known_under_all_its_names() {
        for (one, other) in [
            ("Registry.example", "https://registry.example:443"),
            ("http://registry.example", "http://registry.example:80"),
            ("docker.io", "registry-1.docker.io"),
            ("index.docker.io", "docker.io"),
            ("localhost:5000", "http://127.0.0.1:5000"),
            ("[::1]:5000", "127.0.0.1:5000"),
            ("registry.example", "registry.example."),
            ("111122223333.dkr.ecr.us-east-1.amazonaws.com", "111122223333.dkr-ecr-fips.us-east-1.on.aws"),
        ] {
            assert_eq!(parse(one).identity(), parse(other).identity(), "{one} {other}");
        }
        for (one, other) in [
            ("registry.example", "registry.example:5000"),
            ("registry.example", "http://registry.example"),
            ("127.0.0.1:5000", "127.0.0.1:5001"),
            ("111122223333.dkr.ecr.us-east-1.amazonaws.com", "111122223333.dkr.ecr.us-east-2.amazonaws.com"),
        ] {
            assert_ne!(parse(one).identity(), parse(other).identity(), "{one} {other}");
        }
    }

    #[test]
    fn roles_keep_partition_and_path() {
        let arn = "arn:aws-cn:iam::111122223333:role/ci/promoter";
        assert_eq!(arn.parse::<RoleArn>().unwrap().role(None).arn(), arn);
        for text in
            ["promoter", "arn:aws:iam::111122223333:user/x", "arn:aws:iam::1:role/x", "arn:aws:iam::111122223333:role/"]
        {
            assert!(text.parse::<RoleArn>().unwrap_err().to_string().contains("is not the ARN of a role"));
        }
    }
}
