//! The state: registries, their repositories and settings in memory and as JSON files, blobs and manifests as files
//! named by digest.
//!
//! ```text
//! DIR/111122223333/eu-west-1/settings.json
//!                           /repositories/team%2Fapp.json
//!                           /blobs/sha256/<hex>       manifests/sha256/<hex>       uploads/<id>
//! ```

mod files;
mod late;
mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

pub(crate) use files::Files;
pub(crate) use late::{Lag, Thing};
pub use model::{Encryption, Mutability, Status};
pub(crate) use model::{Image, Repository};

use crate::lock::lock;
use crate::names::RegistryId;
use crate::refusal::Refusal;

/// A registry's repositories and account settings.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) repositories: BTreeMap<String, Repository>,
    pub(crate) settings: BTreeMap<String, String>,
    changed: BTreeSet<String>,
    settings_changed: bool,
}

impl Registry {
    pub(crate) fn repository(&self, name: &str, id: &RegistryId) -> Result<&Repository, Refusal> {
        self.repositories.get(name).ok_or_else(|| Refusal::no_repository(name, &id.account))
    }

    /// The repository, to be changed: it will be written to disk.
    pub(crate) fn change(&mut self, name: &str, id: &RegistryId) -> Result<&mut Repository, Refusal> {
        let repository = self.repositories.get_mut(name).ok_or_else(|| Refusal::no_repository(name, &id.account))?;
        self.changed.insert(name.to_owned());
        Ok(repository)
    }

    pub(crate) fn add(&mut self, repository: Repository) {
        self.changed.insert(repository.name.clone());
        self.repositories.insert(repository.name.clone(), repository);
    }

    pub(crate) fn drop_repository(&mut self, name: &str) -> Option<Repository> {
        self.changed.insert(name.to_owned());
        self.repositories.remove(name)
    }

    pub(crate) fn set(&mut self, setting: &str, value: &str) {
        self.settings_changed = true;
        self.settings.insert(setting.to_owned(), value.to_owned());
    }
}

/// All registries.
#[derive(Debug)]
pub(crate) struct Store {
    dir: PathBuf,
    registries: Mutex<BTreeMap<RegistryId, Registry>>,
}

impl Store {
    /// Opens a directory, with what an earlier double left there.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let store = Self { dir: dir.to_owned(), registries: Mutex::default() };
        for account in folders(dir)? {
            for region in folders(&dir.join(&account))? {
                if let Ok(id) = format!("{account}/{region}").parse::<RegistryId>() {
                    let registry = load(&store.files(&id))?;
                    lock(&store.registries).insert(id, registry);
                }
            }
        }
        Ok(store)
    }

    pub(crate) fn files(&self, id: &RegistryId) -> Files {
        Files::new(self.dir.join(&id.account).join(&id.region))
    }

    pub(crate) fn ids(&self) -> Vec<RegistryId> {
        lock(&self.registries).keys().cloned().collect()
    }

    /// Reads or changes one registry, which is created empty when new.
    pub(crate) fn with<T>(&self, id: &RegistryId, act: impl FnOnce(&mut Registry) -> T) -> T {
        act(lock(&self.registries).entry(id.clone()).or_default())
    }

    /// Has reads see everything.
    pub(crate) fn catch_up(&self) {
        let registries = lock(&self.registries);
        registries.values().flat_map(|registry| registry.repositories.values()).for_each(|one| one.late.catch_up());
    }

    /// Writes what changed. Each file is replaced at once.
    pub(crate) fn flush(&self) -> io::Result<()> {
        let mut registries = lock(&self.registries);
        for (id, registry) in registries.iter_mut() {
            let files = self.files(id);
            for name in std::mem::take(&mut registry.changed) {
                let path = files.repository(&name);
                match registry.repositories.get(&name) {
                    Some(repository) => files::replace(&path, &serde_json::to_vec_pretty(repository)?)?,
                    None => files::remove(&path)?,
                }
            }
            if std::mem::take(&mut registry.settings_changed) {
                files::replace(&files.settings(), &serde_json::to_vec_pretty(&registry.settings)?)?;
            }
        }
        Ok(())
    }
}

fn folders(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}

fn load(files: &Files) -> io::Result<Registry> {
    let mut registry = Registry::default();
    if let Ok(text) = fs::read(files.settings()) {
        registry.settings = serde_json::from_slice(&text)?;
    }
    let Ok(entries) = fs::read_dir(files.repositories()) else {
        return Ok(registry);
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let mut repository: Repository = serde_json::from_slice(&fs::read(path)?)?;
        repository.index();
        registry.repositories.insert(repository.name.clone(), repository);
    }
    Ok(registry)
}
