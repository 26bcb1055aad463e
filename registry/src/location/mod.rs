//! Where a registry is, as users write it: the host of an ECR registry, or the address of any other.

mod ecr_host;

use std::fmt;
use std::str::FromStr;

use promotion::{Error, Name};

use crate::Address;
pub use ecr_host::EcrHost;

/// A registry as a user writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Amazon ECR, which is spoken to through its API.
    Ecr(EcrHost),
    /// Any other.
    Distribution(Address),
}

/// The names under which a machine speaks to itself.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

impl Location {
    /// Equal for two ways to write the same registry.
    #[must_use]
    pub fn identity(&self) -> String {
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

    /// The registry in front of an image's name.
    #[must_use]
    pub fn host(&self) -> &str {
        match self {
            Self::Ecr(ecr) => ecr.as_str(),
            Self::Distribution(address) => address.registry().as_str(),
        }
    }

    /// Whether it is Amazon ECR.
    #[must_use]
    pub fn is_ecr(&self) -> bool {
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
            Self::Ecr(ecr) => f.write_str(ecr.as_str()),
            Self::Distribution(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RegistryId;

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
}
