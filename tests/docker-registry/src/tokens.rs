//! A token server as the distribution project describes it (docs/spec/auth/token.md): it signs what a registry then
//! believes.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::certificate::Certificate;
use crate::server::{PASSWORD, USER};

pub(crate) const SERVICE: &str = "docker-registry";
pub(crate) const ISSUER: &str = "tests";

/// What a token was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The scopes, as they were written.
    pub scopes: Vec<String>,
    /// Whether the user and password were those of the registry's user.
    pub is_user: bool,
}

/// A token server that runs until the process ends.
#[derive(Debug)]
pub struct Tokens {
    realm: String,
    shared: Arc<Shared>,
    _folder: TempDir,
}

#[derive(Debug)]
struct Shared {
    certificate: Certificate,
    asked: Mutex<Vec<Asked>>,
    expires_in: Mutex<u64>,
    lie: Mutex<Option<(u16, String)>>,
}

impl Tokens {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shared = Arc::new(Shared {
            certificate: Certificate::new(folder.path(), &["tokens"]),
            asked: Mutex::default(),
            expires_in: Mutex::new(300),
            lie: Mutex::default(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let realm = format!("http://{}/token", listener.local_addr().unwrap());
        let serving = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let serving = serving.clone();
                std::thread::spawn(move || serving.answer(stream));
            }
        });
        Self { realm, shared, _folder: folder }
    }

    pub(crate) fn realm(&self) -> &str {
        &self.realm
    }

    /// `127.0.0.1:PORT`
    #[must_use]
    pub fn host(&self) -> &str {
        self.realm.trim_start_matches("http://").trim_end_matches("/token")
    }

    pub(crate) fn certificate(&self) -> &Path {
        self.shared.certificate.path()
    }

    /// A token that allows pulling from a repository and pushing to it: the value of `Authorization`.
    #[must_use]
    pub fn bearer(&self, repository: &str) -> String {
        let token = self.shared.token(&[format!("repository:{repository}:pull,push")], true);
        format!("Bearer {}", token["token"].as_str().unwrap_or_default())
    }

    /// What was asked for so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Tokens are good for so many seconds from now on: so they say, and so long the registry believes them.
    pub fn expire_in(&self, seconds: u64) {
        *self.shared.expires_in.lock().unwrap() = seconds;
    }

    /// Every answer is this one from now on.
    pub fn lie(&self, status: u16, body: &str) {
        *self.shared.lie.lock().unwrap() = Some((status, body.to_owned()));
    }
}

impl Shared {
    /// One request per connection.
    fn answer(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let request = lines.next().unwrap_or_default();
        let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let login = headers.iter().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("authorization").then(|| value.trim().to_owned())
        });
        let target = request.split(' ').nth(1).unwrap_or_default();
        let url = Url::parse("http://tokens").unwrap().join(target).unwrap();
        let scopes: Vec<String> = url
            .query_pairs()
            .filter(|(name, _)| name == "scope")
            .flat_map(|(_, value)| value.split(' ').map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let expected = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
        let is_user = login.as_ref() == Some(&expected);
        self.asked.lock().unwrap().push(Asked { scopes: scopes.clone(), is_user });
        let lie = self.lie.lock().unwrap().clone();
        let (status, body) = match lie {
            Some(lie) => lie,
            None if login.is_some() && !is_user => (401, r#"{"details":"incorrect username or password"}"#.to_owned()),
            None => (200, self.token(&scopes, is_user).to_string()),
        };
        let head =
            format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
        let _ = stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes());
    }

    /// A token for what of this may be granted: everything to the user, pulling to everybody.
    fn token(&self, scopes: &[String], is_user: bool) -> Value {
        let access: Vec<_> = scopes
            .iter()
            .filter_map(|scope| {
                let (kind, rest) = scope.split_once(':')?;
                let (name, actions) = rest.rsplit_once(':')?;
                let actions: Vec<_> = actions.split(',').filter(|action| is_user || *action == "pull").collect();
                Some(json!({ "type": kind, "name": name, "actions": actions }))
            })
            .collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let expires_in = *self.expires_in.lock().unwrap();
        let header = json!({ "typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(self.certificate.der())] });
        let claims = json!({
            "iss": ISSUER, "sub": if is_user { USER } else { "" }, "aud": SERVICE, "jti": format!("{now}"),
            "iat": now, "nbf": now - 1, "exp": now + expires_in, "access": access,
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, self.certificate.pkcs8()).unwrap();
        let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        json!({ "token": format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref())), "expires_in": expires_in })
    }
}
