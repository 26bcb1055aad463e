#![allow(clippy::cast_possible_truncation, reason = "few bytes are read here")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream;
use oci::{Digest, Reference, Registry, Tag};
use tokio::time::{Instant, advance, sleep};

use super::*;
use crate::{Lookup, Referrers, RetryPolicy, Retrying};

const MIB: u64 = 1 << 20;
const PART_MIB: u64 = PART / MIB;

/// A source that sends a MiB at a time over each connection, and is asked for ranges of one blob.
#[derive(Debug)]
struct Slow {
    /// How long a MiB takes.
    pause: Duration,
    heeds_ranges: bool,
    /// A range at whose first byte the connection is cut, once.
    cut_at: Mutex<Option<u64>>,
    asked: Mutex<Vec<Range<u64>>>,
}

impl Slow {
    fn new(pause: u64) -> Self {
        let pause = Duration::from_millis(pause);
        Self { pause, heeds_ranges: true, cut_at: Mutex::default(), asked: Mutex::default() }
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
        let pieces = (range.start..end).step_by(MIB as usize).map(move |at| async move {
            sleep(pause).await;
            let length = MIB.min(end - at) as usize;
            Ok(Bytes::from(vec![(at / MIB) as u8; length]))
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
async fn four_connections_read_about_four_times_as_fast_as_one() {
    let reader_of_one = reader(Slow::new(20), 0);
    let one = read(&reader_of_one, 200, 0).await;
    assert_eq!((one.as_millis(), reader_of_one.source.requests()), (4000, 4));
    let reader_of_four = reader(Slow::new(20), 4);
    let four = read(&reader_of_four, 200, 0).await;
    assert!(four * 7 < one * 2, "{four:?} and {one:?}");
    assert_eq!(reader_of_four.source.requests(), 200 / PART_MIB);
    assert_eq!(reader_of_four.range_permits.available_permits(), 4, "all are given back");
}

#[tokio::test(start_paused = true)]
async fn what_is_read_ahead_is_bounded_whatever_is_sent_on() {
    let reader = reader(Slow::new(5), 4);
    let (blob, repository) = (blob(100), "app".parse().unwrap());
    let mut ranges = Ranges::open(&reader, &repository, &blob, 0).await.unwrap();
    ranges.next().await.unwrap().unwrap();
    for _ in 0..9 {
        advance(Duration::from_secs(1)).await;
        assert!(reader.source.requests() <= 4, "{} parts are asked for", reader.source.requests());
    }
    // Others find no room, and ask for long stretches.
    let mut other = Ranges::open(&reader, &repository, &blob, 0).await.unwrap();
    while let Some(piece) = other.next().await {
        piece.unwrap();
    }
    assert_eq!(reader.source.requests(), 4 + 2);
}

#[tokio::test(start_paused = true)]
async fn small_blobs_and_registries_without_ranges_take_one_request() {
    let small = reader(Slow::new(20), 4);
    read(&small, 31, 0).await;
    assert_eq!(small.source.requests(), 1);
    let without_ranges = reader(Slow { heeds_ranges: false, ..Slow::new(20) }, 4);
    read(&without_ranges, 100, 0).await;
    assert_eq!(without_ranges.source.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_cut_says_so_when_its_turn_comes_and_nothing_behind_it_is_given() {
    let reader = reader(Slow { cut_at: Mutex::new(Some(4 * PART)), ..Slow::new(20) }, 4);
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
