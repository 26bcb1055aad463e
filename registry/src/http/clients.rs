//! One client of the HTTP library for most servers, and one for each host that a user has made exceptions for.

use std::time::Duration;

use promotion::{Error, Name};
use url::Url;

use super::descriptors::idle_per_host;
use super::timeouts::Timeouts;
use crate::{HostName, Network};

/// The clients, by where a request goes: what is allowed for a host is not allowed where that host leads.
#[derive(Debug)]
pub(super) struct Clients {
    general: reqwest::Client,
    of_hosts: Vec<(HostName, reqwest::Client)>,
    leading_inwards: Vec<HostName>,
}

impl Clients {
    pub(super) fn new(network: &Network, timeouts: Timeouts) -> Result<Self, Error> {
        let of_authorities = network.authorities.iter().filter_map(|(host, _)| host.as_ref());
        let mut hosts: Vec<_> = network.unverified.iter().chain(of_authorities).collect();
        hosts.dedup();
        let of_hosts = hosts.into_iter().map(|host| Ok((host.clone(), client(network, timeouts, Some(host))?)));
        Ok(Self {
            general: client(network, timeouts, None)?,
            of_hosts: of_hosts.collect::<Result<_, Error>>()?,
            leading_inwards: network.leading_inwards.clone(),
        })
    }

    #[cfg(test)]
    pub(super) fn trusting(authority: &[u8]) -> Self {
        let authority = reqwest::Certificate::from_der(authority).unwrap();
        let general = reqwest::Client::builder().no_proxy().http1_only().tls_certs_only([authority]).build().unwrap();
        Self { general, of_hosts: vec![], leading_inwards: vec![] }
    }

    /// The client for a URL.
    pub(super) fn of(&self, url: &Url) -> &reqwest::Client {
        self.of_hosts.iter().find(|(host, _)| host.is_of(url)).map_or(&self.general, |(_, client)| client)
    }

    /// Whether this host may send us on to private addresses.
    pub(super) fn may_lead_inwards(&self, url: &Url) -> bool {
        self.leading_inwards.iter().any(|host| host.is_of(url))
    }
}

fn client(network: &Network, timeouts: Timeouts, host: Option<&HostName>) -> Result<reqwest::Client, Error> {
    let trusted = network.authorities.iter().filter(|(of, _)| of.is_none() || of.as_ref() == host);
    let trusted: Vec<_> = trusted.flat_map(|(_, authorities)| authorities.certificates.clone()).collect();
    let builder = reqwest::Client::builder()
        .user_agent(concat!("transship/", env!("CARGO_PKG_VERSION")))
        // A redirect is followed by hand, see `redirect`; a request is retried by its caller.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        // Never what the environment says by itself: with HTTP_PROXY a proxy would be handed the token of a plain
        // registry.
        .no_proxy()
        // One connection per blob: over one HTTP/2 connection all blobs share one TCP window, and a lost packet
        // stops them all.
        .http1_only()
        .connect_timeout(timeouts.connect)
        .pool_max_idle_per_host(idle_per_host())
        .pool_idle_timeout(Duration::from_secs(20))
        .tls_danger_accept_invalid_certs(host.is_some_and(|host| network.unverified.contains(host)));
    let builder = if trusted.is_empty() { builder } else { builder.tls_certs_merge(trusted) };
    let proxy = network.proxy.of_registries()?;
    proxy.into_iter().fold(builder, reqwest::ClientBuilder::proxy).build().map_err(|error| {
        let why = format!("no TLS client can be made on this machine: {error}");
        Error::new(Name::RegistryUnavailable, why).permanent()
    })
}
