use std::io::{ErrorKind, Read};
use std::path::Path;

use promotion::{Error, MAX_RELEASE_BYTES, Name, Release};

use registry::{FILE_TIMEOUT, read_file};

use crate::failure::Failure;

/// Reads the release of a file, or of standard input if it is called `-`.
pub(crate) async fn read(path: &Path) -> Result<Release, Failure> {
    let result = if path.as_os_str() == "-" {
        // Standard input may be a terminal, where nothing is typed, or a program that takes its time.
        tokio::task::spawn_blocking(read_stdin).await.unwrap_or_else(|ended| Err(std::io::Error::other(ended)))
    } else {
        read_file(path, MAX_RELEASE_BYTES as u64, FILE_TIMEOUT).await
    };
    let bytes = result.map_err(|error| {
        let what = match error.kind() {
            ErrorKind::NotFound => {
                "there is no such file: name a deploy-manifest.json, or - for standard input".to_owned()
            }
            _ => format!("it cannot be read: {error}"),
        };
        Error::new(Name::InvalidInput, format!("{}: {what}", path.display()))
    })?;
    let name = if path.as_os_str() == "-" { "standard input".into() } else { path.display().to_string() };
    Ok(Release::parse_file(&name, &bytes)?)
}

/// The content, to just beyond the most that is taken.
fn read_stdin() -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(MAX_RELEASE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    #[tokio::test]
    async fn a_file_that_is_named_has_to_be_there_and_right() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("deploy-manifest.json");
        for (path, expected) in [(path.as_path(), "there is no such file"), (folder.path(), "it cannot be read")] {
            let failure = read(path).await.unwrap_err();
            assert_eq!(failure.error.name(), Name::InvalidInput);
            assert!(failure.error.to_string().contains(expected) && failure.kind == Kind::Work, "{failure:?}");
        }
        std::fs::write(&path, r#"{"images": [{"repository": "a", "tag": "1"}]}"#).unwrap();
        assert!(matches!(read(&path).await.unwrap(), Release::Tagged(images) if images.len() == 1));
        std::fs::write(&path, vec![b' '; MAX_RELEASE_BYTES + 10]).unwrap();
        let failure = read(&path).await.unwrap_err();
        assert!(failure.error.name() == Name::InvalidManifest && failure.kind == Kind::Work, "{failure:?}");
    }
}
