use std::time::Duration;

/// A fault, and the requests that it meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The requests, by [`Seen::name`](crate::Seen::name); `*` for all.
    pub name: String,
    /// Leaves so many of them alone first.
    pub skip: usize,
    /// How often it strikes; always if not set.
    pub times: Option<usize>,
    /// What happens to them.
    pub fault: Fault,
}

impl Rule {
    /// Strikes the first of these requests.
    #[must_use]
    pub fn once(name: &str, fault: Fault) -> Self {
        Self { times: Some(1), ..Self::always(name, fault) }
    }

    /// Strikes all requests but so many that come first.
    #[must_use]
    pub fn after(skip: usize, fault: Fault) -> Self {
        Self { skip, ..Self::always("*", fault) }
    }

    /// Strikes all of these requests.
    #[must_use]
    pub fn always(name: &str, fault: Fault) -> Self {
        Self { name: name.to_owned(), skip: 0, times: None, fault }
    }
}

/// What happens to a request, or to its answer.
///
/// What strikes "half way" strikes in the middle of a body whose length is announced, and after the first piece of any
/// other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// This status is the answer, and the registry hears nothing.
    Status {
        /// The status.
        status: u16,
        /// The value of `Retry-After`.
        retry_after: Option<String>,
        /// The body.
        body: String,
    },
    /// 307 to this address, and the registry hears nothing.
    Redirect(String),
    /// The connection is reset, and the registry hears nothing.
    Reset,
    /// The request is passed on later.
    Delay(Duration),
    /// The registry does what it is asked for, and reads of what was written are answered with 404 so many times.
    SeenLate(usize),
    /// Nothing is answered, and the registry hears nothing.
    Hang,
    /// The registry does what it is asked for, and the connection is reset instead of an answer.
    LoseAnswer,
    /// The registry does what it is asked for, and nothing is answered.
    HoldAnswer,
    /// The registry gets the request twice, and the second answer is passed on. The body is held in memory for that.
    Twice,
    /// The connection ends half way through the body of the request, for both sides.
    CutRequest,
    /// Nothing of the body of the request is taken any more after half of it.
    StallRequest,
    /// One byte of the body of the request arrives changed.
    FlipRequest,
    /// The connection ends half way through the body of the answer.
    CutAnswer,
    /// Nothing comes any more after half of the body of the answer.
    StallAnswer,
    /// One byte of the body of the answer arrives changed.
    FlipAnswer,
    /// What the request is authorised with arrives changed.
    SpoilAuthorization,
    /// The answer announces one byte less than its body has, and ends there.
    AnnounceLess,
    /// The answer announces one byte more than its body has.
    AnnounceMore,
}

impl Fault {
    /// This status, with an empty body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Status { status, retry_after: None, body: String::new() }
    }
}
