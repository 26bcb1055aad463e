//! Pull-through caches: repositories below a prefix that fill themselves from another registry of the double
//! (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html>).
//!
//! - A pull by tag imports what the repository does not have under that tag, an index with every image that it lists. A
//!   digest imports nothing: it is not there until its tag was pulled (aws/containers-roadmap#2837).
//! - The caller needs `ecr:BatchImportUpstreamImage`, and `ecr:CreateRepository` where there is no repository yet
//!   (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html>).
//! - A layer is fetched later than its manifest: its first download is a redirect to the storage of the upstream
//!   (aws/containers-roadmap#2304), and from then on it is here.
//!
//! Inferred: what lacks a permission is denied it by name, whether or not the upstream has the tag; ListImageReferrers
//! lists what the upstream has too, as it has an error for an upstream that cannot be asked, while those manifests are
//! there no more than any other digest; BatchCheckLayerAvailability and HEAD do not see a layer before its first
//! download. Not carried out: a tag that is here is not compared with the upstream once in 24 hours.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::{fs, io};

use crate::call::Call;
use crate::images::ImageId;
use crate::lock::lock;
use crate::names::RegistryId;
use crate::refusal::Refusal;
use crate::store::{Image, Repository};
use crate::world::World;

/// The rules: the upstream of each prefix. They are not kept on disk.
#[derive(Debug, Default)]
pub(crate) struct PullThrough(Mutex<BTreeMap<(RegistryId, String), RegistryId>>);

/// Where a repository is filled from.
#[derive(Debug, Clone)]
struct Upstream {
    registry: RegistryId,
    repository: String,
}

impl PullThrough {
    pub(crate) fn set(&self, registry: &RegistryId, prefix: &str, upstream: &RegistryId) {
        lock(&self.0).insert((registry.clone(), prefix.to_owned()), upstream.clone());
    }

    /// There is always a `/` behind the prefix, and the rest is the name in the upstream.
    fn upstream(&self, registry: &RegistryId, repository: &str) -> Option<Upstream> {
        lock(&self.0).iter().find_map(|((cache, prefix), upstream)| {
            let rest = repository.strip_prefix(prefix.as_str())?.strip_prefix('/')?;
            (cache == registry).then(|| Upstream { registry: upstream.clone(), repository: rest.to_owned() })
        })
    }
}

/// Imports what a pull asks for by tag and the repository does not have. `action` is what the pull needs: who may not
/// pull imports nothing.
pub(crate) fn import(call: &Call, name: &str, action: &str, ids: &[ImageId]) -> Result<(), Refusal> {
    let Some(upstream) = call.world.pull_through.upstream(&call.registry, name) else {
        return Ok(());
    };
    // With a digest beside it a tag is not heeded either.
    let tags = ids.iter().filter(|id| id.image_digest.is_none()).filter_map(|id| id.image_tag.as_deref());
    for tag in tags {
        let is_here = call.world.store.with(&call.registry, |state| {
            state.repositories.get(name).is_some_and(|repository| repository.tags.contains_key(tag))
        });
        if !is_here {
            call.authorise(action, Some(name))?;
            call.authorise("ecr:BatchImportUpstreamImage", Some(name))?;
            take(call, name, tag, &upstream)?;
        }
    }
    Ok(())
}

fn take(call: &Call, name: &str, tag: &str, upstream: &Upstream) -> Result<(), Refusal> {
    let (world, registry) = (&call.world, &call.registry);
    let found = world.store.with(&upstream.registry, |state| {
        let repository = state.repositories.get(&upstream.repository)?;
        let digest = repository.tags.get(tag)?;
        Some((digest.clone(), whole(repository, digest)))
    });
    let Some((digest, images)) = found else {
        return Ok(());
    };
    let is_new = world.store.with(registry, |state| !state.repositories.contains_key(name));
    if is_new {
        call.authorise("ecr:CreateRepository", Some(name))?;
    }
    let [from, to] = [&upstream.registry, registry].map(|id| world.store.files(id));
    for image in &images {
        copy(world, &from.manifest(&image.digest), &to.manifest(&image.digest))?;
    }
    let now = world.clock.timestamp();
    world.store.with(registry, |state| {
        // Another request may have made it meanwhile.
        if !state.repositories.contains_key(name) {
            state.add(Repository { name: name.to_owned(), created_at: now, ..Repository::default() });
        }
        let repository = state.change(name, registry)?;
        for image in images {
            if !repository.images.contains_key(&image.digest) {
                repository.insert(Image { pushed_at: now, ..image });
            }
        }
        repository.tags.insert(tag.to_owned(), digest);
        Ok(())
    })
}

/// An image with all that it lists, at any depth.
fn whole(repository: &Repository, digest: &str) -> Vec<Image> {
    let (mut images, mut seen, mut left) = (Vec::new(), BTreeSet::new(), vec![digest.to_owned()]);
    while let Some(digest) = left.pop() {
        let image = repository.images.get(&digest).filter(|_| seen.insert(digest.clone()));
        left.extend(image.iter().flat_map(|image| image.children.clone()));
        images.extend(image.cloned());
    }
    images
}

/// The registry in whose storage a layer is that an image of this repository refers to and that is not here yet. It is
/// here from now on.
pub(crate) fn cold(call: &Call, name: &str, blob: &str) -> Result<Option<RegistryId>, Refusal> {
    let (world, registry) = (&call.world, &call.registry);
    let Some(upstream) = world.pull_through.upstream(registry, name) else {
        return Ok(None);
    };
    let [from, to] = [&upstream.registry, registry].map(|id| world.store.files(id));
    let Some(size) = from.blob_size(blob) else {
        return Ok(None);
    };
    let is_cold = world.store.with(registry, |state| {
        let repository = state.repository(name, registry)?;
        Ok::<_, Refusal>(repository.refers_to(blob) && !repository.blobs.contains_key(blob))
    })?;
    if !is_cold {
        return Ok(None);
    }
    copy(world, &from.blob(blob), &to.blob(blob))?;
    world.store.with(registry, |state| {
        state.change(name, registry).map(|repository| repository.blobs.insert(blob.to_owned(), size))
    })?;
    Ok(Some(upstream.registry))
}

/// Copies a file in one step: others may read it at the same time.
fn copy(world: &World, from: &Path, to: &Path) -> io::Result<()> {
    to.parent().map_or(Ok(()), fs::create_dir_all)?;
    let aside = to.with_extension(world.unique());
    fs::copy(from, &aside)?;
    fs::rename(aside, to)
}

/// What refers to a subject in the upstream of a repository.
pub(crate) fn referrers(world: &World, registry: &RegistryId, name: &str, subject: &str) -> Vec<Image> {
    let Some(upstream) = world.pull_through.upstream(registry, name) else {
        return Vec::new();
    };
    world.store.with(&upstream.registry, |state| {
        let repository = state.repositories.get(&upstream.repository);
        let images = repository.iter().flat_map(|repository| repository.images.values());
        images.filter(|image| image.subject.as_deref() == Some(subject)).cloned().collect()
    })
}
