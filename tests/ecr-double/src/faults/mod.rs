//! Faults on demand: which request one meets, and what it does.

mod body;
mod hold;
mod rule;

pub(crate) use body::apply;
pub use hold::Hold;
pub(crate) use hold::Wait;
pub(crate) use rule::Facts;
pub use rule::{Fault, FaultRule};

use std::sync::Mutex;
use std::time::Duration;

use crate::lock::lock;

/// The rules in force. The first that matches and is not a delay wins; delays add up.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<rule::Active>>, Mutex<Vec<hold::Gate>>);

impl Faults {
    pub(crate) fn add(&self, rule: FaultRule) {
        lock(&self.0).push(rule::Active::new(rule));
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }

    /// Holds one request.
    pub(crate) fn hold(&self, rule: FaultRule) -> Hold {
        let (hold, gate) = Hold::on(rule);
        lock(&self.1).push(gate);
        hold
    }

    /// What a request has to wait for before anything else.
    pub(crate) fn held(&self, facts: &Facts<'_>) -> Option<Wait> {
        lock(&self.1).iter_mut().find_map(|gate| gate.stop(facts))
    }

    pub(crate) fn rules(&self) -> Vec<FaultRule> {
        lock(&self.0).iter().map(|active| active.rule.clone()).collect()
    }

    pub(crate) fn meet(&self, facts: &Facts<'_>) -> (Duration, Option<Fault>) {
        let mut wait = Duration::ZERO;
        for active in lock(&self.0).iter_mut() {
            match active.strike(facts) {
                Some(Fault::Delay { millis }) => wait += Duration::from_millis(millis),
                Some(fault) => return (wait, Some(fault)),
                None => {}
            }
        }
        (wait, None)
    }
}
