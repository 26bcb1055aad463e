use std::ops::Range;
use std::sync::Mutex;

use bytes::Bytes;
use oci::{Descriptor, Digest, Registry, Tag};

use super::*;
use crate::{OpenBlob, Referrers};

/// A registry that has nothing, and whose answer is too large if one of these tags is asked for. It remembers how many
/// tags each request asked for.
struct Endless {
    tags: Range<usize>,
    asked: Mutex<Vec<usize>>,
}

impl Source for Endless {
    type Blob = stream::Empty<Result<Bytes, Error>>;

    fn name(&self) -> &str {
        "endless.example"
    }

    fn batch_size(&self) -> usize {
        100
    }

    async fn registry(&self) -> Result<Registry, Error> {
        panic!("only manifests are looked up here")
    }

    async fn manifests(&self, _: &Repository, references: &[Reference]) -> Result<Vec<Lookup>, Error> {
        self.asked.lock().unwrap().push(references.len());
        let is_too_large = |reference: &Reference| match reference {
            Reference::Tag(tag) => self.tags.contains(&tag.as_str().parse().unwrap()),
            Reference::Digest(_) => false,
        };
        if references.iter().any(is_too_large) {
            return Err(Error::new(Name::UnexpectedAnswer, "too long").too_large());
        }
        Ok(references.iter().map(|_| Ok(None)).collect())
    }

    async fn open_blob(&self, _: &Repository, _: &Descriptor, _: Range<u64>) -> Result<OpenBlob<Self::Blob>, Error> {
        panic!("only manifests are looked up here")
    }

    async fn referrers(&self, _: &Repository, _: Digest) -> Result<Referrers, Error> {
        panic!("only manifests are looked up here")
    }

    async fn tags(&self, _: &Repository, _: &str) -> Result<Option<Vec<Tag>>, Error> {
        panic!("only manifests are looked up here")
    }

    fn lists_tags_cheaply(&self) -> bool {
        false
    }

    fn requests(&self) -> u64 {
        self.asked.lock().unwrap().len() as u64
    }
}

/// Looks up four hundred tags: how many of them fail, with which words, and how many requests that took.
async fn four_hundred(tags: Range<usize>) -> (usize, String, u64) {
    let source = Endless { tags, asked: Mutex::default() };
    let repository = "app".parse().unwrap();
    let tag = |number: usize| Reference::Tag(number.to_string().parse().unwrap());
    let wanted = (0..400).map(|number| Wanted::new(&source, &repository, tag(number), number)).collect();
    let (mut failed, mut answered, mut words) = (0, 0, String::new());
    let mut answers = lookup_all(wanted);
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(found) => answered += found.len(),
            Err(error) => {
                failed += error.items.len();
                words = error.error.to_string();
            }
        }
    }
    drop(answers);
    assert_eq!(failed + answered, 400);
    (failed, words, source.requests())
}

#[tokio::test]
async fn what_is_too_large_by_itself_does_not_spoil_the_rest_of_its_request() {
    let (failed, words, requests) = four_hundred(123..124).await;
    assert_eq!((failed, words.as_str()), (1, "too long"));
    // The second hundred is halved, six or seven times.
    assert!(requests <= 4 + 2 * 7, "{requests}");
}

#[tokio::test]
async fn a_registry_whose_every_answer_is_too_large_is_soon_not_asked_any_more() {
    let (failed, words, requests) = four_hundred(0..400).await;
    assert_eq!((failed, requests), (400, 1 + 6 + 3), "a hundred, down to one tag, and to two more");
    assert!(words.contains("endless.example: not asked for 100 manifests"), "{words}");
}

/// Batches as the registries, here known by how many manifests each takes at a time, and their items.
fn batched(wanted: &[(&usize, &Repository, u64)]) -> Vec<(usize, Vec<usize>)> {
    let wanted = wanted.iter().enumerate().map(|(item, (registry, repository, size))| Wanted {
        registry: *registry,
        repository,
        reference: Reference::Digest(Digest::of(&item.to_le_bytes())),
        size: *size,
        item,
    });
    batches(wanted.collect(), |size| *size).into_iter().map(|batch| (*batch.registry, batch.items)).collect()
}

#[test]
fn batches_are_of_one_place_and_no_larger_than_it_takes() {
    let [three, one] = [&3, &1];
    let [app, web]: [Repository; 2] = ["app", "web"].map(|name| name.parse().unwrap());
    let wanted = [(three, &app), (one, &app), (three, &app), (three, &web), (three, &app), (one, &app), (three, &app)];
    let expected = [(3, vec![0, 2, 4]), (1, vec![1]), (3, vec![3]), (1, vec![5]), (3, vec![6])];
    assert_eq!(batched(&wanted.map(|(registry, repository)| (registry, repository, 0))), expected);
}

#[test]
fn few_large_manifests_are_asked_for_in_one_request() {
    let app = "app".parse().unwrap();
    let lengths = |size| batched(&[(&100, &app, size); 5]).iter().map(|(_, items)| items.len()).collect::<Vec<_>>();
    assert_eq!(lengths(1000), [5]);
    assert_eq!(lengths(8 << 20), [4, 1]);
    // No manifest is larger than the limit, whatever an index says.
    assert_eq!(lengths(u64::MAX), [4, 1]);
    assert!(batched(&[]).is_empty());
}

#[test]
fn many_small_batches_or_few_large_ones_are_awaited_at_a_time() {
    let app = "app".parse().unwrap();
    let batch = |manifests, bytes| Batch {
        registry: &(),
        repository: &app,
        references: vec![],
        items: vec![(); manifests],
        bytes,
        unreadable: Arc::default(),
    };
    assert_eq!(at_once(&[batch(1, 0), batch(1, 0)]), REQUESTS_AT_ONCE);
    assert_eq!(at_once(&[batch(3, 0), batch(100, 0), batch(7, 0)]), 4);
    assert_eq!(at_once(&[batch(1000, 0)]), 1);
    assert_eq!(at_once(&[batch(4, 16 << 20), batch(1, 1 << 20)]), 2);
    assert_eq!(at_once::<(), ()>(&[]), REQUESTS_AT_ONCE);
}
