//! Docker's credential helpers: started with a time limit, and ended with all that they started.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use oci::Secrets;
use oci::text::sanitize_line;
use promotion::{Error, Name};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::server::Server;
use crate::Login;

/// The most that is read of what a helper says, in bytes. A token has a few thousand.
const MAX_BYTES: u64 = 256 << 10;

/// What a helper says on stdout when it keeps no such login (`docker-credential-helpers`, credentials/error.go).
const NOT_FOUND: &str = "credentials not found in native keychain";

/// The user name that says that the secret is an identity token (`docker-credential-helpers`, README).
const TOKEN: &str = "<token>";

/// A program `docker-credential-NAME` that keeps logins.
#[derive(Debug)]
pub(super) struct Helper<'a> {
    pub(super) name: String,
    /// The file that names it.
    pub(super) named_by: &'a Path,
    /// Where programs are looked for.
    pub(super) path: Option<&'a OsStr>,
    pub(super) timeout: Duration,
}

/// What a helper said and how it ended.
struct HelperReply {
    succeeded: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl HelperReply {
    /// What no message may repeat of it: what it calls a secret, and a single word, which is no complaint.
    fn secrets(&self) -> [Secrets; 3] {
        let [stdout, stderr] = [&self.stdout, &self.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        let mut words = stdout.split_whitespace();
        let word = words.next().filter(|_| words.next().is_none());
        [Secrets::of(word), Secrets::named_in(&stdout), Secrets::named_in(&stderr)]
    }
}

impl Helper<'_> {
    /// Asks for a login. None if the helper keeps none for this registry.
    pub(super) async fn ask(&self, server: &Server) -> Result<Option<Login>, Error> {
        let reply = match tokio::time::timeout(self.timeout, self.run(server)).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) if error.kind() == ErrorKind::NotFound => {
                return Err(self.failed(server, "it is not on the PATH. Install it"));
            }
            Ok(Err(error)) => return Err(self.failed(server, &format!("it could not be run: {error}. Fix that"))),
            Err(_) => {
                let what =
                    format!("it did not answer within {:?} and was stopped. See what it waits for", self.timeout);
                return Err(self.failed(server, &what));
            }
        };
        let _secrets = reply.secrets();
        if !reply.succeeded {
            // Helpers say on stdout what went wrong.
            if reply.stdout.trim_ascii() == NOT_FOUND.as_bytes() {
                return Ok(None);
            }
            return Err(
                self.failed(server, &format!("it failed{}. {}", complaint(&reply.stderr), self.ask_by_hand(server)))
            );
        }
        self.parse(server, &reply)
    }

    async fn run(&self, server: &Server) -> std::io::Result<HelperReply> {
        let mut command = Command::new(format!("docker-credential-{}", self.name));
        command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own can be ended whole, with what the helper started in turn.
        command.process_group(0).kill_on_drop(true);
        if let Some(path) = self.path {
            command.env("PATH", path);
        }
        let mut child = command.spawn()?;
        let mut group = Group::of(&child);
        if let Some(mut stdin) = child.stdin.take() {
            // A helper need not read what it does not want to know.
            let _ = stdin.write_all(format!("{}\n", server.name()).as_bytes()).await;
        }
        let (stdout, stderr) =
            futures_util::future::try_join(read(child.stdout.take()), read(child.stderr.take())).await?;
        let succeeded = child.wait().await?.success();
        group.0 = None;
        Ok(HelperReply { succeeded, stdout, stderr })
    }

    fn parse(&self, server: &Server, reply: &HelperReply) -> Result<Option<Login>, Error> {
        let wrong = |what: &str| Err(self.failed(server, &format!("{what}. {}", self.ask_by_hand(server))));
        if reply.stdout.len() as u64 > MAX_BYTES {
            return wrong("it said more than a login");
        }
        // Neither the answer nor what a JSON library has to say about it is shown: it holds the secret.
        let Ok(Value::Object(fields)) = serde_json::from_slice(&reply.stdout) else {
            return wrong("its answer is no JSON object");
        };
        let from = format!("docker-credential-{}", self.name);
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        match (text("Username"), text("Secret")) {
            (Some(""), Some("")) => Ok(None),
            (Some(TOKEN), Some(token)) => Ok(Some(Login::IdentityToken { token: token.to_owned(), from })),
            (Some(user), Some(password)) => {
                Ok(Some(Login::Basic { user: user.to_owned(), password: password.to_owned(), from }))
            }
            _ => wrong("its answer has no Username and Secret"),
        }
    }

    fn ask_by_hand(&self, server: &Server) -> String {
        format!("See what `echo {} | docker-credential-{} get` says", server.name(), self.name)
    }

    fn failed(&self, server: &Server, what: &str) -> Error {
        Error::new(
            Name::InvalidInput,
            format!(
                "asking the credential helper docker-credential-{}, which {} names, for the login of {}: {what}, or take the helper out of that file",
                self.name,
                self.named_by.display(),
                server.name()
            ),
        )
    }
}

/// Reads what is said, to just beyond the most that is taken.
async fn read(stream: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(MAX_BYTES + 1).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// What a helper wrote about its failure, as the end of a sentence.
fn complaint(stderr: &[u8]) -> String {
    match sanitize_line(&String::from_utf8_lossy(stderr)) {
        line if line.is_empty() => line,
        line => format!(" and says \"{line}\""),
    }
}

/// A helper and all that it started, ended when its reply is no longer waited for.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
