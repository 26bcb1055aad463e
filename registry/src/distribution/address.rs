//! Addresses of registries as users write them, with the names and paths that Docker Hub wants.

use std::fmt;
use std::str::FromStr;

use oci::{Registry, Repository};
use promotion::{Error, Name};

use crate::http::Origin;

/// Where a registry is, as a user writes it: `host[:port]`, `https://host[:port]`, or `http://host[:port]` for one
/// without TLS, which a loopback host is by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    registry: Registry,
    origin: Origin,
}

/// Docker Hub calls itself by names under which it does not serve its API (Docker's reference grammar, "Familiar
/// names").
const HUB: &[&str] = &["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];
/// Where it does.
const HUB_API: &str = "https://registry-1.docker.io";
/// Docker Hardened Images, of which Docker counts pulls as well.
const HARDENED: &str = "dhi.io";

impl Address {
    /// The registry as an image's name begins with it.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Whether it is spoken to without TLS.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.origin.is_plain()
    }

    /// Where its requests go.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether a manifest that is read counts as a pull, and a look at its digest does not.
    pub(crate) fn counts_pulls(&self) -> bool {
        self.is_hub() || self.registry.as_str() == HARDENED
    }

    /// Whether it is Docker Hub.
    pub(crate) fn is_hub(&self) -> bool {
        self.registry.as_str() == "docker.io"
    }

    /// The repository as the registry knows it: Docker Hub keeps `debian` as `library/debian`.
    pub(crate) fn path(&self, repository: &Repository) -> Repository {
        match format!("library/{repository}").parse() {
            Ok(official) if self.is_hub() && !repository.as_str().contains('/') => official,
            _ => repository.clone(),
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = |why: &str| {
            let message = format!(
                "\"{}\" is no address of a registry: {why}. Expected host, host:port, or http://host:port for a registry without TLS",
                text.escape_debug()
            );
            Error::new(Name::InvalidInput, message)
        };
        if text.contains('@') {
            // The text holds a password, most likely.
            return Err(Error::new(
                Name::InvalidInput,
                "an address of a registry with a user name in it is not accepted: use `docker login`",
            ));
        }
        let (scheme, host) = text.split_once("://").unwrap_or_else(|| (scheme_of(text), text));
        if !matches!(scheme, "https" | "http") {
            return Err(refused("it is neither http nor https"));
        }
        let host = host.strip_suffix('/').unwrap_or(host);
        if let Some((host, _)) = host.split_once('/') {
            return Err(refused(&format!("what follows {host} names a repository, and the manifest names those")));
        }
        let registry: Registry = host.parse().map_err(|_| refused("it is no host name"))?;
        let origin = Origin::written(scheme, host).map_err(|error| refused(&error.to_string()))?;
        if HUB.contains(&host) {
            let registry = "docker.io".parse().map_err(|_| refused("it is no host name"))?;
            return Ok(Self { registry, origin: Origin::parse(HUB_API)? });
        }
        Ok(Self { registry, origin })
    }
}

/// How a registry is spoken to that is written without a scheme: on this machine without TLS, as Docker does ("insecure
/// registries" of dockerd hold 127.0.0.0/8) and crane (`isLocal` of go-containerregistry).
fn scheme_of(host: &str) -> &'static str {
    match Origin::written("http", host) {
        Ok(origin) if origin.is_loopback() => "http",
        _ => "https",
    }
}

/// As it can be written again.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_plain() { "http" } else { "https" };
        if scheme != scheme_of(self.registry.as_str()) {
            write!(f, "{scheme}://")?;
        }
        write!(f, "{}", self.registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_what_users_write() {
        for (text, shown, origin) in [
            ("ghcr.io", "ghcr.io", "https://ghcr.io"),
            ("https://ghcr.io/", "ghcr.io", "https://ghcr.io"),
            ("localhost:5000", "localhost:5000", "http://localhost:5000"),
            ("http://localhost:5000", "localhost:5000", "http://localhost:5000"),
            ("https://localhost:5000", "https://localhost:5000", "https://localhost:5000"),
            ("127.1.2.3", "127.1.2.3", "http://127.1.2.3"),
            ("localhost.example", "localhost.example", "https://localhost.example"),
            ("http://registry.lan:5000", "http://registry.lan:5000", "http://registry.lan:5000"),
            ("http://10.0.0.1", "http://10.0.0.1", "http://10.0.0.1"),
            ("[::1]:5000", "[::1]:5000", "http://[::1]:5000"),
            ("docker.io", "docker.io", "https://registry-1.docker.io"),
            ("https://index.docker.io", "docker.io", "https://registry-1.docker.io"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(
                (address.to_string().as_str(), address.origin().to_string().as_str()),
                (shown, origin),
                "{text}"
            );
            assert_eq!(address.is_plain(), origin.starts_with("http://"));
            assert_eq!(shown.parse::<Address>().unwrap(), address);
            assert!(!address.registry().as_str().contains("//"));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_no_password_is_repeated() {
        for text in [
            "",
            "ftp://a",
            "a/b",
            "https://a/v2/",
            "http://",
            "a b",
            "a:port",
            "a:70000",
            "https://u:s3cret@a",
            "u:s3cret@a",
            "a?x",
            "a#x",
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!(error.name(), Name::InvalidInput, "{text}");
            let text = error.to_string();
            assert!(text.contains("xpected host") || text.contains("docker login"), "{text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn docker_hub_keeps_official_images_in_a_library() {
        let path = |registry: &str, name: &str| {
            let address: Address = registry.parse().unwrap();
            address.path(&name.parse().unwrap()).to_string()
        };
        assert_eq!(path("docker.io", "debian"), "library/debian");
        assert_eq!(path("docker.io", "grafana/loki"), "grafana/loki");
        assert_eq!(path("dhi.io", "node"), "node");
    }
}
