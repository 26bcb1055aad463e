use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary;
use crate::certificate::Certificate;
use crate::tokens::Tokens;

/// Who may push and pull where a registry asks.
pub const USER: &str = "drayman";
/// The password of [`USER`].
pub const PASSWORD: &str = "correct horse";
/// The two as htpasswd keeps them: bcrypt, of the least cost.
const HTPASSWD: &str = "drayman:$2b$04$xP2c5UGd5QcaruvoVc997ugH67PuheF1k1PaI.1gziGEsrQ.U/OxO\n";

/// How a registry asks who is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    None,
    /// For a user and a password with every request.
    Basic,
    /// For a token of a server that it names, which grants pulling to everybody.
    Bearer,
}

/// A docker-registry that runs.
#[derive(Debug)]
pub struct Server {
    host: String,
    tokens: Option<Tokens>,
    certificate: Option<Certificate>,
    process: Child,
    folder: TempDir,
}

impl Server {
    /// Starts one without TLS.
    #[must_use]
    pub fn start(auth: Auth) -> Self {
        Self::run(auth, false)
    }

    /// Starts one with TLS, whose certificate is for `localhost` and 127.0.0.1.
    #[must_use]
    pub fn start_tls(auth: Auth) -> Self {
        Self::run(auth, true)
    }

    /// `127.0.0.1:PORT`, or `localhost:PORT` with TLS.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The token server, where there is one.
    ///
    /// # Panics
    /// If the registry was not started with [`Auth::Bearer`].
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        self.tokens.as_ref().expect("this registry asks for no tokens")
    }

    /// Where it keeps what it holds: `docker/registry/v2` below this, see [`Disk`](crate::Disk).
    #[must_use]
    pub fn storage(&self) -> PathBuf {
        self.folder.path().join("storage")
    }

    /// The certificate to trust, where there is TLS.
    ///
    /// # Panics
    /// If the registry was not started with TLS.
    #[must_use]
    pub fn certificate(&self) -> &Path {
        self.certificate.as_ref().expect("this registry has no TLS").path()
    }

    fn run(auth: Auth, tls: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = tls.then(|| Certificate::new(folder.path(), &["localhost", "127.0.0.1"]));
        let tokens = (auth == Auth::Bearer).then(Tokens::start);
        let config = folder.path().join("config.json");
        let contents = configuration(folder.path(), auth, certificate.as_ref(), tokens.as_ref());
        std::fs::write(&config, contents.to_string()).unwrap();
        // The shell ends the registry when its own input ends, which it does however this process ends.
        let mut process = Command::new("sh")
            .args(["-c", r#""$0" serve "$1" & child=$!; cat >/dev/null; kill $child; wait $child"#])
            .arg(binary("DOCKER_REGISTRY", "docker-registry"))
            .arg(&config)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut said = Vec::new();
        let port = log.find_map(|line| {
            let (_, rest) = line.split_once("listening on 127.0.0.1:").unzip();
            let port = rest.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
            said.push(line);
            port
        });
        let port = port.unwrap_or_else(|| panic!("docker-registry does not start: {}", said.join("\n")));
        // Its log has to go on being read, or it stops.
        std::thread::spawn(move || log.for_each(drop));
        let host = format!("{}:{port}", if tls { "localhost" } else { "127.0.0.1" });
        Self { host, tokens, certificate, process, folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Configuration is YAML, of which JSON is a part.
fn configuration(folder: &Path, auth: Auth, certificate: Option<&Certificate>, tokens: Option<&Tokens>) -> Value {
    let mut http = json!({ "addr": "127.0.0.1:0", "secret": "for tests" });
    if let Some(certificate) = certificate {
        http["tls"] = json!({ "certificate": certificate.path(), "key": certificate.key_path() });
    }
    let auth = match auth {
        Auth::None => json!({}),
        Auth::Basic => {
            let path = folder.join("htpasswd");
            std::fs::write(&path, HTPASSWD).unwrap();
            json!({ "htpasswd": { "realm": "tests", "path": path } })
        }
        Auth::Bearer => {
            let tokens = tokens.expect("made for this");
            json!({ "token": {
                "realm": tokens.realm(), "service": crate::tokens::SERVICE, "issuer": crate::tokens::ISSUER,
                "rootcertbundle": tokens.certificate(),
            } })
        }
    };
    json!({
        "version": 0.1,
        "log": { "level": "info", "accesslog": { "disabled": true } },
        "storage": {
            "filesystem": { "rootdirectory": folder.join("storage") }, "delete": { "enabled": true },
            "maintenance": { "uploadpurging": { "enabled": false } },
        },
        "http": http,
        "auth": auth,
    })
}
