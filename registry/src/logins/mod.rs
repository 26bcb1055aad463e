//! Logins as `docker login` and `podman login` leave them: in a file, or in the keeping of a credential helper.

mod file;
mod helper;
mod server;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use promotion::Error;

use crate::Login;
use file::AuthFile;
use helper::Helper;
use server::Server;

/// How long a credential helper may take: it may have to ask the user to unlock a store.
const HELPER_TIMEOUT: Duration = Duration::from_secs(30);

/// Where this machine keeps its logins.
#[derive(Debug)]
pub struct Keyring {
    /// The files that may hold one, in the order in which they are looked at.
    files: Vec<PathBuf>,
    /// Where credential helpers are looked for.
    path: Option<OsString>,
    helper_timeout: Duration,
}

impl Keyring {
    /// What the variables of an environment name: Podman's `$REGISTRY_AUTH_FILE`, then Docker's
    /// `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`.
    pub fn new(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let docker = set("DOCKER_CONFIG").map(PathBuf::from).or_else(|| {
            let home = PathBuf::from(set("HOME")?);
            Some(home.join(".docker"))
        });
        let docker = docker.map(|folder| folder.join("config.json"));
        let podman = set("REGISTRY_AUTH_FILE").map(PathBuf::from);
        Self { files: podman.into_iter().chain(docker).collect(), path: set("PATH"), helper_timeout: HELPER_TIMEOUT }
    }

    /// The login for a registry, `host[:port]`. Anonymous if none is kept.
    ///
    /// # Errors
    /// `InvalidInput` if a file cannot be read, or a credential helper does not do what it should.
    pub async fn login(&self, host: &str, is_plain: bool) -> Result<Login, Error> {
        let server = Server::new(host, is_plain);
        for path in &self.files {
            let Some(file) = AuthFile::read(path)? else { continue };
            if let Some(name) = file.helper(&server)? {
                let helper = Helper { name, named_by: path, path: self.path.as_deref(), timeout: self.helper_timeout };
                if let Some(login) = helper.ask(&server).await? {
                    return Ok(login);
                }
            }
            if let Some(login) = file.login(&server)? {
                return Ok(login);
            }
        }
        Ok(Login::Anonymous)
    }
}

#[cfg(test)]
mod tests;
