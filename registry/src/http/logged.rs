//! What is logged of each request: the method, where it went, what came of it and how long that took.

use std::fmt::{self, Display};
use std::time::Instant;

use tracing::debug;

/// A request that is on its way. Dropped before it ended, it says so: it was given up, or the program stops.
pub(crate) struct Logged<M: Display, U: Display> {
    method: M,
    /// Shown without what may be a secret.
    url: U,
    begin: Instant,
    is_over: bool,
}

impl<M: Display, U: Display> Logged<M, U> {
    pub(crate) fn new(method: M, url: U) -> Self {
        Self { method, url, begin: Instant::now(), is_over: false }
    }

    /// The head of an answer came.
    pub(crate) fn answered(mut self, status: u16) {
        self.end(format_args!("{status}"));
    }

    /// None came.
    pub(crate) fn failed(mut self) {
        self.end(format_args!("no answer"));
    }

    fn end(&mut self, how: fmt::Arguments<'_>) {
        self.is_over = true;
        debug!("{} {} {how} in {} ms", self.method, self.url, self.begin.elapsed().as_millis());
    }
}

impl<M: Display, U: Display> Drop for Logged<M, U> {
    fn drop(&mut self) {
        if !self.is_over {
            self.end(format_args!("given up"));
        }
    }
}
