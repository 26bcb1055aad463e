//! What is logged of each request: the method, where it went, what came of it and how long that took.

use std::fmt::{self, Display};
use std::time::Instant;

use tracing::debug;

/// A request that is on its way. Dropped before it ended, it says so: it was given up, or the program stops.
pub(crate) struct Logged<U: Display> {
    method: http::Method,
    /// Shown without what may be a secret.
    url: U,
    begin: Instant,
    is_over: bool,
}

impl<U: Display> Logged<U> {
    pub(crate) fn new(method: http::Method, url: U) -> Self {
        Self { method, url, begin: Instant::now(), is_over: false }
    }

    /// The head of an answer came.
    pub(crate) fn answered(mut self, status: http::StatusCode) {
        self.end(format_args!("{}", status.as_u16()));
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

impl<U: Display> Drop for Logged<U> {
    fn drop(&mut self) {
        if !self.is_over {
            self.end(format_args!("given up"));
        }
    }
}
