use std::fmt;
use std::sync::Arc;

use promotion::Error;

use super::authenticator::Authenticator;
use super::endpoint::DistributionEndpoint;
use super::{Address, Distribution, Logins};
use crate::http::{Client, Timeouts};
use crate::v2::V2;
use crate::{Network, Side};

/// Connects to registries of the distribution specification. One per process: what it connects to shares HTTP
/// connections.
#[derive(Clone)]
pub struct Distributions {
    http: Client,
}

impl Distributions {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// `InvalidInput` if the proxy is no address; `RegistryUnavailable` if no TLS client can be made on this machine.
    pub fn new(network: &Network) -> Result<Self, Error> {
        Self::with_timeouts(network, Timeouts::default())
    }

    /// The same, waiting this long.
    ///
    /// # Errors
    /// Those of [`Distributions::new`].
    pub fn with_timeouts(network: &Network, timeouts: Timeouts) -> Result<Self, Error> {
        Ok(Self { http: Client::new(network, timeouts)? })
    }

    /// A registry, opened with these logins and used as this side. Nothing is sent yet.
    #[must_use]
    pub fn connect(&self, address: Address, logins: impl Into<Logins>, side: Side) -> Distribution {
        let endpoint = DistributionEndpoint::new(address, logins.into(), side);
        let http = self.http.with_own_count().distrusting_address();
        Distribution(Arc::new(V2::new(Authenticator::new(endpoint, http))))
    }
}

impl fmt::Debug for Distributions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Distributions")
    }
}

#[cfg(test)]
mod tests {
    use promotion::pull::Consumer as _;
    use promotion::{Name, Source as _};

    use super::*;
    use crate::http::loopback::Loopback;
    use crate::{Login, Proxy};

    async fn pull(proxy: &Proxy, address: &str) -> Error {
        let network = Network { proxy: proxy.clone(), ..Network::default() };
        let client =
            Distributions::new(&network).unwrap().connect(address.parse().unwrap(), Login::Anonymous, Side::Source);
        let tag = oci::Reference::Tag("1".parse().unwrap());
        let error = client.pull_manifest(&"app".parse().unwrap(), &tag).await.unwrap_err();
        assert_eq!(client.requests(), 1);
        error
    }

    #[tokio::test]
    async fn https_goes_through_the_proxy_but_where_it_should_not() {
        let server = Loopback::answering(["407 Proxy Authentication Required\n", "404 Not Found\n\n"]);
        let address = server.address.replace("http://", "http://ann:s3cret@");
        let proxy = Proxy { https: Some(address), except: Some("localhost,registry.invalid".into()) };
        assert!(!format!("{proxy:?}").contains("s3cret"));
        let error = pull(&proxy, "https://registry.example").await;
        let text = error.to_string();
        assert!(text.contains("with HTTPS_PROXY set") && !text.contains("s3cret"), "{text}");
        assert!(server.requests()[0].starts_with("CONNECT registry.example:443 "), "{:?}", server.requests());
        assert!(pull(&proxy, "https://registry.invalid").await.to_string().contains("cannot be resolved"));
        assert_eq!(server.requests().len(), 1);
        // Plain http is never shown to it.
        pull(&proxy, &server.address).await;
        assert!(server.requests()[1].starts_with("GET /v2/app/manifests/1 "), "{:?}", server.requests());
    }

    #[test]
    fn a_proxy_that_is_no_address_is_reported_without_its_password() {
        let proxy = Proxy { https: Some("http://ann:s3cret@[".into()), except: None };
        let error = Distributions::new(&Network { proxy, ..Network::default() }).unwrap_err();
        assert_eq!(error.name(), Name::InvalidInput);
        assert!(error.to_string().contains("HTTPS_PROXY") && !error.to_string().contains("s3cret"), "{error}");
    }
}
