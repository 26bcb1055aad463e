use std::fmt;
use std::sync::Arc;

use promotion::Error;

use super::access::Access;
use super::scene::Scene;
use super::unlisted::Unlisted;
use super::{Address, Connection, Distribution, Login};
use crate::Side;
use crate::http::Client;

/// Connects to registries of the distribution specification. One per process: what it connects to shares HTTP connections.
#[derive(Clone)]
pub struct Distributions {
    http: Client,
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
}

/// Never shows the address, which may hold a password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({}, except {:?})", if self.https.is_some() { "set" } else { "none" }, self.except)
    }
}

impl Distributions {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// `InvalidInput` if the proxy is no address; `RegistryUnavailable` if no TLS client can be made on this machine.
    pub fn new(_proxy: &Proxy) -> Result<Self, Error> {
        Ok(Self { http: Client::new()? })
    }

    /// A registry, opened with this login and used as this side. Nothing is sent yet.
    #[must_use]
    pub fn connect(&self, address: Address, login: Login, side: Side) -> Distribution {
        Distribution(Arc::new(Connection {
            scene: Scene { name: address.to_string(), address, login, side },
            http: self.http.counting_anew(),
            access: Access::default(),
            unlisted: Unlisted::default(),
        }))
    }
}

impl fmt::Debug for Distributions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Distributions")
    }
}
