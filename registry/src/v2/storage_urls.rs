use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use oci::{Digest, Repository};

use crate::http::RequestUrl;

/// More addresses than this are not kept: with some 2 KiB each, of the signature that is in them.
const KEPT: usize = 256;

/// Where the storage of a registry has blobs, as the registry said it.
///
/// An address is good for a while, for any range, and costs the registry nothing: a layer of 10 GiB takes one
/// `GetDownloadUrlForLayer` of ECR, however many ranges are read of it.
#[derive(Debug, Default)]
pub(super) struct StorageUrls(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    urls: HashMap<(Repository, Digest), RequestUrl>,
    /// The oldest first.
    order: VecDeque<(Repository, Digest)>,
}

impl StorageUrls {
    pub(super) fn get(&self, repository: &Repository, blob: Digest) -> Option<RequestUrl> {
        self.with(|kept| kept.urls.get(&(repository.clone(), blob)).cloned())
    }

    pub(super) fn insert(&self, repository: &Repository, blob: Digest, url: RequestUrl) {
        let key = (repository.clone(), blob);
        self.with(|kept| {
            if kept.urls.insert(key.clone(), url).is_some() {
                return;
            }
            kept.order.push_back(key);
            if kept.order.len() > KEPT
                && let Some(oldest) = kept.order.pop_front()
            {
                kept.urls.remove(&oldest);
            }
        });
    }

    /// Forgets an address that is good no longer, unless another one has taken its place.
    pub(super) fn forget(&self, repository: &Repository, blob: Digest, url: &RequestUrl) {
        let key = (repository.clone(), blob);
        self.with(|kept| {
            if kept.urls.get(&key).is_some_and(|kept| kept.as_url() == url.as_url()) {
                kept.urls.remove(&key);
                kept.order.retain(|other| *other != key);
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Kept) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
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
