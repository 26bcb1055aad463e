//! Where a registry's files are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::digest::is_digest;

/// The files of one registry.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    dir: PathBuf,
}

impl Files {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.dir.join("settings.json")
    }

    pub(crate) fn repositories(&self) -> PathBuf {
        self.dir.join("repositories")
    }

    pub(crate) fn repository(&self, name: &str) -> PathBuf {
        self.repositories().join(format!("{}.json", name.replace('/', "%2F")))
    }

    pub(crate) fn upload(&self, id: &str) -> PathBuf {
        self.dir.join("uploads").join(id)
    }

    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        self.by_digest("blobs", digest)
    }

    pub(crate) fn manifest(&self, digest: &str) -> PathBuf {
        self.by_digest("manifests", digest)
    }

    /// The blob's size, or nothing when the file is gone.
    pub(crate) fn blob_size(&self, digest: &str) -> Option<u64> {
        fs::metadata(self.blob(digest)).ok().map(|meta| meta.len())
    }

    fn by_digest(&self, kind: &str, digest: &str) -> PathBuf {
        // Callers check digests first; this keeps a missed check from leaving the directory.
        let hex = if is_digest(digest) { digest.trim_start_matches("sha256:") } else { "malformed" };
        self.dir.join(kind).join("sha256").join(hex)
    }
}

/// Writes a file in one step, so that a reader sees the old one or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    parents(path)?;
    let aside = path.with_extension("aside");
    fs::write(&aside, bytes)?;
    fs::rename(aside, path)
}

/// Removes a file, which may be gone already.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(crate) fn parents(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}
