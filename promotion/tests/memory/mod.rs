//! A registry in memory, as strict as ECR about what refers to what, that fails on demand.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod images;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use oci::{Descriptor, Digest, Manifest, Reference, Registry, Repository, Tag};
use promotion::{
    Error, ImmutableTags, Lookup, MountOutcome, Mounting, Name, OpenBlob, PutOutcome, ReferrerList, Referrers,
    RepositorySettings, Source, Target,
};
use tokio::time::Instant;

/// What a call is about to do: the operation and the repository.
pub(crate) type Call = (&'static str, String);

/// What goes wrong with a call.
#[derive(Clone)]
pub(crate) enum Fault {
    /// It fails with this.
    Fail(Error),
    /// The blob ends, without an error, after so many bytes of the answer.
    Cut(usize),
    /// The blob stops coming after so many bytes, and does not end.
    Stall(usize),
    /// The blob comes, or is taken, in pieces of so many bytes, each after a pause.
    Drip(usize, Duration),
    /// This byte of the blob is another one; a manifest is corrupt.
    Flip(usize),
    /// The call never answers.
    Hang,
    /// There is no list of tags.
    Unlisted,
    /// The put is refused for want of blobs that are there, or the mount declined.
    Forgetful,
    /// The put is refused, because all manifests and blobs of the repository were deleted a moment before.
    Expired,
    /// The put is answered with success, and nothing is there.
    Lost,
    /// The put succeeds, and what it wrote is seen only after this time: until then a manifest is not there, and a tag is
    /// as it was.
    Late(Duration),
    /// The put succeeds, and at once somebody else moves the tag to this digest.
    Moved(Digest),
}

type Faults = Box<dyn FnMut(&Call) -> Option<Fault> + Send>;

#[derive(Default)]
pub(crate) struct Held {
    pub(crate) blobs: HashMap<Digest, Bytes>,
    pub(crate) manifests: BTreeMap<Digest, Manifest>,
    pub(crate) tags: BTreeMap<Tag, Digest>,
    /// What is not seen yet, from when on it is, and what a tag pointed to before.
    late: HashMap<Reference, (Instant, Option<Digest>)>,
    pub(crate) immutable: bool,
    /// The digests of referrers, of any subject, that are not SHA-256.
    pub(crate) foreign_referrers: Vec<Box<str>>,
    /// Patterns of tags that may move nevertheless.
    pub(crate) mutable_tags: Vec<String>,
}

impl Held {
    /// What is seen of this reference.
    fn shown(&self, reference: &Reference) -> Option<&Manifest> {
        let late = self.late.get(reference).filter(|(from, _)| *from > Instant::now());
        let digest = match (late, reference) {
            (Some((_, before)), _) => *before,
            (None, Reference::Digest(digest)) => Some(*digest),
            (None, Reference::Tag(tag)) => self.tags.get(tag).copied(),
        };
        self.manifests.get(&digest?)
    }

    fn immutable_tags(&self) -> ImmutableTags {
        if self.immutable { ImmutableTags::AllBut(self.mutable_tags.clone()) } else { ImmutableTags::Only(vec![]) }
    }
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) repositories: BTreeMap<Repository, Held>,
    pub(crate) calls: Vec<Call>,
    faults: Option<Faults>,
    pub(crate) mounting: Mounting,
    /// Whether manifests and blobs have to be asked for one by one, as in any registry but ECR.
    pub(crate) one_by_one: bool,
    /// Whether what refers to a manifest is listed by the registry, and not by clients.
    pub(crate) lists_referrers: bool,
    /// Whether what it answers of a subject that it does not have is what it answers where it lists none.
    pub(crate) hides_absent_subjects: bool,
    /// Whether it counts the manifests that are read of it.
    pub(crate) counts_pulls: bool,
    /// What is answered instead of a list.
    pub(crate) unclear_referrers: Option<Error>,
    /// Bytes of every body that reached the registry, whether it was committed or not.
    pub(crate) received: Vec<u64>,
}

#[derive(Clone)]
pub(crate) struct Memory {
    name: String,
    state: Arc<Mutex<State>>,
}

impl Memory {
    pub(crate) fn new(name: &str, repositories: &[&str]) -> Self {
        let state = State {
            repositories: repositories.iter().map(|name| (name.parse().unwrap(), Held::default())).collect(),
            ..State::default()
        };
        Self { name: name.into(), state: Arc::new(Mutex::new(state)) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn on_call(&self, faults: impl FnMut(&Call) -> Option<Fault> + Send + 'static) {
        self.state().faults = Some(Box::new(faults));
    }

    pub(crate) fn heal(&self) {
        self.state().faults = None;
    }

    pub(crate) fn calls(&self, operation: &str) -> usize {
        self.state().calls.iter().filter(|(name, _)| *name == operation).count()
    }

    pub(crate) fn tags(&self, repository: &str) -> BTreeSet<String> {
        let state = self.state();
        state.repositories[&repository.parse().unwrap()].tags.keys().map(ToString::to_string).collect()
    }

    /// Puts a blob there by hand.
    pub(crate) fn seed_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.state().repositories.get_mut(&repository.parse().unwrap()).unwrap().blobs.insert(digest, bytes);
        digest
    }

    pub(crate) fn seed_manifest(&self, repository: &str, manifest: &Manifest, tag: Option<&str>) {
        let mut state = self.state();
        let held = state.repositories.get_mut(&repository.parse().unwrap()).unwrap();
        held.manifests.insert(manifest.digest(), manifest.clone());
        held.tags.extend(tag.map(|tag| (tag.parse().unwrap(), manifest.digest())));
    }

    /// Notes the call and asks what goes wrong with it.
    async fn enter(&self, operation: &'static str, repository: &str) -> Result<Option<Fault>, Error> {
        let call = (operation, repository.to_owned());
        let fault = {
            let mut state = self.state();
            state.calls.push(call.clone());
            state.faults.as_mut().and_then(|faults| faults(&call))
        };
        tokio::task::yield_now().await;
        match fault {
            Some(Fault::Fail(error)) => Err(error),
            Some(Fault::Hang) => std::future::pending().await,
            other => Ok(other),
        }
    }

    fn with<T>(&self, repository: &Repository, act: impl FnOnce(&mut Held) -> T) -> Result<T, Error> {
        let missing =
            || Error::new(Name::TargetRepositoryNotFound, format!("{} has no repository {repository}", self.name));
        self.state().repositories.get_mut(repository).map(act).ok_or_else(missing)
    }
}

/// An upload of [`Memory`].
pub(crate) struct Upload(Repository);

impl Source for Memory {
    type Blob = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

    fn name(&self) -> &str {
        &self.name
    }

    fn batch_size(&self) -> usize {
        if self.state().one_by_one { 1 } else { 3 }
    }

    async fn registry(&self) -> Result<Registry, Error> {
        Ok(format!("{}.example", self.name).parse().unwrap())
    }

    async fn manifests(&self, repository: &Repository, references: &[Reference]) -> Result<Vec<Lookup>, Error> {
        assert!((1..=self.batch_size()).contains(&references.len()), "{} manifests in one request", references.len());
        let fault = self.enter("manifests", repository.as_str()).await?;
        if let Some(Fault::Flip(_)) = fault {
            let corrupt = || Error::new(Name::CorruptContent, "a byte is another one");
            return Ok(references.iter().map(|_| Err(corrupt())).collect());
        }
        self.with(repository, |held| references.iter().map(|reference| Ok(held.shown(reference).cloned())).collect())
    }

    async fn open_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        range: Range<u64>,
    ) -> Result<OpenBlob<Self::Blob>, Error> {
        let fault = self.enter("open_blob", repository.as_str()).await?;
        let bytes = self.with(repository, |held| held.blobs.get(&blob.digest).cloned())?;
        let bytes = bytes.ok_or_else(|| Error::new(Name::SourceImageNotFound, "no such blob"))?;
        // Whoever asks for the rest gets what there is, even if that is more than the descriptor says.
        let end = if range.end == blob.size { bytes.len() } else { usize::try_from(range.end).unwrap() };
        let mut bytes = bytes.slice(usize::try_from(range.start).unwrap()..end).to_vec();
        match fault {
            Some(Fault::Cut(after) | Fault::Stall(after)) => bytes.truncate(after),
            Some(Fault::Flip(at)) => bytes[at] ^= 1,
            _ => {}
        }
        let length = if let Some(Fault::Drip(bytes, _)) = fault { bytes } else { (bytes.len() / 1000).max(4) };
        let pieces: Vec<_> = bytes.chunks(length).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let bytes = match fault {
            Some(Fault::Stall(_)) => stream::iter(pieces).chain(stream::pending()).boxed(),
            Some(Fault::Drip(_, pause)) => {
                let dripping = stream::iter(pieces).then(move |piece| async move {
                    tokio::time::sleep(pause).await;
                    piece
                });
                dripping.boxed()
            }
            _ => stream::iter(pieces).boxed(),
        };
        Ok(OpenBlob { bytes, end: range.end })
    }

    async fn referrers(&self, repository: &Repository, subject: Digest) -> Result<Referrers, Error> {
        self.enter("referrers", repository.as_str()).await?;
        if let Some(error) = self.state().unclear_referrers.clone() {
            return Ok(Referrers::Unclear(error));
        }
        if !self.state().lists_referrers {
            let is_told = !self.state().hides_absent_subjects;
            return Ok(if is_told { Referrers::Unlisted } else { Referrers::UnlistedOrAbsent });
        }
        let is_absent = self.with(repository, |held| !held.manifests.contains_key(&subject))?;
        if is_absent && self.state().hides_absent_subjects {
            return Ok(Referrers::UnlistedOrAbsent);
        }
        self.with(repository, |held| {
            let referrers = held.manifests.values().filter(|manifest| manifest.subject() == Some(subject));
            let descriptor = |manifest: &Manifest| Descriptor {
                media_type: manifest.media_type().as_str().into(),
                digest: manifest.digest(),
                size: manifest.raw().len() as u64,
                platform: None,
            };
            let manifests = referrers.map(descriptor).collect();
            Referrers::Listed(ReferrerList { manifests, others: held.foreign_referrers.clone() })
        })
    }

    async fn tags(&self, repository: &Repository, prefix: &str) -> Result<Option<Vec<Tag>>, Error> {
        if matches!(self.enter("tags", repository.as_str()).await?, Some(Fault::Unlisted)) {
            return Ok(None);
        }
        self.with(repository, |held| {
            Some(held.tags.keys().filter(|tag| tag.as_str().starts_with(prefix)).cloned().collect())
        })
    }

    fn counts_pulls(&self) -> bool {
        self.state().counts_pulls
    }

    async fn digest(&self, repository: &Repository, tag: &Tag) -> Result<Option<Digest>, Error> {
        self.enter("digest", repository.as_str()).await?;
        self.with(repository, |held| held.tags.get(tag).copied())
    }

    fn lists_tags_cheaply(&self) -> bool {
        true
    }

    fn requests(&self) -> u64 {
        self.state().calls.len() as u64
    }
}

impl Target for Memory {
    type Upload = Upload;

    async fn repository_settings(&self, repositories: &[Repository]) -> Result<Vec<Option<RepositorySettings>>, Error> {
        self.enter("repository_settings", "").await?;
        let settings = |held: &Held| RepositorySettings {
            immutable_tags: held.immutable_tags(),
            encryption: "AES256".into(),
            blob_bytes: 1..=u64::MAX,
        };
        let state = self.state();
        Ok(repositories.iter().map(|name| state.repositories.get(name).map(settings)).collect())
    }

    async fn mounting(&self) -> Result<Mounting, Error> {
        self.enter("mounting", "").await?;
        Ok(self.state().mounting)
    }

    async fn has_blobs(&self, repository: &Repository, blobs: &[Digest]) -> Result<Vec<bool>, Error> {
        assert!((1..=self.batch_size()).contains(&blobs.len()), "{} blobs in one request", blobs.len());
        self.enter("has_blobs", repository.as_str()).await?;
        self.with(repository, |held| blobs.iter().map(|digest| held.blobs.contains_key(digest)).collect())
    }

    async fn start_upload(&self, repository: &Repository) -> Result<Upload, Error> {
        self.enter("start_upload", repository.as_str()).await?;
        self.with(repository, |_| Upload(repository.clone()))
    }

    async fn mount_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        from: &Repository,
    ) -> Result<MountOutcome<Upload>, Error> {
        let fault = self.enter("mount_blob", repository.as_str()).await?;
        let mounting = self.state().mounting;
        let bytes = self.with(from, |held| {
            let is_committed = held
                .manifests
                .values()
                .any(|manifest| manifest.content().blobs().any(|held| held.digest == blob.digest));
            held.blobs
                .get(&blob.digest)
                .filter(|_| is_committed || mounting == Mounting::Any || from == repository)
                .cloned()
        })?;
        let forgets = matches!(fault, Some(Fault::Forgetful));
        match bytes.filter(|_| (mounting != Mounting::Never || from == repository) && !forgets) {
            None => Ok(MountOutcome::Declined(Upload(repository.clone()))),
            Some(bytes) => {
                self.with(repository, |held| held.blobs.insert(blob.digest, bytes))?;
                Ok(MountOutcome::Mounted)
            }
        }
    }

    async fn put_blob<B>(&self, upload: Upload, blob: &Descriptor, body: B) -> Result<(), Error>
    where
        B: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        let fault = self.enter("put_blob", upload.0.as_str()).await?;
        let mut bytes = BytesMut::new();
        let mut body = std::pin::pin!(body);
        let mut broken = false;
        while let Some(piece) = body.next().await {
            if let Some(Fault::Drip(_, pause)) = fault {
                tokio::time::sleep(pause).await;
            }
            match piece {
                Ok(piece) => bytes.extend_from_slice(&piece),
                Err(_) => {
                    broken = true;
                    break;
                }
            }
        }
        self.state().received.push(bytes.len() as u64);
        // A real server has nothing but the length to go by until all bytes are there.
        if broken || bytes.len() as u64 != blob.size {
            return Err(Error::new(Name::RegistryUnavailable, "the body ended early"));
        }
        let bytes = bytes.freeze();
        let digest = Digest::of(&bytes);
        if digest != blob.digest {
            return Err(Error::new(Name::CorruptContent, format!("the body has the digest {digest}")));
        }
        self.with(&upload.0, |held| held.blobs.insert(digest, bytes)).map(drop)
    }

    async fn put_manifest(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        tag: Option<&Tag>,
    ) -> Result<PutOutcome, Error> {
        let operation = if tag.is_some() { "tag" } else { "put_manifest" };
        let fault = self.enter(operation, repository.as_str()).await?;
        self.with(repository, |held| {
            if matches!(fault, Some(Fault::Expired)) {
                held.manifests.clear();
                held.blobs.clear();
            }
            let content = manifest.content();
            let blobs = content.blobs().filter(|blob| !blob.is_non_distributable());
            let lacking =
                |blob: &&Descriptor| !held.blobs.contains_key(&blob.digest) || matches!(fault, Some(Fault::Forgetful));
            let lacking: Vec<_> = blobs.filter(lacking).map(|blob| blob.digest).collect();
            if !lacking.is_empty() {
                return Ok(PutOutcome::LacksBlobs(lacking));
            }
            if !content.children().iter().all(|child| held.shown(&Reference::Digest(child.digest)).is_some()) {
                return Ok(PutOutcome::LacksManifests);
            }
            if matches!(fault, Some(Fault::Lost)) {
                return Ok(PutOutcome::Stored);
            }
            if let Some(tag) = tag {
                let old = held.tags.get(tag).copied();
                if held.immutable_tags().contains(tag) && old.is_some_and(|old| old != manifest.digest()) {
                    return Err(Error::new(Name::TagConflict, "immutable"));
                }
                if let Some(Fault::Late(time)) = fault {
                    held.late.entry(Reference::Tag(tag.clone())).or_insert((Instant::now() + time, old));
                }
                let other = if let Some(Fault::Moved(other)) = fault { Some(other) } else { None };
                held.tags.insert(tag.clone(), other.unwrap_or(manifest.digest()));
            }
            let is_new = held.manifests.insert(manifest.digest(), manifest.clone()).is_none();
            if let Some(Fault::Late(time)) = fault
                && is_new
            {
                held.late.insert(Reference::Digest(manifest.digest()), (Instant::now() + time, None));
            }
            Ok(PutOutcome::Stored)
        })?
    }
}
