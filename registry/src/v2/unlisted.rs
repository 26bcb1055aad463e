use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use oci::Repository;

/// The repositories that are known to keep no list of referrers.
#[derive(Debug, Default)]
pub(super) struct Unlisted(Mutex<HashSet<Repository>>);

impl Unlisted {
    pub(super) fn contains(&self, repository: &Repository) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(repository)
    }

    pub(super) fn insert(&self, repository: &Repository) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(repository.clone());
    }
}
