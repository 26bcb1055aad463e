//! What promotion needs of a registry. Implementations make one attempt per call; whether and when to try again is
//! decided once, in [`crate::Retrying`], by [`Error::is_temporary`]. Content that proves corrupt is fetched again by
//! the engine, whatever that says.

use std::future::Future;
use std::ops::{Range, RangeInclusive};

use bytes::Bytes;
use futures_util::Stream;
use oci::{Descriptor, Digest, ListedDescriptor, Manifest, Reference, Registry, Repository, Tag};

use crate::Error;

/// What a registry answers when asked for one manifest: the manifest, or that there is none, or why it cannot say.
pub type Lookup = Result<Option<Manifest>, Error>;

/// A registry that can be read.
pub trait Source: Send + Sync + 'static {
    /// The bytes of a blob, in pieces, as they arrive.
    type Blob: Stream<Item = Result<Bytes, Error>> + Send + Unpin + 'static;

    /// What to call this registry in messages, known without a request.
    fn name(&self) -> &str;

    /// How many manifests or blobs one request can ask for, at least 1.
    fn batch_size(&self) -> usize;

    /// The registry as it is written in front of an image's name.
    fn registry(&self) -> impl Future<Output = Result<Registry, Error>> + Send;

    /// Looks up at most [`Source::batch_size`] manifests with their bytes: one answer per reference, in their order.
    ///
    /// A manifest that was asked for by digest has that digest, or the answer is `CorruptContent`.
    ///
    /// # Errors
    /// What holds for the whole request: the repository is missing, access is denied, the registry is unavailable.
    fn manifests(
        &self,
        repository: &Repository,
        references: &[Reference],
    ) -> impl Future<Output = Result<Vec<Lookup>, Error>> + Send;

    /// Whether each manifest that is read counts as a pull, of which there are few: then only those are read that some
    /// target lacks.
    fn counts_pulls(&self) -> bool {
        false
    }

    /// Whether what is not there by its digest may be by its tag: a pull-through cache of ECR takes it from upstream only
    /// then (aws/containers-roadmap#2837).
    fn imports_by_tag(&self) -> bool {
        false
    }

    /// The digest that a tag points to; none if there is no such tag. Where it can be had without the manifest, it is.
    ///
    /// # Errors
    /// As [`Source::manifests`].
    fn digest(&self, repository: &Repository, tag: &Tag) -> impl Future<Output = Result<Option<Digest>, Error>> + Send {
        async move {
            let mut lookups = self.manifests(repository, &[Reference::Tag(tag.clone())]).await?;
            Ok(lookups.pop().unwrap_or(Ok(None))?.map(|manifest| manifest.digest()))
        }
    }

    /// Opens a blob at the first byte of `range`, which ends within it. The bytes are not yet checked against the
    /// digest. Nothing is asked for where the range is empty.
    ///
    /// # Errors
    /// As [`Source::manifests`]; the stream itself ends with an error when the connection does.
    fn open_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        range: Range<u64>,
    ) -> impl Future<Output = Result<OpenBlob<Self::Blob>, Error>> + Send;

    /// The manifests that refer to this one as their subject, as the registry itself lists them (section "Listing
    /// Referrers" of the distribution specification).
    ///
    /// # Errors
    /// As [`Source::manifests`]. "None" is an answer of the registry, never what is made of a failure.
    fn referrers(
        &self,
        repository: &Repository,
        subject: Digest,
    ) -> impl Future<Output = Result<Referrers, Error>> + Send;

    /// All tags that begin like this, page by page; none if the registry lists no tags, or has so many pages of them that
    /// asking for each tag is cheaper.
    ///
    /// # Errors
    /// As [`Source::manifests`].
    fn tags(
        &self,
        repository: &Repository,
        prefix: &str,
    ) -> impl Future<Output = Result<Option<Vec<Tag>>, Error>> + Send;

    /// Whether a list of tags costs less than to look up a few of them, which may not exist.
    fn lists_tags_cheaply(&self) -> bool;

    /// How many requests were sent so far, retries and authorisation included.
    fn requests(&self) -> u64;
}

/// A blob that was opened.
#[derive(Debug)]
pub struct OpenBlob<Blob> {
    /// Its bytes, from the one that was asked for on.
    pub bytes: Blob,
    /// Before which byte they end: where they were asked to, or at the end of the blob, from a registry that heeds no
    /// ranges.
    pub end: u64,
}

/// What a registry knows of the manifests that refer to another one.
#[derive(Debug, Clone)]
pub enum Referrers {
    /// All of them.
    Listed(ReferrerList),
    /// It keeps no list: clients keep one, as an index under the tag `sha256-<hex>` (section "Referrers Tag Schema" of
    /// the distribution specification).
    Unlisted,
    /// It keeps no list, or does not have the subject: some registries answer alike. It can be asked again once it has.
    UnlistedOrAbsent,
    /// Neither a list nor that there is none, for this reason. Clients may keep one.
    Unclear(Error),
}

/// A list of referrers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReferrerList {
    /// Those that can be promoted.
    pub manifests: Vec<Descriptor>,
    /// The digests of those that cannot, as they are not SHA-256.
    pub others: Vec<Box<str>>,
}

impl ReferrerList {
    /// Adds an entry.
    pub fn push(&mut self, entry: ListedDescriptor) {
        match entry.into_descriptor() {
            Ok(descriptor) => self.manifests.push(descriptor),
            Err(other) => self.others.push(other),
        }
    }
}

/// A registry that can be written. It can be read as well: what was written is verified by reading it.
pub trait Target: Source {
    /// An upload that was opened and not yet used.
    type Upload: Send + 'static;

    /// The settings of these repositories, in their order; none for a repository that does not exist.
    ///
    /// # Errors
    /// Access denied, or the registry is unavailable.
    fn repository_settings(
        &self,
        repositories: &[Repository],
    ) -> impl Future<Output = Result<Vec<Option<RepositorySettings>>, Error>> + Send;

    /// Which blobs may be mounted from one repository into another.
    ///
    /// # Errors
    /// The registry is unavailable.
    fn mounting(&self) -> impl Future<Output = Result<Mounting, Error>> + Send;

    /// Which of these blobs (at most [`Source::batch_size`]) the repository has, in their order.
    ///
    /// # Errors
    /// The repository is missing, access is denied, the registry is unavailable.
    fn has_blobs(
        &self,
        repository: &Repository,
        blobs: &[Digest],
    ) -> impl Future<Output = Result<Vec<bool>, Error>> + Send;

    /// Opens an upload.
    ///
    /// # Errors
    /// The repository is missing, access is denied, the registry is unavailable.
    fn start_upload(&self, repository: &Repository) -> impl Future<Output = Result<Self::Upload, Error>> + Send;

    /// Asks for a blob of a sibling repository. A registry that declines opens an upload instead.
    ///
    /// Where blobs are asked for one by one, `from` may be the repository itself: this tells in one request whether the
    /// blob is there, and opens an upload if it is not.
    ///
    /// # Errors
    /// As [`Target::start_upload`].
    fn mount_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        from: &Repository,
    ) -> impl Future<Output = Result<MountOutcome<Self::Upload>, Error>> + Send;

    /// Sends the bytes of one blob as one body of known length, and commits it.
    ///
    /// The body ends early, with an error, when the bytes are not what the descriptor says: nothing is committed then.
    ///
    /// # Errors
    /// `CorruptContent` if the registry computed another digest; otherwise as [`Target::start_upload`].
    fn put_blob<B>(
        &self,
        upload: Self::Upload,
        blob: &Descriptor,
        body: B,
    ) -> impl Future<Output = Result<(), Error>> + Send
    where
        B: Stream<Item = Result<Bytes, Error>> + Send + 'static;

    /// Writes a manifest, byte for byte, under its digest and, if given, a tag. Having it already is success.
    ///
    /// # Errors
    /// `TagConflict` if the tag is immutable and holds another digest, `RegistryLimit`; otherwise as
    /// [`Target::start_upload`].
    fn put_manifest(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        tag: Option<&Tag>,
    ) -> impl Future<Output = Result<PutOutcome, Error>> + Send;
}

/// What a repository in a target allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositorySettings {
    /// Which tags may not move.
    pub immutable_tags: ImmutableTags,
    /// How its content is encrypted, in the registry's own words. Blobs are mounted only between equals.
    pub encryption: String,
    /// Which sizes a blob may have, in bytes.
    pub blob_bytes: RangeInclusive<u64>,
}

/// Which tags of a repository may not move once they exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImmutableTags {
    /// Every tag but those that match one of these patterns, in which `*` stands for any text.
    AllBut(Vec<String>),
    /// Only tags that match one of these patterns.
    Only(Vec<String>),
}

impl ImmutableTags {
    /// Whether this tag may not move.
    #[must_use]
    pub fn contains(&self, tag: &Tag) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, tag.as_str()));
        match self {
            Self::AllBut(patterns) => !any(patterns),
            Self::Only(patterns) => any(patterns),
        }
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == text;
    };
    text.strip_prefix(head).is_some_and(|rest| {
        rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| matches(tail, rest.split_at(at).1))
    })
}

/// Which blobs of a sibling repository a registry mounts. It may decline all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mounting {
    /// None.
    #[default]
    Never,
    /// Those that a manifest there refers to, as ECR does (aws/containers-roadmap#2860).
    Referenced,
    /// Every one (section "Mounting a blob from another repository" of the distribution specification).
    Any,
}

/// What became of a request to mount a blob.
#[derive(Debug)]
pub enum MountOutcome<Upload> {
    /// The repository has the blob now.
    Mounted,
    /// It was declined; this upload was opened instead.
    Declined(Upload),
}

/// What became of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutOutcome {
    /// It is there.
    Stored,
    /// Refused, because the registry lacks these blobs, whatever it said before.
    LacksBlobs(Vec<Digest>),
    /// Refused, because the registry lacks manifests that this index lists.
    LacksManifests,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_mutable_and_immutable_tags() {
        let tag = |text: &str| text.parse::<Tag>().unwrap();
        let but = ImmutableTags::AllBut(vec!["dev-*".into(), "*-rc*".into(), "latest".into()]);
        for (text, immutable) in
            [("1.0", true), ("dev-1", false), ("dev-", false), ("1-rc2", false), ("latest", false), ("latest2", true)]
        {
            assert_eq!(but.contains(&tag(text)), immutable, "{text}");
            assert_eq!(
                ImmutableTags::Only(vec!["dev-*".into(), "*-rc*".into(), "latest".into()]).contains(&tag(text)),
                !immutable
            );
        }
        assert!(!ImmutableTags::Only(vec![]).contains(&tag("1.0")));
        assert!(ImmutableTags::AllBut(vec![]).contains(&tag("1.0")));
    }
}
