//! Looking up many manifests: in batches, of which few are awaited at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{Stream, StreamExt, stream};
use oci::{MAX_MANIFEST_BYTES, Reference, Repository};

use crate::{Error, Lookup, Name, Source};

/// How many requests are awaited at a time.
const REQUESTS_AT_ONCE: usize = 32;

/// How many manifests are awaited at a time, whose sizes may not be known. It bounds memory, as an ECR registry answers
/// for a hundred of up to 4 MiB in one request: then four requests are awaited, for all targets together.
const MANIFESTS_AT_ONCE: usize = 400;

/// How many bytes of manifests one request asks for, where their sizes are known.
const BATCH_BYTES: u64 = 16 << 20;

/// How many bytes of manifests are awaited at a time, where their sizes are known.
const BYTES_AT_ONCE: u64 = 32 << 20;

/// How many manifests of one registry may each be more than is read of one answer before no others are asked for there.
/// None can be by right; but one that is need not spoil the others of its request.
const UNREADABLE: usize = 3;

/// A manifest to look up.
pub(crate) struct Wanted<'a, R, I> {
    registry: &'a R,
    repository: &'a Repository,
    reference: Reference,
    size: u64,
    item: I,
}

impl<'a, R, I> Wanted<'a, R, I> {
    /// A manifest of unknown size. `item` is what the asker knows it by, and comes back with the answer.
    pub(crate) fn new(registry: &'a R, repository: &'a Repository, reference: Reference, item: I) -> Self {
        Self { registry, repository, reference, size: 0, item }
    }

    /// The same, of this size; 0 if it is unknown. It may come from an index, which may lie: it decides only how much
    /// is asked for at a time.
    pub(crate) fn with_size(self, size: u64) -> Self {
        Self { size, ..self }
    }
}

/// A request that failed, with all that it asked for.
pub(crate) struct Failed<I> {
    pub(crate) items: Vec<I>,
    pub(crate) error: Error,
}

impl<I> From<Failed<I>> for Error {
    fn from(failed: Failed<I>) -> Self {
        failed.error
    }
}

/// The answers to one request, one for each manifest that it asked for.
pub(crate) type Answers<I> = Result<Vec<(I, Lookup)>, Failed<I>>;

/// Looks up manifests, with as many in one request as the registry takes and their sizes allow. Answers come request by
/// request, so that they are never all held.
pub(crate) fn lookup_all<'a, R: Source, I: Send + 'a>(
    wanted: Vec<Wanted<'a, R, I>>,
) -> impl Stream<Item = Answers<I>> + Send + Unpin + 'a {
    let batches = batches(wanted, R::batch_size);
    let at_once = at_once(&batches);
    stream::iter(batches).map(Batch::look_up).buffered(at_once).flat_map(Answer::opened).boxed()
}

/// What one request gave.
enum Answer<'a, R, I> {
    Whole(Answers<I>),
    /// More than is read of one answer: to be asked for in two.
    TooLarge(Batch<'a, R, I>),
}

impl<'a, R: Source, I: Send + 'a> Answer<'a, R, I> {
    /// The answers, with what was too large asked for again, half by half and one request after the other, so that never
    /// more than one answer of it is held.
    fn opened(self) -> impl Stream<Item = Answers<I>> + Send + 'a {
        let waiting = match self {
            Self::Whole(answers) => return stream::iter([answers]).left_stream(),
            Self::TooLarge(batch) => Vec::from(batch.halves()),
        };
        let next = |mut waiting: Vec<Batch<'a, R, I>>| async move {
            loop {
                match waiting.pop()?.look_up().await {
                    Self::Whole(answers) => return Some((answers, waiting)),
                    Self::TooLarge(batch) => waiting.extend(batch.halves()),
                }
            }
        };
        stream::unfold(waiting, next).right_stream()
    }
}

struct Batch<'a, R, I> {
    registry: &'a R,
    repository: &'a Repository,
    references: Vec<Reference>,
    items: Vec<I>,
    bytes: u64,
    /// How many manifests of this registry were too much for one answer.
    unreadable: Arc<AtomicUsize>,
}

impl<'a, R: Source, I> Batch<'a, R, I> {
    async fn look_up(self) -> Answer<'a, R, I> {
        let Self { registry, repository, .. } = self;
        if self.unreadable.load(Ordering::Relaxed) >= UNREADABLE {
            let why = format!(
                "{repository} in {}: not asked for {} manifests, because the answers for {UNREADABLE} others were each longer than is \
                 read of one",
                registry.name(),
                self.items.len()
            );
            let error = Error::new(Name::UnexpectedAnswer, why);
            return Answer::Whole(Err(Failed { items: self.items, error }));
        }
        match registry.manifests(repository, &self.references).await {
            Err(error) if error.is_too_large() && self.items.len() > 1 => Answer::TooLarge(self),
            answer => {
                if answer.as_ref().is_err_and(Error::is_too_large) {
                    self.unreadable.fetch_add(1, Ordering::Relaxed);
                }
                Answer::Whole(Self::answers(registry, repository, self.items, answer))
            }
        }
    }

    /// The same in two requests, of which the later one comes first.
    fn halves(self) -> [Self; 2] {
        let Self { registry, repository, mut references, mut items, bytes, unreadable } = self;
        let half = items.len() / 2;
        let (later_references, later_items) = (references.split_off(half), items.split_off(half));
        let batch = |references, items| {
            let unreadable = Arc::clone(&unreadable);
            Self { registry, repository, references, items, bytes: bytes / 2, unreadable }
        };
        [batch(later_references, later_items), batch(references, items)]
    }

    fn answers(registry: &R, repository: &Repository, items: Vec<I>, answer: Result<Vec<Lookup>, Error>) -> Answers<I> {
        match answer {
            Ok(lookups) if lookups.len() == items.len() => Ok(items.into_iter().zip(lookups).collect()),
            Ok(lookups) => {
                let (asked, answered) = (items.len(), lookups.len());
                let why = format!(
                    "{repository} in {}: asked for {asked} manifests, and {answered} were answered for",
                    registry.name()
                );
                Err(Failed { items, error: Error::new(Name::UnexpectedAnswer, why) })
            }
            Err(error) => Err(Failed { items, error }),
        }
    }
}

/// Manifests of one repository of one registry each, at most as many as one request to that registry takes.
fn batches<'a, R, I>(wanted: Vec<Wanted<'a, R, I>>, batch_size: fn(&R) -> usize) -> Vec<Batch<'a, R, I>> {
    let mut batches: Vec<Batch<'a, R, I>> = Vec::new();
    let mut open: HashMap<(*const R, &Repository), usize> = HashMap::new();
    let mut unreadable: HashMap<*const R, Arc<AtomicUsize>> = HashMap::new();
    for Wanted { registry, repository, reference, size, item } in wanted {
        let place = (std::ptr::from_ref(registry), repository);
        let bytes = size.min(MAX_MANIFEST_BYTES as u64);
        match open.get(&place).and_then(|at| batches.get_mut(*at)) {
            Some(batch) if batch.items.len() < batch_size(registry) && batch.bytes + bytes <= BATCH_BYTES => {
                batch.references.push(reference);
                batch.items.push(item);
                batch.bytes += bytes;
            }
            _ => {
                open.insert(place, batches.len());
                let unreadable = Arc::clone(unreadable.entry(place.0).or_default());
                let (references, items) = (vec![reference], vec![item]);
                batches.push(Batch { registry, repository, references, items, bytes, unreadable });
            }
        }
    }
    batches
}

/// How many of these batches are awaited at a time.
fn at_once<R, I>(batches: &[Batch<'_, R, I>]) -> usize {
    let most = |size: fn(&Batch<'_, R, I>) -> u64| batches.iter().map(size).max().unwrap_or_default().max(1);
    let (manifests, bytes) = (most(|batch| batch.items.len() as u64), most(|batch| batch.bytes));
    let fitting = (MANIFESTS_AT_ONCE as u64 / manifests).min(BYTES_AT_ONCE / bytes);
    usize::try_from(fitting).unwrap_or(REQUESTS_AT_ONCE).clamp(1, REQUESTS_AT_ONCE)
}

#[cfg(test)]
mod tests;
