use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use oci::Secrets;
use promotion::{Error, Name};
use registry::{FILE_TIMEOUT, read_file};

/// The largest file of configuration that is read, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// What is secret in them.
const SECRETS: [&str; 2] = ["aws_secret_access_key", "aws_session_token"];

/// `~/.aws/config` and `~/.aws/credentials`, or what stands for them (AWS SDKs and Tools Reference Guide, "Location of
/// the shared files"), each read once.
///
/// The SDK would read them itself: on a thread that others wait for, and without end where they do not answer.
#[derive(Debug)]
pub(super) struct ConfigFiles {
    pub(super) profiles: EnvConfigFiles,
    /// Each `credential_process` that they name.
    pub(super) commands: Vec<String>,
}

impl ConfigFiles {
    /// Reads those that the variables of an environment name.
    ///
    /// # Errors
    /// `InvalidInput` if one is there and cannot be read.
    pub(super) async fn read(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = set("HOME");
        let path = |name, below: &str| set(name).or_else(|| home.as_ref().map(|home| home.join(below)));
        let config = text(path("AWS_CONFIG_FILE", ".aws/config")).await?;
        let credentials = text(path("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials")).await?;
        let texts = [&config, &credentials];
        // What a credential_process says of its failure may repeat one of another profile.
        Secrets::of(texts.iter().flat_map(|text| SECRETS.iter().flat_map(|name| values(text, name)))).keep();
        let commands = texts.iter().flat_map(|text| values(text, "credential_process")).map(str::to_owned).collect();
        let profiles = EnvConfigFiles::builder()
            .with_contents(EnvConfigFileKind::Config, config)
            .with_contents(EnvConfigFileKind::Credentials, credentials)
            .build();
        Ok(Self { profiles, commands })
    }
}

/// What a file holds; nothing where there is none.
async fn text(path: Option<PathBuf>) -> Result<String, Error> {
    let Some(path) = path else { return Ok(String::new()) };
    match read_file(&path, MAX_BYTES, FILE_TIMEOUT).await {
        Ok(bytes) if bytes.len() as u64 > MAX_BYTES => Err(wrong(&path, format!("it has more than {MAX_BYTES} bytes"))),
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| wrong(&path, "it is not UTF-8")),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(String::new()),
        Err(error) => Err(wrong(&path, format!("it cannot be read: {error}"))),
    }
}

fn wrong(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::new(Name::InvalidInput, format!("the AWS configuration {}: {what}", path.display()))
}

/// What a file calls by this name, in any of its profiles.
fn values<'t>(text: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    text.lines().filter_map(move |line| {
        let (found, value) = line.split_once('=')?;
        (found.trim() == name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_are_where_the_environment_says() {
        let home = tempfile::TempDir::new().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(home.path().join(name), text).unwrap();
        write(".aws/config", "[default]\ncredential_process = one --two \n[profile b]\nregion=x\ncredential_process=b");
        write("elsewhere", "[default]\ncredential_process = c");
        let read = |variables: Vec<(&'static str, PathBuf)>| {
            ConfigFiles::read(move |name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, path)| path.clone().into_os_string())
            })
        };
        let set = |name, file: &str| (name, home.path().join(file));
        assert_eq!(read(vec![]).await.unwrap().commands, [""; 0]);
        assert_eq!(read(vec![set("HOME", "")]).await.unwrap().commands, ["one --two", "b"]);
        let both = vec![set("HOME", ""), set("AWS_SHARED_CREDENTIALS_FILE", "elsewhere")];
        assert_eq!(read(both).await.unwrap().commands, ["one --two", "b", "c"]);
        write("keys", "[x]\naws_secret_access_key = of-an0ther-pr0file\naws_session_token=s3ssion-of-it");
        read(vec![set("AWS_SHARED_CREDENTIALS_FILE", "keys")]).await.unwrap();
        let said = Error::new(Name::InvalidInput, "of-an0ther-pr0file s3ssion-of-it");
        assert_eq!(said.to_string(), "[...] [...]");
        let error = read(vec![set("AWS_CONFIG_FILE", ".aws")]).await.unwrap_err();
        assert!(error.to_string().contains("it cannot be read"), "{error}");
    }
}
