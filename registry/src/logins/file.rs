//! The files in which Docker and Podman keep logins.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oci::Secrets;
use promotion::{Error, Name};
use serde_json::{Map, Value};

use super::server::Server;
use crate::Login;

/// The largest file of logins that is read, in bytes: people have some dozens of them.
pub(super) const MAX_BYTES: u64 = 1 << 20;

/// A file as `docker login` writes it (`config.json`; Podman's `auth.json` is the same, see containers-auth.json(5)).
///
/// It is read by hand: the messages of a JSON library quote the values that it did not expect, and here these are
/// secrets.
#[derive(Debug)]
pub(super) struct AuthFile {
    path: PathBuf,
    content: Map<String, Value>,
    /// Those of all its logins, known as long as it is used.
    _secrets: Vec<Secrets>,
}

impl AuthFile {
    /// What came of reading a file, to just beyond [`MAX_BYTES`]. None if there is no such file.
    pub(super) fn of(path: &Path, read: io::Result<Vec<u8>>) -> Result<Option<Self>, Error> {
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(broken(path, format!("it cannot be read: {error}"))),
        };
        if bytes.len() as u64 > MAX_BYTES {
            return Err(broken(path, format!("it has more than {MAX_BYTES} bytes")));
        }
        Self::parse(path, &bytes)
    }

    /// None if the file has nothing in it: Docker takes that for one without logins.
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Option<Self>, Error> {
        if bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        if bytes.starts_with(b"\xEF\xBB\xBF") {
            return Err(broken(path, "it begins with a byte order mark (BOM): save it as UTF-8 without BOM"));
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(content)) => {
                Ok(Some(Self { path: path.to_owned(), _secrets: secrets(&content), content }))
            }
            Ok(_) => Err(broken(path, "it is no JSON object")),
            Err(error) => Err(broken(path, format!("it is no JSON: {error}"))),
        }
    }

    /// The credential helper for a registry: its own, or the one for all.
    pub(super) fn helper(&self, server: &Server) -> Result<Option<String>, Error> {
        let own = self.section("credHelpers")?.and_then(|helpers| best(helpers, server).into_iter().next());
        let (entry, value) = match own {
            Some((key, value)) => (format!("credHelpers, \"{}\"", key.escape_debug()), Some(value)),
            None => ("credsStore".into(), self.content.get("credsStore")),
        };
        let name = match value {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(name)) if name.is_empty() => return Ok(None),
            Some(Value::String(name)) => name,
            Some(_) => return Err(self.wrong(&entry, "expected a string, the NAME of docker-credential-NAME")),
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        match name.chars().all(allowed) {
            true => Ok(Some(name.clone())),
            false => Err(self.wrong(&entry, "expected the NAME of docker-credential-NAME, not a path")),
        }
    }

    /// The login that the file itself holds.
    pub(super) fn login(&self, server: &Server) -> Result<Option<Login>, Error> {
        let Some(auths) = self.section("auths")? else { return Ok(None) };
        for (key, value) in best(auths, server) {
            let entry = format!("auths, \"{}\"", key.escape_debug());
            let Value::Object(fields) = value else {
                return Err(self.wrong(&entry, "expected an object"));
            };
            if let Some(login) = self.entry(&entry, fields)? {
                return Ok(Some(login));
            }
        }
        Ok(None)
    }

    /// The logins that the file holds for parts of a registry, those of longer paths first (containers-auth.json(5):
    /// the most specific key counts).
    pub(super) fn namespaces(&self, server: &Server) -> Result<Vec<(String, Login)>, Error> {
        let mut found = Vec::new();
        for (key, value) in self.section("auths")?.into_iter().flatten() {
            let Some(path) = server.namespace(key) else { continue };
            let entry = format!("auths, \"{}\"", key.escape_debug());
            let Value::Object(fields) = value else {
                return Err(self.wrong(&entry, "expected an object"));
            };
            found.extend(self.entry(&entry, fields)?.map(|login| (path.to_owned(), login)));
        }
        found.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        Ok(found)
    }

    fn entry(&self, entry: &str, fields: &Map<String, Value>) -> Result<Option<Login>, Error> {
        let text = |name: &str| match fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.wrong(&format!("{entry}, \"{name}\""), "expected a string")),
        };
        if let Some(token) = text("identitytoken")? {
            return Ok(Some(Login::IdentityToken { token: token.to_owned(), from: self.name() }));
        }
        if let Some(auth) = text("auth")? {
            let (user, password) = decode(auth).map_err(|what| self.wrong(&format!("{entry}, \"auth\""), what))?;
            return Ok(Some(Login::Basic { user, password, from: self.name() }));
        }
        match (text("username")?, text("password")?) {
            (Some(user), Some(password)) => {
                Ok(Some(Login::Basic { user: user.to_owned(), password: password.to_owned(), from: self.name() }))
            }
            (None, None) if text("registrytoken")?.is_some() => {
                Err(self.wrong(entry, "it holds a \"registrytoken\" only, which is not supported"))
            }
            // What Docker leaves behind when a helper keeps the login.
            (None, None) => Ok(None),
            _ => Err(self.wrong(entry, "expected both \"username\" and \"password\", or \"auth\"")),
        }
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn section(&self, name: &str) -> Result<Option<&Map<String, Value>>, Error> {
        match self.content.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(section)) => Ok(Some(section)),
            Some(_) => Err(self.wrong(name, "expected an object")),
        }
    }

    fn wrong(&self, entry: &str, what: &str) -> Error {
        broken(&self.path, format!("{entry}: {what}"))
    }
}

/// What no message may repeat of a file.
fn secrets(content: &Map<String, Value>) -> Vec<Secrets> {
    let logins = content.get("auths").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let each = logins.map(|login| {
        let text = |name| login.get(name).and_then(Value::as_str);
        let encoded = text("auth").map(|auth| Secrets::of_header(&auth.split_whitespace().collect::<String>()));
        let plain = Secrets::of(["password", "identitytoken", "registrytoken"].into_iter().filter_map(text));
        encoded.into_iter().chain([plain])
    });
    each.flatten().collect()
}

/// The entries that name a registry, the best first.
fn best<'a>(section: &'a Map<String, Value>, server: &Server) -> Vec<(&'a String, &'a Value)> {
    let mut found: Vec<_> = section.iter().filter_map(|entry| Some((server.rank(entry.0)?, entry))).collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, entry)| entry).collect()
}

/// `user:password`, in base64. What is wrong with it is said without quoting it.
fn decode(auth: &str) -> Result<(String, String), &'static str> {
    // `base64` breaks lines after 76 characters, and people write files with it.
    let auth: String = auth.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(auth).map_err(|_| "it is no base64")?;
    let text = String::from_utf8(bytes).map_err(|_| "it holds no text")?;
    let (user, password) = text.split_once(':').ok_or("it holds no colon between user and password")?;
    // Docker pads passwords with NUL.
    Ok((user.to_owned(), password.trim_end_matches('\0').to_owned()))
}

fn broken(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::new(
        Name::InvalidInput,
        format!("the file of logins {}: {what}. Fix or remove it; `docker login` writes it anew", path.display()),
    )
}
