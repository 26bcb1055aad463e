//! What the source has of a release: what its tags point to, what its indexes list, and for which platforms.

use bytes::BytesMut;
use futures_util::TryStreamExt;
use oci::text::excerpt;
use oci::{Content, Descriptor, ImageConfig, MAX_INDEX_DEPTH, MAX_MANIFEST_BYTES, Manifest};

use super::pull_through::IN_CACHE;
use super::*;

use crate::{Image, Lookup, Name, read_whole};

pub(super) const LEFT: &str = "it was pinned, and has left the source since: push it again, or pin the release anew";
const NOT_WHOLE: &str = "an index that is to be promoted lists it, and no registry has to take an index without all it lists: push the whole index to the \
                         source again";

/// How the media types of what BuildKit keeps for itself begin (moby/buildkit, `cache/remotecache/v1/spec.go`).
const CACHE: &str = "application/vnd.buildkit.cacheconfig.";

/// The media types of configurations that say a platform.
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// More problems than this are not looked for: an index may list any number of manifests that are not there.
const ENOUGH: usize = 1_000;

/// Where manifests can be read: in the source, and in targets that have them by digest.
pub(super) struct Places<'a, S, T> {
    pub(super) source: &'a Arc<Retrying<S>>,
    pub(super) targets: &'a [Arc<Retrying<T>>],
}

impl<S: Source, T: Source> Places<'_, S, T> {
    fn source_alone(&self) -> Self {
        Places { source: self.source, targets: &[] }
    }

    /// The targets to ask before the source: none where it does not count what is read of it.
    fn sparing(&self) -> &[Arc<Retrying<T>>] {
        if self.source.counts_pulls() { self.targets } else { &[] }
    }
}

/// What is read of what an index lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// All of it.
    Whole,
    /// The indexes in it: what they list is named there.
    Indexes,
}

impl Survey {
    /// Finds out what every tag points to.
    pub(super) async fn pin<S: Source>(&mut self, release: Release, source: &Retrying<S>) {
        let images = match release {
            Release::Pinned(images) => {
                self.images = images.into();
                return;
            }
            Release::Tagged(images) => images,
        };
        if source.counts_pulls() {
            return self.pin_sparingly(&images, source).await;
        }
        let wanted = images
            .iter()
            .enumerate()
            .map(|(at, image)| Wanted::new(source, &image.repository, Reference::Tag(image.tag.clone()), (at, image)));
        let mut answers = lookup_all(wanted.collect());
        let mut pinned = BTreeMap::new();
        while let Some(answer) = answers.next().await {
            if let Some(error) = self.store.overflow() {
                self.problems.push(error);
                break;
            }
            for ((at, image), lookup) in self.answered(answer) {
                let checked = lookup.and_then(|manifest| {
                    check_pin(image, manifest.as_ref().map(Manifest::digest), source.name())?;
                    Ok(manifest)
                });
                match checked {
                    Ok(None) => {}
                    Ok(Some(manifest)) => {
                        pinned.insert(at, image.clone().pin(manifest.digest()));
                        self.store.insert(manifest);
                    }
                    Err(error) => self.problems.push(error),
                }
            }
        }
        // In the order of the release. An image that is not among them is among the problems.
        self.images = pinned.into_values().collect();
    }

    /// The same without reading the manifests: what some target lacks is read later, by digest.
    async fn pin_sparingly<S: Source>(&mut self, images: &[Image], source: &Retrying<S>) {
        let mut digests = stream::iter(images)
            .map(|image| async move { (image, source.digest(&image.repository, &image.tag).await) })
            .buffered(AT_ONCE);
        while let Some((image, digest)) = digests.next().await {
            match digest.and_then(|digest| check_pin(image, digest, source.name())) {
                Ok(digest) => self.images.push(image.clone().pin(digest)),
                Err(error) => self.problems.push(error),
            }
        }
    }

    /// Reads what is listed by the indexes that some target has to get, and the manifests of pinned images that are
    /// known only by digest.
    pub(super) async fn open_indexes<S: Source, T: Source>(&mut self, places: &Places<'_, S, T>) {
        let mut lacking: Vec<(Repository, Digest, u64)> = Vec::new();
        let (mut hiding, mut only_indexes) = (Vec::new(), Vec::new());
        for (at, image) in self.images.iter().enumerate() {
            let wanted = (image.repository.clone(), image.digest, 0);
            if self.is_lacking(at) {
                lacking.push(wanted);
            } else if self.hides_platforms(image) {
                hiding.push(wanted);
            } else if self.referrer_policy != ReferrerPolicy::Leave {
                only_indexes.push(wanted);
            }
        }
        self.open_below(lacking, Opening::Whole, &places.source_alone()).await;
        self.open_below(hiding, Opening::Whole, places).await;
        self.open_below(only_indexes, Opening::Indexes, places).await;
    }

    /// Reads these manifests and what they list, at any depth, as far as it is wanted.
    pub(super) async fn open_below<S: Source, T: Source>(
        &mut self,
        wanted: Vec<(Repository, Digest, u64)>,
        opening: Opening,
        places: &Places<'_, S, T>,
    ) {
        let source = places.source;
        let mut wanted = wanted;
        let mut seen: HashSet<(Repository, Digest)> = HashSet::new();
        for _ in 0..=MAX_INDEX_DEPTH {
            wanted.retain(|(repository, digest, _)| seen.insert((repository.clone(), *digest)));
            self.read_manifests(&wanted, places).await;
            if let Some(error) = self.store.overflow() {
                self.problems.push(error);
                return;
            }
            let opened = wanted.iter().filter(|_| opening == Opening::Whole);
            let unfit: Vec<_> =
                opened.filter_map(|(repository, digest, _)| self.unfit(repository, *digest, source.name())).collect();
            if !unfit.is_empty() {
                self.problems.extend(unfit);
                return;
            }
            wanted = wanted
                .iter()
                .flat_map(|(repository, digest, _)| {
                    let children = self.store.content(*digest).map(Content::children).unwrap_or_default();
                    let children = children.iter().filter(|child| opening == Opening::Whole || child.is_index());
                    children.map(|child| (repository.clone(), child.digest, child.size))
                })
                .collect();
            if wanted.is_empty() {
                return;
            }
        }
        for (repository, digest, _) in wanted {
            self.problems.push(Error::new(
                Name::RegistryLimit,
                format!(
                    "{repository}@{digest} in {}: indexes are nested more than {MAX_INDEX_DEPTH} deep",
                    source.name()
                ),
            ));
        }
    }

    /// Why an index cannot be promoted whole; none if it can, as far as it says itself.
    fn unfit(&self, repository: &Repository, index: Digest, place: &str) -> Option<Error> {
        let content = self.store.content(index)?;
        let refused = |what: &str, advice: &str| {
            let why = format!("{repository}@{index} in {place}: the index lists {what}: {advice}");
            Some(Error::new(Name::RegistryLimit, why))
        };
        if let Some(other) = content.others().first() {
            return refused(&excerpt(other), "only SHA-256 can be promoted, build the image with that");
        }
        let blob = content.children().iter().find(|child| !child.is_manifest())?;
        let what = format!("{}, which is no manifest but {}", blob.digest, excerpt(&blob.media_type));
        if content.children().iter().any(|child| child.media_type.starts_with(CACHE)) {
            return refused(
                &what,
                "it is a cache of BuildKit and no image, so leave it out of the release, or export it with \
                `image-manifest=true` to have one that registries take as an image",
            );
        }
        refused(
            &what,
            "registries take indexes of manifests only, so promote what is an image, or build it anew with a current client",
        )
    }

    async fn read_manifests<S: Source, T: Source>(
        &mut self,
        wanted: &[(Repository, Digest, u64)],
        places: &Places<'_, S, T>,
    ) {
        let unknown = wanted.iter().filter(|(_, digest, _)| self.store.content(*digest).is_none()).cloned();
        let unknown: Vec<_> = unknown.collect();
        let imports_by_tag = places.source.imports_by_tag();
        let mut absent = HashSet::new();
        let keep = |survey: &mut Self, repository: &Repository, digest, lookup| match lookup {
            Ok(Some(manifest)) => survey.store.insert(manifest),
            Ok(None) => {
                let is = |image: &PinnedImage| image.digest == digest && image.repository == *repository;
                let is_root = survey.images.iter().any(is);
                if is_root && imports_by_tag {
                    absent.insert((repository.clone(), digest));
                    return;
                }
                let advice = if is_root { LEFT } else { NOT_WHOLE };
                let hint = if imports_by_tag { IN_CACHE } else { "" };
                let what = format_args!("{repository}@{digest}");
                survey.problems.push(not_found(what, places.source.name(), &format!("{advice}{hint}")));
            }
            Err(error) => survey.problems.push(error),
        };
        self.look_up(&unknown, places, keep).await;
        if !absent.is_empty() {
            self.read_by_tag(&absent, places.source).await;
        }
    }

    /// Looks up manifests, and hands each answer over as it comes, so that they are never all held at a time.
    ///
    /// A source that counts what is read of it is asked last, for what no target has.
    pub(super) async fn look_up<S: Source, T: Source>(
        &mut self,
        wanted: &[(Repository, Digest, u64)],
        places: &Places<'_, S, T>,
        mut each: impl FnMut(&mut Self, &Repository, Digest, Lookup),
    ) {
        let mut found: HashSet<(Repository, Digest)> = HashSet::new();
        for target in places.sparing() {
            let mut answers = lookup_all(left(wanted, &found, &**target));
            while let Some(answer) = answers.next().await {
                if self.store.overflow().is_some() {
                    return;
                }
                // What a target cannot say, the source can.
                for ((repository, digest), lookup) in answer.unwrap_or_default() {
                    if let Ok(Some(manifest)) = lookup {
                        found.insert((repository.clone(), digest));
                        each(self, repository, digest, Ok(Some(manifest)));
                    }
                }
            }
        }
        let mut answers = lookup_all(left(wanted, &found, &**places.source));
        while let Some(answer) = answers.next().await {
            if self.store.overflow().is_some() || self.problems.len() >= ENOUGH {
                return;
            }
            let answer = match answer {
                // A pull-through cache makes the repository when a tag is first pulled.
                Err(Failed { items, error })
                    if places.source.imports_by_tag() && error.name() == Name::SourceImageNotFound =>
                {
                    Ok(items.into_iter().map(|item| (item, Ok(None))).collect())
                }
                answer => answer,
            };
            for ((repository, digest), lookup) in self.answered(answer) {
                each(self, repository, digest, lookup);
            }
        }
    }

    /// Whether some target has to get this image.
    fn is_lacking(&self, at: usize) -> bool {
        self.targets.iter().any(|target| target.presence(at).is_some_and(|presence| !presence.staged))
    }

    /// Whether the platforms of this image are asked for, and are known only from something that its index lists,
    /// or not at all yet.
    fn hides_platforms(&self, image: &PinnedImage) -> bool {
        let hides = |content: &Content| content.children().iter().any(|child| child.platform.is_none());
        !image.platforms.is_empty() && self.store.content(image.digest).is_none_or(hides)
    }

    /// Reads for which platforms there are images, where the release asks for some. An index says it of most; of an
    /// image, and of an entry without a platform, only the config does.
    pub(super) async fn learn_platforms<S: Source>(&mut self, source: &Arc<Retrying<S>>) {
        let mut configs = Vec::new();
        for image in self.images.iter().filter(|image| !image.platforms.is_empty()) {
            let platforms = self.platforms.entry(image.digest).or_default();
            for digest in self.store.bottom_up(image.digest) {
                match self.store.content(digest) {
                    Some(Content::Index { manifests, .. }) => {
                        platforms.extend(manifests.iter().filter_map(|entry| entry.platform.clone()));
                        let silent = manifests.iter().filter(|entry| entry.platform.is_none());
                        let of = |entry: &Descriptor| match self.store.content(entry.digest)? {
                            Content::Image { config, .. } if CONFIGS.contains(&&*config.media_type) => Some(config),
                            _ => None,
                        };
                        configs.extend(silent.filter_map(of).take(ENOUGH).map(|config| (image, config)));
                    }
                    Some(Content::Image { config, .. }) if digest == image.digest => configs.push((image, config)),
                    _ => {}
                }
            }
        }
        let platforms: Vec<_> = stream::iter(configs)
            .map(|(image, config)| async move { (image, read_platform(&image.repository, config, source).await) })
            .buffered(AT_ONCE)
            .collect()
            .await;
        for (image, platform) in platforms {
            match platform {
                Ok(platform) => self.platforms.entry(image.digest).or_default().push(platform),
                Err(error) => self.problems.push(error.context(format_args!("the config of {image}"))),
            }
        }
    }
}

/// Those that were not found elsewhere, to be asked for in this registry.
fn left<'a, R>(
    wanted: &'a [(Repository, Digest, u64)],
    found: &HashSet<(Repository, Digest)>,
    registry: &'a Retrying<R>,
) -> Vec<Wanted<'a, Retrying<R>, (&'a Repository, Digest)>> {
    let left = wanted.iter().filter(|(repository, digest, _)| !found.contains(&(repository.clone(), *digest)));
    let ask = |(repository, digest, size): &'a (Repository, Digest, u64)| {
        Wanted::new(registry, repository, Reference::Digest(*digest), (repository, *digest)).with_size(*size)
    };
    left.map(ask).collect()
}

pub(super) fn not_found(what: impl std::fmt::Display, place: &str, advice: &str) -> Error {
    Error::new(Name::SourceImageNotFound, format!("{what} is not in {place}: {advice}"))
}

/// What an image is pinned to.
fn check_pin(image: &Image, found: Option<Digest>, place: &str) -> Result<Digest, Error> {
    let Some(found) = found else {
        let advice = "check the tag in deploy-manifest.json, and that the build which pushes it has finished";
        return Err(not_found(image, place, advice));
    };
    match image.digest {
        Some(expected) if expected != found => Err(Error::new(
            Name::DigestMismatch,
            format!(
                "{image} in {place} points to {found}, and deploy-manifest.json pins it to {expected}: the tag was moved. Release what it \
                 points to now by changing the digest, or push the pinned image under this tag again"
            ),
        )),
        _ => Ok(found),
    }
}

async fn read_platform<S: Source>(
    repository: &Repository,
    config: &Descriptor,
    source: &Arc<Retrying<S>>,
) -> Result<Platform, Error> {
    let corrupt =
        |why: String| Error::new(Name::CorruptContent, format!("{} in {}: {why}", config.digest, source.name()));
    if config.size > MAX_MANIFEST_BYTES as u64 {
        return Err(corrupt(format!("an image's config of {} bytes, more than any manifest has", config.size)));
    }
    let bytes: BytesMut = read_whole(source.clone(), repository.clone(), config.clone()).try_collect().await?;
    ImageConfig::parse(&bytes).map(|config| config.platform).map_err(|invalid| corrupt(invalid.to_string()))
}
