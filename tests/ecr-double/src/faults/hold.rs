//! A request that waits, so that something can happen in the middle of others.

use tokio::sync::watch;

use super::rule::{Active, Facts, Fault, FaultRule};

/// One request that arrived and is not looked at before this is released, or dropped.
#[derive(Debug)]
pub struct Hold {
    arrived: watch::Receiver<bool>,
    open: watch::Sender<bool>,
}

/// The other end: what the request waits at.
#[derive(Debug)]
pub(super) struct Gate {
    rule: Active,
    arrived: watch::Sender<bool>,
    open: watch::Receiver<bool>,
}

impl Hold {
    /// Holds the first request that meets this rule; its fault is not used.
    pub(super) fn on(rule: FaultRule) -> (Self, Gate) {
        let rule = Active::new(FaultRule { times: Some(1), fault: Fault::Delay { millis: 0 }, ..rule });
        let (arriving, arrived) = watch::channel(false);
        let (opening, open) = watch::channel(false);
        (Self { arrived, open: opening }, Gate { rule, arrived: arriving, open })
    }

    /// Waits until the request is there.
    pub async fn arrived(&self) {
        // The gate is dropped with the double: nobody arrives any more.
        let _ = self.arrived.clone().wait_for(|arrived| *arrived).await;
    }

    /// Whether the request is there.
    #[must_use]
    pub fn has_arrived(&self) -> bool {
        *self.arrived.borrow()
    }

    /// Lets the request go on.
    pub fn release(self) {
        self.open.send_replace(true);
    }
}

impl Gate {
    /// What the request has to wait for, if it is the one.
    pub(super) fn stop(&mut self, facts: &Facts<'_>) -> Option<Wait> {
        self.rule.strike(facts)?;
        self.arrived.send_replace(true);
        Some(Wait(self.open.clone()))
    }
}

/// A request that is held.
#[derive(Debug)]
pub(crate) struct Wait(watch::Receiver<bool>);

impl Wait {
    /// Waits for the release.
    pub(crate) async fn over(mut self) {
        // Who drops the hold lets go as well.
        let _ = self.0.wait_for(|open| *open).await;
    }
}
