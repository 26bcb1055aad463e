//! Logins as `docker login` and `podman login` leave them: in a file, or in the keeping of a credential helper.

mod file;
mod helper;
mod server;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use promotion::Error;

use crate::{FILE_TIMEOUT, Logins, read_file};
use file::{AuthFile, MAX_BYTES};
use helper::Helper;
use server::Server;

/// How long a credential helper may take: it may have to ask the user to unlock a store.
const HELPER_TIMEOUT: Duration = Duration::from_secs(30);

/// Where this machine keeps its logins.
#[derive(Debug)]
pub struct Keyring {
    /// The files that may hold one, in the order in which they are looked at.
    files: Vec<PathBuf>,
    /// What was read of them, each once.
    read: HashMap<PathBuf, Option<Arc<AuthFile>>>,
    /// Where credential helpers are looked for.
    path: Option<OsString>,
    helper_timeout: Duration,
    file_timeout: Duration,
}

impl Keyring {
    /// What the variables of an environment name, in the order of Podman (containers-auth.json(5), and `GetDefaultAuthFile`
    /// of containers/common): `$REGISTRY_AUTH_FILE`; `$DOCKER_CONFIG/config.json`, where that is set;
    /// `$XDG_RUNTIME_DIR/containers/auth.json`, which `podman login` writes; `$XDG_CONFIG_HOME/containers/auth.json` (else
    /// `~/.config`); `~/.docker/config.json`, unless Docker's is elsewhere.
    pub fn new(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let folder = |name| set(name).map(PathBuf::from);
        let home = |below: &str| folder("HOME").map(|home| home.join(below));
        let docker = folder("DOCKER_CONFIG").map(|folder| folder.join("config.json"));
        let files = [
            folder("REGISTRY_AUTH_FILE"),
            docker.clone(),
            folder("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
            folder("XDG_CONFIG_HOME").or_else(|| home(".config")).map(|folder| folder.join("containers/auth.json")),
            docker.is_none().then(|| home(".docker/config.json")).flatten(),
        ];
        Self {
            files: files.into_iter().flatten().collect(),
            read: HashMap::new(),
            path: set("PATH"),
            helper_timeout: HELPER_TIMEOUT,
            file_timeout: FILE_TIMEOUT,
        }
    }

    /// The logins for a registry, `host[:port]`: those for a part of it, and that for all of it. Anonymous if none is
    /// kept.
    ///
    /// # Errors
    /// `InvalidInput` if a file cannot be read, or a credential helper does not do what it should.
    pub async fn logins(&mut self, host: &str, is_plain: bool) -> Result<Logins, Error> {
        let server = Server::new(host, is_plain);
        let mut logins = Vec::new();
        for path in self.files.clone() {
            let Some(file) = self.file(&path).await? else { continue };
            logins.extend(file.namespaces(&server)?.into_iter().map(|(path, login)| (Some(path), login)));
            let mut whole = None;
            if let Some(name) = file.helper(&server)? {
                let helper = Helper { name, named_by: &path, path: self.path.as_deref(), timeout: self.helper_timeout };
                whole = helper.ask(&server).await?;
            }
            if whole.is_none() {
                whole = file.login(&server)?;
            }
            if let Some(whole) = whole {
                logins.push((None, whole));
                break;
            }
        }
        Ok(Logins::new(logins))
    }

    async fn file(&mut self, path: &Path) -> Result<Option<Arc<AuthFile>>, Error> {
        if let Some(file) = self.read.get(path) {
            return Ok(file.clone());
        }
        let read = read_file(path, MAX_BYTES, self.file_timeout).await;
        let file = AuthFile::of(path, read)?.map(Arc::new);
        self.read.insert(path.to_owned(), file.clone());
        Ok(file)
    }
}

#[cfg(test)]
mod tests;
