//! Single answers that differ from those of a profile.

use crate::profile::Refusal;
use crate::request::Request;
use crate::seen::Surface;

/// Answers some requests in a way of their own, instead of doing what they ask for.
#[derive(Debug, Clone)]
pub struct Odd {
    method: &'static str,
    part: String,
    times: usize,
    refusal: Refusal,
}

impl Odd {
    /// Every request of this method whose target has this in it is answered like this. It holds for the host that users
    /// name.
    #[must_use]
    pub fn always(method: &'static str, part: &str, refusal: Refusal) -> Self {
        Self { method, part: part.to_owned(), times: usize::MAX, refusal }
    }

    /// The first so many of them.
    #[must_use]
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    pub(crate) fn take(&mut self, request: &Request) -> Option<Refusal> {
        let is_meant = request.surface == Surface::Registry
            && request.method == self.method
            && request.target.contains(&self.part)
            && self.times > 0;
        is_meant.then(|| {
            self.times -= 1;
            self.refusal
        })
    }
}
