//! What every registry behind [`Source`](crate::Source) and [`Target`](crate::Target) has to do, as functions that
//! panic where it does not.
//!
//! They are run on each implementation, and can be run on any real registry. Each needs a repository that nothing else
//! writes into.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::OnceLock;

use bytes::{Bytes, BytesMut};
use futures_util::{TryStreamExt, stream};
use oci::{Descriptor, Digest, Manifest, MediaType, Reference, Repository, Tag};

use crate::{Error, MountOutcome, Name, PutOutcome, Target};

/// All of them. `sibling` is another repository of the same registry; `missing` is one that does not exist, where a
/// registry does not create repositories when something is written into them.
pub async fn all<T: Target>(target: &T, repository: &Repository, sibling: &Repository, missing: Option<&Repository>) {
    blobs_arrive_byte_for_byte(target, repository).await;
    bodies_that_break_or_lie_commit_nothing(target, repository).await;
    manifests_keep_their_bytes(target, repository).await;
    what_a_manifest_refers_to_comes_first(target, repository).await;
    answers_come_in_the_order_of_the_questions(target, repository).await;
    a_mount_ends_with_the_blob_or_with_an_upload(target, repository, sibling).await;
    tags_are_listed_by_their_beginning(target, repository).await;
    if let Some(missing) = missing {
        a_missing_repository_is_named_so(target, repository, missing).await;
    }
}

/// Makes content and tags those of this run, so that a registry that keeps them can be used again.
fn this_run() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| format!("{:016x}", fastrand::u64(..)))
}

fn tag(text: &str) -> Tag {
    format!("{text}-{}", this_run()).parse().unwrap()
}

fn blob(media_type: &str, bytes: &Bytes) -> Descriptor {
    let size = bytes.len() as u64;
    Descriptor { media_type: media_type.into(), digest: Digest::of(bytes), size, platform: None }
}

fn layer(text: &str) -> (Descriptor, Bytes) {
    // Longer than one piece of any transport, so that offsets fall within and between pieces.
    let bytes: Bytes = text.bytes().chain(this_run().bytes()).cycle().take(100_000).collect();
    (blob("application/vnd.oci.image.layer.v1.tar", &bytes), bytes)
}

async fn send<T: Target>(
    target: &T,
    repository: &Repository,
    blob: &Descriptor,
    pieces: Vec<Result<Bytes, Error>>,
) -> Result<(), Error> {
    let upload = target.start_upload(repository).await.unwrap();
    target.put_blob(upload, blob, stream::iter(pieces)).await
}

fn in_pieces(bytes: &Bytes) -> Vec<Result<Bytes, Error>> {
    bytes.chunks(30_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect()
}

async fn has<T: Target>(target: &T, repository: &Repository, blob: &Descriptor) -> bool {
    target.has_blobs(repository, &[blob.digest]).await.unwrap()[0]
}

/// A manifest over this layer with odd white space, its blobs sent.
async fn image<T: Target>(target: &T, repository: &Repository, text: &str) -> Manifest {
    let (layer, bytes) = layer(text);
    send(target, repository, &layer, in_pieces(&bytes)).await.unwrap();
    let config =
        Bytes::from(format!(r#"{{"architecture":"amd64","os":"linux","config":{{"Env":["{text}{}"]}}}}"#, this_run()));
    let config_blob = blob("application/vnd.oci.image.config.v1+json", &config);
    send(target, repository, &config_blob, vec![Ok(config)]).await.unwrap();
    manifest(&config_blob, &layer)
}

fn manifest(config: &Descriptor, layer: &Descriptor) -> Manifest {
    let entry = |blob: &Descriptor| {
        format!(r#"{{ "size":{}, "digest" :"{}","mediaType":"{}"}}"#, blob.size, blob.digest, blob.media_type)
    };
    let media_type = MediaType::OciManifest;
    let raw = format!(
        "{{\n \"schemaVersion\": 2,\t\"mediaType\":\"{media_type}\", \"config\": {},\"layers\":[{}]}}\n\n",
        entry(config),
        entry(layer)
    );
    Manifest::parse(Bytes::from(raw), None).unwrap()
}

fn index(children: &[&Manifest]) -> Manifest {
    let entries = children.iter().map(|child| {
        let size = child.raw().len();
        format!(r#"{{"mediaType":"{}","digest":"{}","size":{size}}}"#, child.media_type(), child.digest())
    });
    let media_type = MediaType::OciIndex;
    let entries = entries.collect::<Vec<_>>().join(",");
    let raw = format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","manifests":[{entries}]}}"#);
    Manifest::parse(Bytes::from(raw), None).unwrap()
}

async fn look_up<T: Target>(target: &T, repository: &Repository, reference: Reference) -> Option<Manifest> {
    let mut lookups = target.manifests(repository, &[reference]).await.unwrap();
    assert_eq!(lookups.len(), 1);
    lookups.remove(0).unwrap()
}

/// What was sent is what comes back, from any offset.
pub async fn blobs_arrive_byte_for_byte<T: Target>(target: &T, repository: &Repository) {
    let (layer, bytes) = layer("arrives ");
    assert!(!has(target, repository, &layer).await);
    send(target, repository, &layer, in_pieces(&bytes)).await.unwrap();
    assert!(has(target, repository, &layer).await);
    // Sending it again is fine.
    send(target, repository, &layer, in_pieces(&bytes)).await.unwrap();
    // ECR hands out only layers that some image refers to.
    let image = image(target, repository, "arrives ").await;
    assert_eq!(target.put_manifest(repository, &image, None).await.unwrap(), PutOutcome::Stored);
    for range in [0..layer.size, 1..layer.size, 29_999..layer.size, 99_999..layer.size, 0..1, 0..30_000, 7..50_001] {
        let opened = target.open_blob(repository, &layer, range.clone()).await.unwrap();
        assert!(opened.end == range.end || opened.end == layer.size, "{range:?} ends at {}", opened.end);
        let read: BytesMut = opened.bytes.try_collect().await.unwrap();
        let [start, end] = [range.start, opened.end].map(|at| usize::try_from(at).unwrap());
        assert_eq!(read, bytes.slice(start..end), "{range:?}");
    }
}

/// A body that ends early, or whose bytes are others, leaves nothing behind.
pub async fn bodies_that_break_or_lie_commit_nothing<T: Target>(target: &T, repository: &Repository) {
    let (layer, bytes) = layer("breaks ");
    let mut broken = in_pieces(&bytes);
    *broken.last_mut().unwrap() = Err(Error::new(Name::CorruptContent, "found out before the last piece was sent"));
    assert!(send(target, repository, &layer, broken).await.is_err());
    assert!(!has(target, repository, &layer).await);
    let mut other = BytesMut::from(&bytes[..]);
    other[50_000] ^= 1;
    let error = send(target, repository, &layer, in_pieces(&other.freeze())).await.unwrap_err();
    assert_eq!(error.name(), Name::CorruptContent, "{error}");
    assert!(!has(target, repository, &layer).await);
}

/// A manifest is found by digest before it has a tag, and by both after; its bytes are those that were put.
pub async fn manifests_keep_their_bytes<T: Target>(target: &T, repository: &Repository) {
    let manifest = image(target, repository, "keeps ").await;
    let (by_digest, by_tag) = (Reference::Digest(manifest.digest()), Reference::Tag(tag("keeps")));
    assert_eq!(look_up(target, repository, by_digest.clone()).await, None);
    assert_eq!(target.put_manifest(repository, &manifest, None).await.unwrap(), PutOutcome::Stored);
    assert_eq!(look_up(target, repository, by_digest).await.as_ref(), Some(&manifest));
    assert_eq!(look_up(target, repository, by_tag.clone()).await, None);
    for _ in 0..2 {
        // The second time it is there already.
        assert_eq!(target.put_manifest(repository, &manifest, Some(&tag("keeps"))).await.unwrap(), PutOutcome::Stored);
        assert_eq!(look_up(target, repository, by_tag.clone()).await.as_ref(), Some(&manifest));
    }
}

/// Blobs before manifests, manifests before indexes.
pub async fn what_a_manifest_refers_to_comes_first<T: Target>(target: &T, repository: &Repository) {
    let (config, config_bytes) = layer("a config ");
    let (absent, absent_bytes) = layer("comes first ");
    send(target, repository, &config, in_pieces(&config_bytes)).await.unwrap();
    let leaf = manifest(&config, &absent);
    assert_eq!(
        target.put_manifest(repository, &leaf, None).await.unwrap(),
        PutOutcome::LacksBlobs(vec![absent.digest])
    );
    let over = index(&[&leaf]);
    assert_eq!(target.put_manifest(repository, &over, None).await.unwrap(), PutOutcome::LacksManifests);
    send(target, repository, &absent, in_pieces(&absent_bytes)).await.unwrap();
    for manifest in [&leaf, &over] {
        assert_eq!(target.put_manifest(repository, manifest, Some(&tag("first"))).await.unwrap(), PutOutcome::Stored);
    }
    assert_eq!(look_up(target, repository, Reference::Tag(tag("first"))).await, Some(over));
}

/// A full batch of questions, some of them twice, some without an answer.
pub async fn answers_come_in_the_order_of_the_questions<T: Target>(target: &T, repository: &Repository) {
    let [one, two] = [image(target, repository, "one ").await, image(target, repository, "two ").await];
    for (manifest, name) in [(&one, "one"), (&two, "two"), (&two, "again")] {
        target.put_manifest(repository, manifest, Some(&tag(name))).await.unwrap();
    }
    let questions = [
        (Reference::Tag(tag("two")), Some(&two)),
        (Reference::Digest(Digest::of(this_run().as_bytes())), None),
        (Reference::Digest(one.digest()), Some(&one)),
        (Reference::Tag(tag("again")), Some(&two)),
        (Reference::Tag(tag("nowhere")), None),
        (Reference::Tag(tag("one")), Some(&one)),
    ];
    for batch in questions.chunks(target.batch_size()) {
        let references: Vec<_> = batch.iter().map(|(reference, _)| reference.clone()).collect();
        let lookups = target.manifests(repository, &references).await.unwrap();
        let answers: Vec<_> = lookups.into_iter().map(Result::unwrap).collect();
        assert_eq!(
            answers.iter().map(Option::as_ref).collect::<Vec<_>>(),
            batch.iter().map(|(_, answer)| *answer).collect::<Vec<_>>()
        );
    }
    let absent: Vec<_> = (0..target.batch_size()).map(|n| Digest::of(&n.to_le_bytes())).collect();
    assert_eq!(target.has_blobs(repository, &absent).await.unwrap(), vec![false; absent.len()]);
}

/// A registry that declines to mount hands over an upload, which works.
pub async fn a_mount_ends_with_the_blob_or_with_an_upload<T: Target>(
    target: &T,
    repository: &Repository,
    sibling: &Repository,
) {
    let manifest = image(target, repository, "mounts ").await;
    target.put_manifest(repository, &manifest, None).await.unwrap();
    let (layer, bytes) = layer("mounts ");
    match target.mount_blob(sibling, &layer, repository).await.unwrap() {
        MountOutcome::Mounted => {}
        MountOutcome::Declined(upload) => {
            target.put_blob(upload, &layer, stream::iter(in_pieces(&bytes))).await.unwrap()
        }
    }
    assert!(has(target, sibling, &layer).await);
}

/// A list of tags has those that begin as asked, each once, and no other.
pub async fn tags_are_listed_by_their_beginning<T: Target>(target: &T, repository: &Repository) {
    let manifest = image(target, repository, "lists ").await;
    for name in ["listed-one", "listed-two", "other"] {
        target.put_manifest(repository, &manifest, Some(&tag(name))).await.unwrap();
    }
    let mut listed = target.tags(repository, "listed-").await.unwrap().unwrap();
    listed.retain(|listed| listed.as_str().ends_with(this_run()));
    listed.sort_unstable();
    assert_eq!(listed, [tag("listed-one"), tag("listed-two")]);
    assert!(target.tags(repository, "").await.unwrap().unwrap().contains(&tag("other")));
}

/// The settings of several repositories in order, and the same error for every attempt to use one that does not exist.
pub async fn a_missing_repository_is_named_so<T: Target>(target: &T, repository: &Repository, missing: &Repository) {
    let settings = target.repository_settings(&[missing.clone(), repository.clone()]).await.unwrap();
    assert!(settings[0].is_none() && settings[1].is_some(), "{settings:?}");
    let errors = [
        target.manifests(missing, &[Reference::Tag(tag("1"))]).await.map(drop).unwrap_err(),
        target.has_blobs(missing, &[Digest::of(b"")]).await.map(drop).unwrap_err(),
        target.start_upload(missing).await.map(drop).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.name(), Name::TargetRepositoryNotFound, "{error}");
        assert!(error.to_string().contains(missing.as_str()), "{error}");
    }
}
