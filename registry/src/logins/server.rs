/// What Docker Hub's logins are kept under.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// A registry as files of logins name it, in one of several ways.
#[derive(Debug)]
pub(super) struct Server {
    /// `host[:port]`, with and without the port of the scheme.
    hosts: Vec<String>,
    is_docker_hub: bool,
}

impl Server {
    pub(super) fn new(host: &str, is_plain: bool) -> Self {
        let host = host.to_ascii_lowercase();
        let port = if is_plain { ":80" } else { ":443" };
        let other = match host.strip_suffix(port) {
            Some(bare) => Some(bare.to_owned()),
            // Brackets and colons of an IPv6 address are no port.
            None if host.rsplit(']').next().is_some_and(|rest| !rest.contains(':')) => Some(format!("{host}{port}")),
            None => None,
        };
        let is_docker_hub = is_docker_hub(&host);
        let aliases = ["index.docker.io", "docker.io", "registry-1.docker.io"].map(str::to_owned);
        let hosts = match is_docker_hub {
            true => aliases.into(),
            false => [Some(host), other].into_iter().flatten().collect(),
        };
        Self { hosts, is_docker_hub }
    }

    /// What a credential helper is asked for.
    pub(super) fn name(&self) -> &str {
        match self.is_docker_hub {
            true => DOCKER_HUB,
            false => self.hosts.first().map_or("", String::as_str),
        }
    }

    /// The path below which the repositories of this registry lie that a key of a file is for; none if it is for all of
    /// the registry, or for another one.
    pub(super) fn namespace<'k>(&self, key: &'k str) -> Option<&'k str> {
        let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
        let (host, path) = bare.split_once('/')?;
        let path = path.trim_end_matches('/');
        let is_of_api = matches!(path.split('/').next(), Some("" | "v1" | "v2"));
        let is_here = self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
        (is_here && !is_of_api).then_some(path)
    }

    /// How well a key of a file names this registry, the lower the better; none if it names another. `https://host/v1/`
    /// is how the first registries were called.
    pub(super) fn rank(&self, key: &str) -> Option<usize> {
        let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
        let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
        if !matches!(path.trim_end_matches('/'), "" | "v1" | "v2") {
            return None;
        }
        let at = self.hosts.iter().position(|known| known.eq_ignore_ascii_case(host))?;
        Some(2 * at + usize::from(bare != key || bare != host))
    }
}

/// Whether these are the names of one and the same registry, that of Docker Hub.
fn is_docker_hub(host: &str) -> bool {
    matches!(host.strip_suffix(":443").unwrap_or(host), "docker.io" | "index.docker.io" | "registry-1.docker.io")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_a_registry_in_several_ways() {
        let server = Server::new("Registry.example", false);
        assert_eq!(server.name(), "registry.example");
        for key in [
            "registry.example",
            "registry.EXAMPLE",
            "registry.example:443",
            "https://registry.example",
            "https://registry.example/v1/",
            "https://registry.example/v2/",
            "http://registry.example/",
        ] {
            assert!(server.rank(key).is_some(), "{key}");
        }
        for key in ["", "example", "registry.example:5000", "registry.example/team", "registry.example:80"] {
            assert_eq!(server.rank(key), None, "{key}");
        }
        assert!(server.rank("registry.example") < server.rank("https://registry.example/v1/"));
        for (host, key) in [("a:5000", "https://a:5000/v1/"), ("a:443", "a"), ("[::1]", "[::1]:443")] {
            assert!(Server::new(host, false).rank(key).is_some(), "{host} {key}");
        }
        assert!(Server::new("a", true).rank("a:80").is_some());
        assert_eq!(Server::new("a", true).rank("a:443"), None);
    }

    #[test]
    fn a_key_may_name_a_part_of_a_registry() {
        let server = Server::new("registry.example", false);
        for (key, path) in [
            ("registry.example/org", Some("org")),
            ("https://registry.example/org/team/", Some("org/team")),
            ("registry.example:443/org", Some("org")),
            ("registry.example", None),
            ("registry.example/", None),
            ("https://registry.example/v1/", None),
            ("https://registry.example/v1/access-token", None),
            ("other.example/org", None),
        ] {
            assert_eq!(server.namespace(key), path, "{key}");
        }
        assert_eq!(Server::new("docker.io", false).namespace("docker.io/org"), Some("org"));
    }

    #[test]
    fn docker_hub_has_a_name_of_its_own() {
        for host in ["docker.io", "index.docker.io", "registry-1.docker.io", "docker.io:443"] {
            let server = Server::new(host, false);
            assert_eq!(server.name(), DOCKER_HUB);
            assert!(server.rank(DOCKER_HUB).is_some() && server.rank("docker.io").is_some());
            assert_eq!(server.rank("docker.io.example"), None);
        }
        assert_eq!(Server::new("ghcr.io", false).rank(DOCKER_HUB), None);
    }
}
