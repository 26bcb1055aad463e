//! Uploads in progress, through the API's parts or through `/v2`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, SeekFrom};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

use crate::body::Upload;
use crate::digest::Hasher;
use crate::lock::lock;
use crate::names::RegistryId;
use crate::refusal::{Failure, Refusal};
use crate::store::{Files, Lag};
use crate::world::World;

/// One upload. Its lock keeps two requests from writing at once.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    path: PathBuf,
    hasher: Hasher,
    pub(crate) length: u64,
    /// Sizes of the API's parts.
    pub(crate) parts: Vec<u64>,
    /// Bytes of the first `/v2` chunk, once there was one.
    pub(crate) first_chunk: Option<u64>,
}

type Shared = Arc<tokio::sync::Mutex<Session>>;

/// Uploads by id. An id is good only in the repository it was given out for.
#[derive(Debug, Default)]
pub(crate) struct Uploads(Mutex<BTreeMap<String, (RegistryId, String, Shared)>>);

impl Uploads {
    pub(crate) fn begin(&self, world: &World, registry: &RegistryId, repository: &str) -> io::Result<String> {
        let id = world.unique();
        let path = world.store.files(registry).upload(&id);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&path, [])?;
        let session =
            Session { id: id.clone(), path, hasher: Hasher::new(), length: 0, parts: Vec::new(), first_chunk: None };
        let shared = Arc::new(tokio::sync::Mutex::new(session));
        lock(&self.0).insert(id.clone(), (registry.clone(), repository.to_owned(), shared));
        Ok(id)
    }

    pub(crate) fn find(&self, id: &str, registry: &RegistryId, repository: &str) -> Result<Shared, Refusal> {
        match lock(&self.0).get(id) {
            Some((in_registry, in_repository, session)) if in_registry == registry && in_repository == repository => {
                Ok(Arc::clone(session))
            }
            _ => Err(Refusal::new(
                "UploadNotFoundException",
                format!(
                    "The upload with id '{id}' in the repository with name '{repository}' in registry with id '{}' \
                     does not exist",
                    registry.account
                ),
            )),
        }
    }

    pub(crate) fn end(&self, id: &str) {
        lock(&self.0).remove(id);
    }

    /// Forgets every upload in progress.
    pub(crate) fn vanish(&self) -> usize {
        let all = std::mem::take(&mut *lock(&self.0));
        for (_, _, session) in all.values() {
            if let Ok(session) = session.try_lock() {
                let _ = fs::remove_file(&session.path);
            }
        }
        all.len()
    }
}

impl Session {
    /// Adds bytes held in memory.
    pub(crate) async fn append(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let mut file = self.open().await?;
        file.write_all(bytes).await?;
        file.flush().await?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Adds a request's body. One that breaks off, and one whose request is dropped, leaves the upload as it was: what
    /// was written beyond `length` is written over, or cut away when the blob is complete.
    pub(crate) async fn receive(&mut self, body: &mut Upload, limit: u64) -> Result<u64, Failure> {
        let (mut length, mut hasher) = (self.length, self.hasher.clone());
        let mut file = self.open().await?;
        while let Some(piece) = body.next().await? {
            length += piece.len() as u64;
            if length > limit {
                return Err(Refusal::new("LimitExceededException", "The layer is too large").into());
            }
            file.write_all(&piece).await?;
            hasher.update(&piece);
        }
        file.flush().await?;
        let received = length - self.length;
        (self.length, self.hasher) = (length, hasher);
        Ok(received)
    }

    pub(crate) fn digest(&self) -> String {
        self.hasher.digest()
    }

    /// Makes the bytes a blob of the repository, which reads may see later.
    pub(crate) fn commit(
        &self,
        world: &World,
        registry: &RegistryId,
        repository: &str,
        lag: Option<Lag>,
    ) -> Result<String, Refusal> {
        let digest = self.digest();
        fs::OpenOptions::new().write(true).open(&self.path)?.set_len(self.length)?;
        keep(&world.store.files(registry), &self.path, &digest)?;
        let length = self.length;
        world.store.with(registry, |state| {
            state.change(repository, registry).map(|repository| repository.keep(&digest, length, lag))
        })?;
        world.uploads.end(&self.id);
        Ok(digest)
    }

    async fn open(&self) -> io::Result<tokio::fs::File> {
        let mut file = tokio::fs::OpenOptions::new().write(true).open(&self.path).await?;
        file.seek(SeekFrom::Start(self.length)).await?;
        Ok(file)
    }
}

fn keep(files: &Files, from: &std::path::Path, digest: &str) -> io::Result<()> {
    let to = files.blob(digest);
    to.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::rename(from, to)
}
