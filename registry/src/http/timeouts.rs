use std::time::Duration;

/// How long a registry is waited for, at each step of a request. None of them bounds a whole transfer: a blob may take
/// as long as it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection is made.
    pub connect: Duration,
    /// Until an answer begins, once the request was sent; and until one that is held in memory, as a manifest is, has
    /// come whole.
    pub answer: Duration,
    /// Until an answer that is an error has been read. What came until then is reported.
    pub refusal: Duration,
    /// Until the next piece of a blob comes.
    pub piece: Duration,
    /// Until the registry accepts the next piece of a blob.
    pub accept: Duration,
    /// Until it answers once it has a whole blob: it digests and stores it first.
    pub commit: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            refusal: Duration::from_secs(10),
            piece: Duration::from_secs(30),
            accept: Duration::from_secs(60),
            commit: Duration::from_secs(300),
        }
    }
}
