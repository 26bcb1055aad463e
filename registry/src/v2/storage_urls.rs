use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use oci::{Digest, Repository};

use crate::http::RequestUrl;

/// More addresses than this are not kept: with some 2 KiB each, of the signature that is in them.
const KEPT: usize = 256;

/// Where the storage of a registry has blobs, as the registry said it.
///
/// An address is good for a while, for any range, and costs the registry nothing: a layer of 10 GiB takes one
/// `GetDownloadUrlForLayer` of ECR, however many ranges are read of it.
#[derive(Debug, Default)]
pub(super) struct StorageUrls(Mutex<VecDeque<Stored>>);

/// Where one blob is.
#[derive(Debug)]
struct Stored {
    repository: Repository,
    blob: Digest,
    url: RequestUrl,
}

impl Stored {
    fn is_of(&self, repository: &Repository, blob: Digest) -> bool {
        self.blob == blob && self.repository == *repository
    }
}

impl StorageUrls {
    pub(super) fn get(&self, repository: &Repository, blob: Digest) -> Option<RequestUrl> {
        let known = self.known();
        known.iter().find(|stored| stored.is_of(repository, blob)).map(|stored| stored.url.clone())
    }

    pub(super) fn insert(&self, repository: &Repository, blob: Digest, url: RequestUrl) {
        let mut known = self.known();
        known.retain(|stored| !stored.is_of(repository, blob));
        if known.len() == KEPT {
            known.pop_front();
        }
        known.push_back(Stored { repository: repository.clone(), blob, url });
    }

    /// Forgets an address that is good no longer, unless another one has taken its place.
    pub(super) fn forget(&self, repository: &Repository, blob: Digest, url: &RequestUrl) {
        self.known().retain(|stored| !stored.is_of(repository, blob) || stored.url.as_url() != url.as_url());
    }

    /// The oldest first.
    fn known(&self) -> MutexGuard<'_, VecDeque<Stored>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_and_forgets_what_is_good_no_longer() {
        let (urls, repository) = (StorageUrls::default(), "a".parse().unwrap());
        let url = |number: usize| RequestUrl::parse(&format!("https://s.example/{number}")).unwrap();
        let blob = |number: usize| Digest::of(&number.to_be_bytes());
        for number in 0..=KEPT {
            urls.insert(&repository, blob(number), url(number));
        }
        assert!(urls.get(&repository, blob(0)).is_none());
        assert!(urls.get(&repository, blob(1)).is_some());
        urls.insert(&repository, blob(1), url(1000));
        urls.forget(&repository, blob(1), &url(1));
        assert!(urls.get(&repository, blob(1)).is_some(), "another one has taken its place");
        urls.forget(&repository, blob(1), &url(1000));
        assert!(urls.get(&repository, blob(1)).is_none());
    }
}
