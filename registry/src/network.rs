//! How this machine reaches servers: by which proxy, trusting which authorities, and with which exceptions for a host.

use std::fmt;

use oci::Secrets;
use promotion::{Error, Name};
use url::Url;

/// How servers are reached. By default: directly, by the authorities that this machine trusts, without exceptions.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// The proxy that https goes through.
    pub proxy: Proxy,
    /// Authorities that are trusted as well, by these hosts, or by all.
    pub authorities: Vec<(Option<HostName>, Authorities)>,
    /// Hosts whose certificates are not looked at.
    pub unverified: Vec<HostName>,
    /// Hosts that may send us on to private addresses.
    pub leading_inwards: Vec<HostName>,
}

impl Network {
    /// What `HTTPS_PROXY` and `NO_PROXY` say.
    #[must_use]
    pub fn from_environment() -> Self {
        Self { proxy: Proxy::from_environment(), ..Self::default() }
    }

    /// The authorities that all hosts trust.
    pub(crate) fn general_authorities(&self) -> impl Iterator<Item = &Authorities> {
        self.authorities.iter().filter(|(host, _)| host.is_none()).map(|(_, authorities)| authorities)
    }
}

/// A host as a user writes it, of any port or of one: `registry.example`, `registry.example:5000`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostName {
    host: String,
    port: Option<u16>,
}

impl HostName {
    /// Whether a URL leads there.
    pub(crate) fn is_of(&self, url: &Url) -> bool {
        let is_port = self.port.is_none_or(|port| url.port_or_known_default() == Some(port));
        is_port && url.host_str().is_some_and(|host| host.trim_end_matches('.').eq_ignore_ascii_case(&self.host))
    }
}

impl std::str::FromStr for HostName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let url = Url::parse(&format!("https://{text}")).ok();
        let is_bare = !text.contains(['/', '@', '?', '#', '\\']);
        let url = url.filter(|url| is_bare && url.host_str().is_some_and(|host| !host.is_empty()));
        let url = url.ok_or_else(|| {
            let why = format!("\"{}\" is no host: expected host or host:port", text.escape_debug());
            Error::new(Name::InvalidInput, why)
        })?;
        // The port of https is none to a URL, and may be meant all the same.
        let port = url.port().or_else(|| text.ends_with(":443").then_some(443));
        Ok(Self { host: url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase(), port })
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.iter().try_for_each(|port| write!(f, ":{port}"))
    }
}

/// Certificates of authorities, of a file.
#[derive(Clone)]
pub struct Authorities {
    pub(crate) pem: Vec<u8>,
    pub(crate) certificates: Vec<reqwest::Certificate>,
}

impl Authorities {
    /// Reads what a file holds: certificates in PEM. `name` is what messages call the file.
    ///
    /// # Errors
    /// `InvalidInput` if there is none.
    pub fn parse(name: &str, pem: Vec<u8>) -> Result<Self, Error> {
        let wrong = |why: &str| {
            let why = format!(
                "{name}: {why}. Expected certificates of authorities, each between BEGIN CERTIFICATE and END CERTIFICATE"
            );
            Error::new(Name::InvalidInput, why)
        };
        let certificates =
            reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| wrong("it cannot be read as PEM"))?;
        match certificates.is_empty() {
            true => Err(wrong("it holds no certificate")),
            false => Ok(Self { pem, certificates }),
        }
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.certificates.len())
    }
}

/// The proxy that https goes through. Plain http never does: a proxy would be handed the credentials.
#[derive(Clone, Default)]
pub struct Proxy {
    /// `HTTPS_PROXY`, none for no proxy.
    pub https: Option<String>,
    /// `NO_PROXY`: hosts, domains and networks that are spoken to directly, separated by commas.
    pub except: Option<String>,
}

impl Proxy {
    /// What `HTTPS_PROXY` and `NO_PROXY`, or the same in lower case, say.
    #[must_use]
    pub fn from_environment() -> Self {
        let variable = |names: [&str; 2]| {
            names.iter().find_map(|name| std::env::var(name).ok()).filter(|text| !text.trim().is_empty())
        };
        Self { https: variable(["HTTPS_PROXY", "https_proxy"]), except: variable(["NO_PROXY", "no_proxy"]) }
    }

    /// For the client of registries.
    pub(crate) fn of_registries(&self) -> Result<Option<reqwest::Proxy>, Error> {
        let Some(address) = &self.https else {
            return Ok(None);
        };
        Secrets::of_address(address).keep();
        let proxy = reqwest::Proxy::https(address).map_err(|_| unreadable())?;
        Ok(Some(proxy.no_proxy(self.except.as_deref().and_then(reqwest::NoProxy::from_string))))
    }

    /// For the clients of the AWS SDK.
    pub(crate) fn of_sdk(&self) -> Result<aws_smithy_http_client::proxy::ProxyConfig, Error> {
        use aws_smithy_http_client::proxy::ProxyConfig;
        let Some(address) = &self.https else {
            return Ok(ProxyConfig::disabled());
        };
        Secrets::of_address(address).keep();
        let address = if address.contains("://") { address.clone() } else { format!("http://{address}") };
        let proxy = ProxyConfig::https(address).map_err(|_| unreadable())?;
        Ok(self.except.iter().fold(proxy, |proxy, except| proxy.no_proxy(except)))
    }
}

/// The address may hold a password, so it is not repeated.
fn unreadable() -> Error {
    let why = "HTTPS_PROXY is no address: expected http://host:port, with user:password@ before the host where the proxy asks";
    Error::new(Name::InvalidInput, why)
}

/// Never shows the address, which may hold a password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({}, except {:?})", if self.https.is_some() { "set" } else { "none" }, self.except)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_of_one_port_or_of_any() {
        for (text, url, expected) in [
            ("registry.example", "https://Registry.example:5000/v2/", true),
            ("registry.example:5000", "https://registry.example:5000", true),
            ("registry.example:443", "https://registry.example", true),
            ("registry.example:443", "http://registry.example", false),
            ("registry.example:5000", "https://registry.example", false),
            ("[::1]:5000", "https://[::1]:5000", true),
            ("example", "https://registry.example", false),
        ] {
            let host: HostName = text.parse().unwrap();
            assert_eq!(host.is_of(&Url::parse(url).unwrap()), expected, "{text} {url}");
            assert_eq!(host.to_string().parse::<HostName>().unwrap(), host);
        }
        for text in ["", "https://a", "a/b", "u@a", "a:port"] {
            assert_eq!(text.parse::<HostName>().unwrap_err().name(), Name::InvalidInput, "{text}");
        }
    }

    #[test]
    fn the_password_of_a_proxy_is_known_to_be_secret() {
        let of = |password: &str| Proxy { https: Some(format!("ann:{password}@proxy.example:3128")), except: None };
        of("of-0ne-pr0xy").of_registries().unwrap();
        of("of-an0ther-pr0xy").of_sdk().unwrap();
        // RFC 7617: `ann:of-0ne-pr0xy`.
        let said = Error::new(Name::UnexpectedAnswer, "of-0ne-pr0xy YW5uOm9mLTBuZS1wcjB4eQ== of-an0ther-pr0xy");
        assert_eq!(said.to_string(), "[...] YW5uO[...]== [...]");
    }

    #[test]
    fn authorities_are_certificates() {
        for wrong in ["", "no certificate", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            let error = Authorities::parse("ca.pem", wrong.into()).unwrap_err();
            assert!(error.to_string().starts_with("ca.pem: it "), "{error}");
        }
    }
}
