//! Where `/v2` of a registry is: at the host that a user wrote, or at one that ECR names.

use promotion::Error;

use super::registry_id::RegistryId;
use crate::EcrHost;
use crate::http::Origin;

/// What is known of the host before ECR is asked. ECR answers with the IPv4 host, whatever host the API was asked at
/// (hashicorp/terraform-provider-aws#49276), and so with one that may not be reached, or must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RegistryHost {
    /// A user wrote it, and nothing else will do.
    Written(EcrHost),
    /// A user gave account and region. ECR knows the domain, and the configuration says the form, for the API as for
    /// `/v2`.
    Named {
        /// Of this account and region.
        registry_id: RegistryId,
        /// Whether the endpoints are those validated under FIPS 140.
        is_fips: bool,
        /// Whether they are reached over IPv6 as well.
        is_dual_stack: bool,
    },
}

impl RegistryHost {
    /// The origin of `/v2`, now that ECR has answered with the address that it calls `proxyEndpoint`.
    ///
    /// What stands in for ECR on this machine is no host of ECR: its address is the only one that there is.
    ///
    /// # Errors
    /// `UnexpectedAnswer` if that is no address of a registry.
    pub(super) fn origin(&self, proxy_endpoint: &str) -> Result<Origin, Error> {
        let answered = Origin::parse(proxy_endpoint)?;
        if answered.is_loopback() {
            return Ok(answered);
        }
        let host = match self {
            Self::Written(host) => host.clone(),
            Self::Named { registry_id, is_fips, is_dual_stack } => match EcrHost::parse(answered.authority()) {
                Some(host) => host.of(registry_id, *is_fips, *is_dual_stack),
                // Of a partition that is not known here, or of an endpoint that the configuration names.
                None => return Ok(answered),
            },
        };
        Origin::written("https", host.as_str())
    }

    /// The registry before the name of an image, if this is the origin of its `/v2`: as the user wrote it, or else as ECR
    /// itself names it (`repositoryUri`), because not all that pulls images takes the other names.
    pub(super) fn name(&self, origin: &Origin) -> String {
        match (self, EcrHost::parse(origin.authority())) {
            (Self::Named { registry_id, .. }, Some(host)) => host.of(registry_id, false, false).as_str().to_owned(),
            _ => origin.authority().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use promotion::Name;

    use super::*;

    const OWN: &str = "https://111122223333.dkr.ecr.eu-west-1.amazonaws.com";

    fn origin(host: &RegistryHost, proxy_endpoint: &str) -> String {
        host.origin(proxy_endpoint).unwrap().to_string()
    }

    fn named(is_fips: bool, is_dual_stack: bool) -> RegistryHost {
        RegistryHost::Named { registry_id: RegistryId::new("111122223333", "eu-west-1"), is_fips, is_dual_stack }
    }

    #[test]
    fn a_host_that_a_user_wrote_is_where_v2_is() {
        for host in [
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com",
            "111122223333.dkr-ecr.eu-west-1.on.aws",
            "111122223333.dkr.ecr-fips.us-east-1.amazonaws.com",
            "111122223333.dkr-ecr-fips.us-east-1.on.aws",
            "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "111122223333.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
        ] {
            let written = RegistryHost::Written(EcrHost::parse(host).unwrap());
            for answer in [OWN, "https://444455556666.dkr.ecr.eu-west-1.amazonaws.com", "https://registry.example"] {
                assert_eq!(origin(&written, answer), format!("https://{host}"), "{answer}");
            }
            assert_eq!(written.name(&written.origin(OWN).unwrap()), host);
            assert_eq!(origin(&written, "http://127.0.0.1:5000"), "http://127.0.0.1:5000");
            let error = written.origin("https://169.254.169.254").unwrap_err();
            assert_eq!(error.name(), Name::UnexpectedAnswer, "{error}");
        }
    }

    #[test]
    fn account_and_region_are_looked_for_in_the_form_that_is_configured() {
        for (host, expected) in [
            (named(false, false), OWN),
            (named(true, false), "https://111122223333.dkr.ecr-fips.eu-west-1.amazonaws.com"),
            (named(false, true), "https://111122223333.dkr-ecr.eu-west-1.on.aws"),
            (named(true, true), "https://111122223333.dkr-ecr-fips.eu-west-1.on.aws"),
        ] {
            // `registryIds` is deprecated, and without it ECR names the registry of whoever asks
            // (hashicorp/terraform-provider-aws#38601).
            for answer in [OWN, "https://444455556666.dkr.ecr.eu-west-1.amazonaws.com"] {
                assert_eq!(origin(&host, answer), expected);
            }
            assert_eq!(host.name(&host.origin(OWN).unwrap()), "111122223333.dkr.ecr.eu-west-1.amazonaws.com");
            for elsewhere in ["http://127.0.0.1:5000", "https://registry.new-partition.example"] {
                assert_eq!(origin(&host, elsewhere), elsewhere);
                assert_eq!(host.name(&host.origin(elsewhere).unwrap()), elsewhere.split("://").nth(1).unwrap());
            }
            let error = host.origin("https://169.254.169.254").unwrap_err();
            assert_eq!(error.name(), Name::UnexpectedAnswer, "{error}");
        }
        let secret = RegistryHost::Named {
            registry_id: RegistryId::new("111122223333", "us-isob-east-1"),
            is_fips: false,
            is_dual_stack: true,
        };
        let only = "https://111122223333.dkr.ecr.us-isob-east-1.sc2s.sgov.gov";
        assert_eq!(origin(&secret, only), only, "no dual-stack name is known there");
    }
}
