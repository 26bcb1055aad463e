//! Every request, in the order of arrival, with what it asked for, what it needed and what it got.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde::Serialize;

use crate::lock::lock;

/// One request.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RequestRecord {
    /// Counts from 1, in the order of arrival.
    pub number: u64,
    /// Seconds since 1970 on the double's clock.
    pub at: f64,
    /// `BatchGetImage` for the API, `v2.PutManifest`, `s3.GetObject`.
    pub operation: String,
    /// HTTP method.
    pub method: String,
    /// Path and query of `/v2` and S3 requests.
    pub path: String,
    /// Principal ARN, once known.
    pub caller: Option<String>,
    /// The caller's account, once known.
    pub caller_account: Option<String>,
    /// The registry's account.
    pub account: String,
    /// The registry's region.
    pub region: String,
    /// The repository, if the request names one.
    pub repository: Option<String>,
    /// The tags and digests it names.
    pub references: Vec<String>,
    /// HTTP status; 0 when the connection was broken instead of answering, or no answer was given yet.
    pub status: u16,
    /// The error's code, ECR's own name also for `/v2`.
    pub error: Option<String>,
    /// Body bytes received.
    pub bytes_in: u64,
    /// Body bytes sent.
    pub bytes_out: u64,
    /// IAM actions the request needed.
    pub actions: Vec<ActionUse>,
    /// Whether the request carried an Authorization header.
    pub authorised: bool,
    /// The fault that met it, if any.
    pub fault: Option<String>,
    /// Requests in hand when this one arrived, itself included.
    pub in_flight: usize,
    /// Whether the answer was sent to its end.
    pub finished: bool,
}

/// An IAM action a request needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ActionUse {
    /// `ecr:BatchGetImage`
    pub action: String,
    /// The repository's ARN, or `*`.
    pub resource: String,
    /// Whether it was allowed.
    pub allowed: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: Mutex<Vec<Arc<Entry>>>,
    number: AtomicU64,
    in_flight: AtomicUsize,
}

/// A record in the making. It counts as in flight until its answer's body is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    record: Mutex<RequestRecord>,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) finished: AtomicBool,
}

/// Held as long as the request is in hand.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Log>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Log {
    pub(crate) fn begin(log: &Arc<Self>, mut record: RequestRecord) -> (Arc<Entry>, InFlight) {
        record.in_flight = log.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        let mut entries = lock(&log.entries);
        record.number = log.number.fetch_add(1, Ordering::SeqCst) + 1;
        let entry = Arc::new(Entry {
            record: Mutex::new(record),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            finished: AtomicBool::new(false),
        });
        entries.push(Arc::clone(&entry));
        (entry, InFlight(Arc::clone(log)))
    }

    pub(crate) fn records(&self) -> Vec<RequestRecord> {
        lock(&self.entries).iter().map(|entry| entry.snapshot()).collect()
    }

    pub(crate) fn reset(&self) {
        lock(&self.entries).clear();
    }

    /// The actions each caller needed, without repeats.
    pub(crate) fn actions(&self) -> BTreeMap<String, Vec<ActionUse>> {
        let mut by_caller: BTreeMap<String, Vec<ActionUse>> = BTreeMap::new();
        for record in self.records() {
            let known = by_caller.entry(record.caller.unwrap_or_default()).or_default();
            for action in record.actions {
                if !known.contains(&action) {
                    known.push(action);
                }
            }
        }
        by_caller.retain(|caller, _| !caller.is_empty());
        by_caller
    }
}

impl Entry {
    pub(crate) fn edit(&self, change: impl FnOnce(&mut RequestRecord)) {
        change(&mut lock(&self.record));
    }

    fn snapshot(&self) -> RequestRecord {
        let mut record = lock(&self.record).clone();
        record.bytes_in = self.bytes_in.load(Ordering::SeqCst);
        record.bytes_out = self.bytes_out.load(Ordering::SeqCst);
        record.finished = self.finished.load(Ordering::SeqCst);
        record
    }
}
