use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::fault::{Fault, Rule};
use crate::kind::Seen;
use crate::late::{Late, Written};

/// Bytes of bodies that passed in one direction.
#[derive(Debug, Default)]
pub(crate) struct Meter(AtomicU64);

impl Meter {
    pub(crate) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct State {
    inner: Mutex<Inner>,
    pub(crate) up: Arc<Meter>,
    pub(crate) down: Arc<Meter>,
    /// Whether a request is held back.
    pub(crate) holding: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Inner {
    seen: Vec<Seen>,
    rules: Vec<(Rule, usize)>,
    late: Late,
    struck: usize,
}

impl State {
    pub(crate) fn new() -> Self {
        let (up, down) = (Arc::default(), Arc::default());
        Self { inner: Mutex::default(), up, down, holding: watch::Sender::new(false) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a request, and says what happens to it: what is not seen yet is not there, and else the first rule
    /// in force decides.
    pub(crate) fn meet(&self, seen: Seen) -> Option<Fault> {
        let (mut inner, name) = (self.inner(), seen.name());
        let mut met = inner.late.look(&seen);
        inner.seen.push(seen);
        for (rule, matched) in inner.rules.iter_mut().filter(|(rule, _)| rule.name == "*" || rule.name == name) {
            *matched += 1;
            let last = rule.times.map_or(usize::MAX, |times| rule.skip.saturating_add(times));
            if met.is_none() && rule.skip < *matched && *matched <= last {
                met = Some(rule.fault.clone());
            }
        }
        met
    }

    pub(crate) fn hide(&self, written: &Written, looks: usize) {
        self.inner().late.hide(written, looks);
    }

    pub(crate) fn strike(&self) {
        self.inner().struck += 1;
    }

    pub(crate) fn struck(&self) -> usize {
        self.inner().struck
    }

    pub(crate) fn add(&self, rule: Rule) {
        self.inner().rules.push((rule, 0));
    }

    pub(crate) fn clear_rules(&self) {
        let mut inner = self.inner();
        inner.rules.clear();
        inner.late = Late::default();
        drop(inner);
        self.holding.send_replace(false);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.inner().seen.clone()
    }

    pub(crate) fn forget(&self) {
        let mut inner = self.inner();
        inner.seen.clear();
        inner.struck = 0;
        drop(inner);
        self.up.0.store(0, Ordering::Relaxed);
        self.down.0.store(0, Ordering::Relaxed);
    }

    pub(crate) fn overview(&self) -> Value {
        let seen = self.seen();
        let mut by_kind = BTreeMap::<String, usize>::new();
        for request in &seen {
            *by_kind.entry(request.name()).or_default() += 1;
        }
        json!({
            "requests": seen.len(), "by_kind": by_kind,
            "bytes_up": self.up.bytes(), "bytes_down": self.down.bytes(),
        })
    }
}
