//! The lists of referrers that clients keep where a registry keeps none (section "Referrers Tag Schema" of the
//! distribution specification): indexes under the tag `sha256-<hex>`, written by whoever pushes a referrer.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use oci::{Digest, Manifest, MediaType, Repository, Tag};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use crate::manifest_store::ManifestStore;
use crate::survey::{ListToWrite, Root, TargetSurvey};

/// A list that a target has to get.
#[derive(Debug)]
pub(super) struct List {
    pub(super) repository: Repository,
    pub(super) tag: Tag,
    pub(super) old: Option<Digest>,
    pub(super) new: Digest,
    pub(super) subject: Digest,
    /// Whether it has to be written, or only if the target then keeps no list of its own.
    pub(super) is_certain: bool,
}

/// The lists of a target that lack a referrer which is promoted. Their new bytes are kept in the store.
pub(super) fn lists(
    target: &TargetSurvey,
    roots: &[Root],
    source: &BTreeMap<(Repository, Digest), Manifest>,
    store: &mut ManifestStore,
    notes: &mut Vec<String>,
) -> Vec<List> {
    let mut lists = Vec::new();
    for list in target.lists_to_write(roots) {
        let ListToWrite { repository, subject, tag, current, gone, is_certain, wanted } = list;
        let theirs = source.get(&(repository.clone(), subject));
        let list = match (current, theirs) {
            // Byte for byte, where nothing has to be added or left out.
            (None, Some(theirs))
                if theirs.content().others().is_empty()
                    && theirs.content().children().iter().all(|entry| wanted.contains(&entry.digest))
                    && wanted.iter().all(|digest| theirs.content().lists(*digest)) =>
            {
                Some(theirs.clone())
            }
            _ => merged(current, gone, theirs, &wanted, store),
        };
        let Some(list) = list else {
            notes.push(format!(
                "{repository}@{subject} in {}: what refers to it is promoted, and the list by which it is found would be larger than a manifest may be",
                target.name
            ));
            continue;
        };
        lists.push(List {
            repository: repository.clone(),
            tag,
            old: current.map(Manifest::digest),
            new: list.digest(),
            subject,
            is_certain,
        });
        store.insert_unbounded(list);
    }
    lists
}

/// The entries of a list, as they are written.
#[derive(Deserialize)]
struct Written {
    manifests: Vec<Box<RawValue>>,
}

/// What is read of an entry to know it again.
#[derive(Deserialize)]
struct Named {
    digest: Box<str>,
}

/// The entries of a list by their digests: none for those of an algorithm that is not known here, which are kept as
/// they are.
fn written(list: Option<&Manifest>) -> Vec<(Option<Digest>, Box<RawValue>)> {
    let Some(list) = list else { return vec![] };
    let entries = serde_json::from_slice(list.raw()).map_or(vec![], |written: Written| written.manifests);
    let digest =
        |entry: &RawValue| serde_json::from_str(entry.get()).ok().and_then(|Named { digest }| digest.parse().ok());
    entries.into_iter().map(|entry| (digest(&entry), entry)).collect()
}

/// What the target has, and what it lacks of the wanted entries, in the words of the source where it has words for
/// them.
///
/// None if that is more than a manifest may hold.
fn merged(
    current: Option<&Manifest>,
    gone: &HashSet<Digest>,
    theirs: Option<&Manifest>,
    wanted: &[Digest],
    store: &ManifestStore,
) -> Option<Manifest> {
    let mut entries = written(current);
    // A registry takes no list that names what it does not have.
    entries.retain(|(digest, _)| !digest.is_some_and(|digest| gone.contains(&digest)));
    let theirs: BTreeMap<Digest, Box<RawValue>> =
        written(theirs).into_iter().filter_map(|(digest, entry)| Some((digest?, entry))).collect();
    for digest in wanted {
        if !entries.iter().any(|(known, _)| known.as_ref() == Some(digest)) {
            let entry = match theirs.get(digest) {
                Some(entry) => entry.clone(),
                None => to_raw_value(&entry(store.manifest(*digest)?)).ok()?,
            };
            entries.push((Some(*digest), entry));
        }
    }
    let entries: Vec<_> = entries.into_iter().map(|(_, entry)| entry).collect();
    let list = json!({ "schemaVersion": 2, "mediaType": MediaType::OciIndex.as_str() });
    let list =
        format!("{},\"manifests\":{}}}", list.to_string().strip_suffix('}')?, serde_json::to_string(&entries).ok()?);
    Manifest::parse(Bytes::from(list), None).ok()
}

/// An entry as the specification wants it: with the type of the artifact, which may stand in the config, and with its
/// annotations.
fn entry(referrer: &Manifest) -> Value {
    let own: Map<String, Value> = serde_json::from_slice(referrer.raw()).unwrap_or_default();
    let mut entry = Map::new();
    entry.insert("mediaType".into(), referrer.media_type().as_str().into());
    entry.insert("digest".into(), referrer.digest().to_string().into());
    entry.insert("size".into(), referrer.raw().len().into());
    let of_config = || own.get("config").and_then(|config| config.get("mediaType"));
    let artifact_type = own.get("artifactType").filter(|kind| kind.as_str().is_some_and(|kind| !kind.is_empty()));
    if let Some(artifact_type) = artifact_type.or_else(of_config) {
        entry.insert("artifactType".into(), artifact_type.clone());
    }
    if let Some(annotations) = own.get("annotations") {
        entry.insert("annotations".into(), annotations.clone());
    }
    Value::Object(entry)
}
