//! A registry as tests have it in their hands.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use image_fixtures::{Content, Fixture};

use crate::odd::Odd;
use crate::profile::Profile;
use crate::seen::{Seen, Surface};
use crate::server::Shared;
use crate::store::{Manifest, Repository};

/// Who may read and write, where somebody is asked.
pub const USER: &str = "alice";
/// The password of [`USER`].
pub const PASSWORD: &str = "correct horse";
/// The identity token of [`USER`].
pub const REFRESH_TOKEN: &str = "refresh-me";

/// A registry that runs until the runtime ends.
#[derive(Debug, Clone)]
pub struct Registry(Arc<Shared>);

impl Registry {
    /// Starts one that holds nothing.
    ///
    /// # Panics
    /// If no port can be had.
    pub async fn start(profile: Profile) -> Self {
        Self(Shared::start(profile).await.expect("a port on 127.0.0.1"))
    }

    /// `http://127.0.0.1:PORT`, as users name it.
    #[must_use]
    pub fn address(&self) -> String {
        self.0.hosts.registry()
    }

    /// Its profile.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.0.profile
    }

    /// Makes it hold a fixture, past all protocols.
    pub fn hold(&self, fixture: &Fixture) {
        self.put(&fixture.repository, &fixture.content);
    }

    /// Makes a repository hold this, past all protocols.
    pub fn put(&self, repository: &str, content: &Content) {
        self.change(repository, |held| {
            for (digest, bytes) in &content.blobs {
                held.blobs.insert(digest.clone(), Bytes::from(bytes.clone()));
            }
            for manifest in &content.manifests {
                let bytes = Bytes::from(manifest.bytes.clone());
                let json = serde_json::from_slice(&bytes).expect("a manifest is JSON");
                let digest = held.put(Manifest::new(manifest.media_type, bytes, json, 0));
                manifest.tags.iter().for_each(|tag| held.tag(tag, &digest, 0));
            }
        });
    }

    /// Makes a repository, where the first push does not.
    pub fn create(&self, repository: &str) {
        self.change(repository, |_| {});
    }

    /// Takes a tag away.
    pub fn untag(&self, repository: &str, tag: &str) {
        self.change(repository, |held| _ = held.tags.remove(tag));
    }

    /// Answers some requests in another way from now on.
    pub fn answer(&self, odd: Odd) {
        self.0.state().odd.push(odd);
    }

    /// A manifest by digest or tag, whether it is seen already or not.
    #[must_use]
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<Bytes> {
        let state = self.0.state();
        let held = state.store.repositories.get(repository)?;
        let digest = held.tags.get(reference).map_or(reference, |tag| &tag.digest);
        held.manifests.get(digest).map(|manifest| manifest.bytes.clone())
    }

    /// A blob.
    #[must_use]
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        self.0.state().store.repositories.get(repository)?.blobs.get(digest).cloned()
    }

    /// All tags of a repository.
    #[must_use]
    pub fn tags(&self, repository: &str) -> BTreeSet<String> {
        self.look(repository, |held| held.tags.keys().cloned().collect())
    }

    /// The digests of the manifests with this subject.
    #[must_use]
    pub fn referrers(&self, repository: &str, subject: &str) -> BTreeSet<String> {
        self.look(repository, |held| held.referrers(subject).map(|(digest, _)| digest.clone()).collect())
    }

    /// What was written is seen by everybody from now on.
    pub fn settle(&self) {
        self.0.state().store.repositories.values_mut().for_each(Repository::settle);
    }

    /// All requests since the last [`Registry::reset`].
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.0.state().seen.clone()
    }

    /// Those of one kind, such as `GET manifests`.
    #[must_use]
    pub fn requests_of(&self, kind: &str) -> Vec<Seen> {
        let mut seen = self.requests();
        seen.retain(|seen| seen.kind() == kind);
        seen
    }

    /// Those that were to change what it holds.
    #[must_use]
    pub fn writes(&self) -> Vec<Seen> {
        let mut seen = self.requests();
        seen.retain(Seen::is_write);
        seen
    }

    /// Forgets the requests.
    pub fn reset(&self) {
        self.0.state().seen.clear();
    }

    /// Whether a credential went to another host than the registry's own and its token server's.
    #[must_use]
    pub fn leaked(&self) -> bool {
        let is_elsewhere = |seen: &Seen| matches!(seen.surface, Surface::Storage | Surface::Backend);
        self.requests().iter().any(|seen| is_elsewhere(seen) && seen.is_authorized)
    }

    fn change(&self, repository: &str, change: impl FnOnce(&mut Repository)) {
        change(self.0.state().store.repositories.entry(repository.to_owned()).or_default());
    }

    fn look<T: Default>(&self, repository: &str, look: impl FnOnce(&Repository) -> T) -> T {
        self.0.state().store.repositories.get(repository).map(look).unwrap_or_default()
    }
}
