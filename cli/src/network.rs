use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use promotion::{Error, Name};
use registry::{Authorities, FILE_TIMEOUT, HostName, Network, Proxy, read_file};

/// The largest file of authorities that is read, in bytes: those of a whole system have a quarter of it.
const MAX_BYTES: u64 = 1 << 20;

/// How registries are reached.
#[derive(Debug, Clone, Args)]
pub(crate) struct Reaching {
    /// Trust the authorities of this file (PEM) as well, for all hosts or for one. May be given several times
    #[arg(long = "ca", value_name = "[HOST=]FILE")]
    authorities: Vec<AuthorityFile>,
    /// Do not verify the certificate of this host: whoever is between can read and change all, logins too
    #[arg(long = "insecure-skip-tls-verify", value_name = "HOST")]
    unverified: Vec<HostName>,
    /// Let this registry lead to private addresses, as one whose storage is in the same network
    #[arg(long = "allow-private-redirects", value_name = "HOST")]
    leading_inwards: Vec<HostName>,
}

impl Reaching {
    /// Reads the files, and warns of what is not safe.
    ///
    /// # Errors
    /// `InvalidInput` if a file cannot be read.
    pub(crate) async fn network(&self) -> Result<Network, Error> {
        for host in &self.unverified {
            let _ = writeln!(
                std::io::stderr(),
                "WARNING: the certificate of {host} is not verified (--insecure-skip-tls-verify): whoever is between can read \
                 and change all that is sent, logins too"
            );
        }
        let mut authorities = Vec::new();
        for AuthorityFile { host, path } in &self.authorities {
            let name = path.display().to_string();
            let pem = read_file(path, MAX_BYTES, FILE_TIMEOUT).await;
            let pem = pem
                .map_err(|error| Error::new(Name::InvalidInput, format!("--ca: {name}: it cannot be read: {error}")))?;
            authorities.push((host.clone(), Authorities::parse(&format!("--ca: {name}"), pem)?));
        }
        Ok(Network {
            proxy: Proxy::from_environment(),
            authorities,
            unverified: self.unverified.clone(),
            leading_inwards: self.leading_inwards.clone(),
        })
    }
}

/// `[HOST=]FILE`
#[derive(Debug, Clone, PartialEq, Eq)]
struct AuthorityFile {
    host: Option<HostName>,
    path: PathBuf,
}

impl FromStr for AuthorityFile {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once('=') {
            // A path may hold the sign as well, and no host holds a slash.
            Some((host, path)) if !host.contains('/') => Ok(Self { host: Some(host.parse()?), path: path.into() }),
            _ => Ok(Self { host: None, path: text.into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_for_all_hosts_or_for_one() {
        for (text, host, path) in [
            ("ca.pem", None, "ca.pem"),
            ("/etc/a=b/ca.pem", None, "/etc/a=b/ca.pem"),
            ("registry.example:5000=ca.pem", Some("registry.example:5000"), "ca.pem"),
        ] {
            let file: AuthorityFile = text.parse().unwrap();
            assert_eq!((file.host, file.path), (host.map(|host| host.parse().unwrap()), path.into()), "{text}");
        }
        assert!("a b=ca.pem".parse::<AuthorityFile>().is_err());
    }
}
