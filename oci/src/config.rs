use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer};

use crate::text::excerpt;
use crate::{Digest, Platform};

/// An image configuration (`config.md` of the OCI image specification): what an image runs on, and how it is run.
///
/// Only the platform has to be there. A field that a builder left out or wrote as `null` is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageConfig {
    /// What it runs on.
    pub platform: Platform,
    /// `User`: the user, and the group after `:`, that its process runs as; empty for root.
    pub user: String,
    /// `WorkingDir`
    pub working_dir: String,
    /// `Env`: `NAME=value` each.
    pub env: Vec<String>,
    /// `Labels`
    pub labels: BTreeMap<String, String>,
    /// `ExposedPorts`: `8080/tcp`, `53/udp`, or `80`.
    pub exposed_ports: Vec<String>,
    /// `Entrypoint`
    pub entrypoint: Vec<String>,
    /// `Cmd`
    pub cmd: Vec<String>,
    /// `rootfs.diff_ids`: the digests of the layers without compression, from the lowest up.
    pub diff_ids: Vec<Digest>,
}

impl ImageConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    /// [`InvalidConfig`] if it is no JSON, names no platform, or has a field of another type than the specification
    /// gives it.
    pub fn parse(raw: &[u8]) -> Result<Self, InvalidConfig> {
        let wire: Wire = serde_json::from_slice(raw).map_err(|error| InvalidConfig(excerpt(&error.to_string())))?;
        let Runtime { user, working_dir, env, labels, exposed_ports, entrypoint, cmd } = wire.config;
        let platform = Platform::of(Some(wire.os), Some(wire.architecture), wire.variant);
        Ok(Self {
            platform: platform.ok_or_else(|| InvalidConfig("it names no platform".into()))?,
            user,
            working_dir,
            env,
            labels,
            exposed_ports: exposed_ports.into_keys().collect(),
            entrypoint,
            cmd,
            diff_ids: wire.rootfs.diff_ids,
        })
    }
}

/// Why bytes are no [`ImageConfig`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidConfig(String);

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it is not an image configuration: {}", self.0)
    }
}

impl std::error::Error for InvalidConfig {}

#[derive(Deserialize)]
struct Wire {
    os: Box<str>,
    architecture: Box<str>,
    variant: Option<Box<str>>,
    #[serde(default, deserialize_with = "or_default")]
    config: Runtime,
    #[serde(default, deserialize_with = "or_default")]
    rootfs: RootFs,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Runtime {
    #[serde(deserialize_with = "or_default")]
    user: String,
    #[serde(deserialize_with = "or_default")]
    working_dir: String,
    #[serde(deserialize_with = "or_default")]
    env: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    exposed_ports: BTreeMap<String, serde::de::IgnoredAny>,
    #[serde(deserialize_with = "or_default")]
    entrypoint: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    cmd: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RootFs {
    #[serde(deserialize_with = "or_default")]
    diff_ids: Vec<Digest>,
}

/// Builders that are written in Go write `null` for what is empty.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_oci_spec_reads() {
        let layer = Digest::of(b"layer");
        let json = format!(
            r#"{{"architecture":"arm64","variant":"v8","os":"linux","created":"2026-01-01T00:00:00Z","config":{{"User":"65532:65532",
                "WorkingDir":"/app","Env":["PATH=/bin","A=b=c"],"Labels":{{"org.opencontainers.image.version":"1.2"}},
                "ExposedPorts":{{"8080/tcp":{{}},"53/udp":{{}}}},"Entrypoint":["/app/run"],"Cmd":["--serve"]}},
                "rootfs":{{"type":"layers","diff_ids":["{layer}"]}},"history":[]}}"#
        );
        let ours = ImageConfig::parse(json.as_bytes()).unwrap();
        let peer = oci_spec::image::ImageConfiguration::from_reader(json.as_bytes()).unwrap();
        let run = peer.config().as_ref().unwrap();
        assert_eq!(ours.platform.to_string(), "linux/arm64/v8");
        assert_eq!(Some(&ours.user), run.user().as_ref());
        assert_eq!(Some(&ours.working_dir), run.working_dir().as_ref());
        assert_eq!(Some(&ours.env), run.env().as_ref());
        assert_eq!(
            ours.labels.into_iter().collect::<std::collections::HashMap<_, _>>(),
            *run.labels().as_ref().unwrap()
        );
        let mut ports = run.exposed_ports().clone().unwrap();
        ports.sort_unstable();
        assert_eq!(ours.exposed_ports, ports);
        assert_eq!((Some(&ours.entrypoint), Some(&ours.cmd)), (run.entrypoint().as_ref(), run.cmd().as_ref()));
        assert_eq!(ours.diff_ids, [layer]);
    }

    #[test]
    fn what_is_absent_or_null_is_empty() {
        for json in [
            r#"{"os":"linux","architecture":"amd64"}"#,
            r#"{"os":"linux","architecture":"amd64","variant":null,"config":null,"rootfs":null}"#,
            r#"{"os":"linux","architecture":"amd64","config":{"User":null,"Env":null,"Labels":null,"ExposedPorts":null,"Cmd":null},"rootfs":{"diff_ids":null}}"#,
        ] {
            let config = ImageConfig::parse(json.as_bytes()).unwrap();
            assert_eq!(config.platform.to_string(), "linux/amd64");
            assert!(
                config.user.is_empty()
                    && config.env.is_empty()
                    && config.labels.is_empty()
                    && config.diff_ids.is_empty()
            );
        }
    }

    #[test]
    fn refuses_what_is_no_configuration() {
        for json in [
            "",
            "null",
            "{}",
            r#"{"os":"linux"}"#,
            r#"{"os":"","architecture":""}"#,
            r#"{"os":1,"architecture":"amd64"}"#,
        ] {
            let refusal = ImageConfig::parse(json.as_bytes()).unwrap_err().to_string();
            assert!(refusal.starts_with("it is not an image configuration: "), "{refusal}");
        }
    }
}
