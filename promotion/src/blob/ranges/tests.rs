#![allow(clippy::cast_possible_truncation, reason = "few bytes are read here")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream;
use oci::{Digest, Reference, Registry, Tag};
use tokio::time::{Instant, advance, sleep};

use super::super::worth::WINDOW;
use super::*;
use crate::{Lookup, Referrers, RetryPolicy, Retrying};

const MIB: u64 = 1 << 20;
const PART_MIB: u64 = PART / MIB;
const WINDOW_MIB: u64 = WINDOW / MIB;

/// A source that sends a MiB at a time over each connection, and is asked for ranges of one blob.
#[derive(Debug)]
struct Slow {
    /// How long a MiB takes.
    pause: Duration,
    heeds_ranges: bool,
    /// Held by a connection while it brings a MiB, where all together are as fast as one.
    shared: Option<Arc<tokio::sync::Mutex<()>>>,
    /// A range at whose first byte the connection is cut, once.
    cut_at: Mutex<Option<u64>>,
    asked: Mutex<Vec<Range<u64>>>,
}

impl Slow {
    fn new(pause: u64) -> Self {
        let pause = Duration::from_millis(pause);
        Self { pause, heeds_ranges: true, shared: None, cut_at: Mutex::default(), asked: Mutex::default() }
    }
}

impl Source for Slow {
    type Blob = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

    fn name(&self) -> &str {
        "slow.example"
    }

    fn batch_size(&self) -> usize {
        1
    }

    async fn registry(&self) -> Result<Registry, Error> {
        Ok("slow.example".parse().unwrap())
    }

    async fn manifests(&self, _: &Repository, _: &[Reference]) -> Result<Vec<Lookup>, Error> {
        panic!("only blobs are read here")
    }

    async fn open_blob(
        &self,
        _: &Repository,
        blob: &Descriptor,
        range: Range<u64>,
    ) -> Result<OpenBlob<Self::Blob>, Error> {
        self.asked.lock().unwrap().push(range.clone());
        if self.cut_at.lock().unwrap().take_if(|at| *at == range.start).is_some() {
            let error = Error::new(Name::RegistryUnavailable, "cut");
            return Ok(OpenBlob { bytes: stream::iter([Err(error)]).boxed(), end: range.end });
        }
        let end = if self.heeds_ranges { range.end } else { blob.size };
        let pause = self.pause;
        let shared = self.shared.clone();
        let pieces = (range.start..end).step_by(MIB as usize).map(move |at| {
            let shared = shared.clone();
            async move {
                let _alone = match &shared {
                    Some(shared) => Some(shared.lock().await),
                    None => None,
                };
                sleep(pause).await;
                let length = MIB.min(end - at) as usize;
                Ok(Bytes::from(vec![(at / MIB) as u8; length]))
            }
        });
        Ok(OpenBlob { bytes: stream::iter(pieces).then(|piece| piece).boxed(), end })
    }

    async fn referrers(&self, _: &Repository, _: oci::Digest) -> Result<Referrers, Error> {
        panic!("only blobs are read here")
    }

    async fn tags(&self, _: &Repository, _: &str) -> Result<Option<Vec<Tag>>, Error> {
        panic!("only blobs are read here")
    }

    fn lists_tags_cheaply(&self) -> bool {
        true
    }

    fn requests(&self) -> u64 {
        self.asked.lock().unwrap().len() as u64
    }
}

fn blob(mib: u64) -> Descriptor {
    Descriptor { media_type: "x".into(), digest: Digest::of(b""), size: mib * MIB, platform: None }
}

/// Reads a blob of so many MiB, taking so long over each piece; checks that all arrives in order, and gives how long
/// that took.
async fn read(reader: &BlobReader<Slow>, mib: u64, pause: u64) -> Duration {
    let (blob, repository) = (blob(mib), "app".parse().unwrap());
    let begin = Instant::now();
    let mut ranges = Ranges::open(reader, &repository, &blob, 0).await.unwrap();
    for at in 0..mib {
        let piece = ranges.next().await.unwrap().unwrap();
        assert_eq!((piece.len() as u64, piece.first()), (MIB, Some(&(at as u8))), "MiB {at}");
        sleep(Duration::from_millis(pause)).await;
    }
    assert!(ranges.next().await.is_none());
    begin.elapsed()
}

fn reader(slow: Slow, ranges_in_flight: usize) -> BlobReader<Slow> {
    BlobReader::new(Arc::new(Retrying::new(slow, RetryPolicy::default())), ranges_in_flight)
}

#[tokio::test(start_paused = true)]
async fn a_slow_source_is_read_over_four_connections_once_that_has_shown_to_be_faster() {
    let reader_of_one = reader(Slow::new(20), 0);
    let one = read(&reader_of_one, 400, 0).await;
    assert_eq!((one.as_millis(), reader_of_one.source.requests()), (8000, 1));
    let reader_of_four = reader(Slow::new(20), 4);
    let first = read(&reader_of_four, 400, 0).await;
    assert!(first * 3 < one, "{first:?} and {one:?}");
    assert!(reader_of_four.several.pays());
    let requests = reader_of_four.source.requests();
    assert_eq!(requests, 1 + (400 - WINDOW_MIB).div_ceil(PART_MIB) - 1);
    let second = read(&reader_of_four, 400, 0).await;
    assert!(second * 7 < one * 2, "{second:?} and {one:?}");
    assert_eq!(reader_of_four.source.requests() - requests, 400 / PART_MIB);
    assert_eq!(reader_of_four.range_permits.available_permits(), 4, "all are given back");
}

#[tokio::test(start_paused = true)]
async fn a_source_whose_connections_share_one_rate_is_read_over_one() {
    let reader = reader(Slow { shared: Some(Arc::default()), ..Slow::new(20) }, 4);
    let one = read(&reader, 400, 0).await;
    assert!(!reader.several.is_open());
    let tried = reader.source.requests();
    assert!(tried <= 2 + 3 * WINDOW_MIB / PART_MIB, "{tried}");
    read(&reader, 400, 0).await;
    assert_eq!(reader.source.requests(), tried + 1);
    assert!(one.as_millis() <= 8000 + 200, "{one:?}");
}

#[tokio::test(start_paused = true)]
async fn a_fast_source_and_a_slow_target_take_one_connection() {
    for (pause, sent_on_in) in [(5, 0), (20, 30)] {
        let reader = reader(Slow::new(pause), 4);
        read(&reader, 400, sent_on_in).await;
        assert_eq!(reader.source.requests(), 1, "{pause} {sent_on_in}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_read_ahead_is_bounded_whatever_is_sent_on() {
    let reader = reader(Slow::new(20), 4);
    read(&reader, 100, 0).await;
    let before = reader.source.requests();
    let (blob, repository) = (blob(100), "app".parse().unwrap());
    let mut ranges = Ranges::open(&reader, &repository, &blob, 0).await.unwrap();
    ranges.next().await.unwrap().unwrap();
    for _ in 0..9 {
        advance(Duration::from_secs(1)).await;
        assert_eq!(reader.source.requests() - before, 4, "parts that are asked for");
    }
    // Others find no room, and are read in one piece.
    let mut other = Ranges::open(&reader, &repository, &blob, 0).await.unwrap();
    while let Some(piece) = other.next().await {
        piece.unwrap();
    }
    assert_eq!(reader.source.requests() - before, 4 + 1);
}

#[tokio::test(start_paused = true)]
async fn small_blobs_take_one_request() {
    let reader = reader(Slow::new(20), 4);
    read(&reader, 31, 0).await;
    assert_eq!(reader.source.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_heeds_no_ranges_says_so_once() {
    let reader = reader(Slow { heeds_ranges: false, ..Slow::new(20) }, 4);
    let (blob, repository) = (blob(100), "app".parse().unwrap());
    let mut ranges = Ranges::open(&reader, &repository, &blob, 0).await.unwrap();
    let whole_part = WINDOW_MIB + PART_MIB;
    for _ in 0..whole_part {
        ranges.next().await.unwrap().unwrap();
    }
    let error = ranges.next().await.unwrap().unwrap_err();
    assert!(error.to_string().contains("does not heed ranges") && error.is_temporary(), "{error}");
    drop(ranges);
    let before = reader.source.requests();
    read(&reader, 100, 0).await;
    assert_eq!(reader.source.requests() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_cut_says_so_when_its_turn_comes_and_nothing_behind_it_is_given() {
    let reader = reader(Slow::new(20), 4);
    read(&reader, 100, 0).await;
    *reader.source.get().cut_at.lock().unwrap() = Some(4 * PART);
    let (blob, repository) = (blob(100), "app".parse().unwrap());
    let mut ranges = Ranges::open(&reader, &repository, &blob, 0).await.unwrap();
    for _ in 0..4 * PART_MIB {
        ranges.next().await.unwrap().unwrap();
    }
    assert_eq!(ranges.next().await.unwrap().unwrap_err().to_string(), "cut");
    assert!(ranges.next().await.is_none());
    drop(ranges);
    assert_eq!(reader.range_permits.available_permits(), 4);
}
