//! Lists of tags and of referrers.

use super::Refusal;

/// How tags are listed.
#[derive(Debug, Clone)]
pub struct Tags {
    /// How many stand on a page at most.
    pub page: usize,
    /// More than a page at a time may not be asked for: it is refused like this.
    pub too_many: Option<Refusal>,
    /// How a page leads to the next one.
    pub link: Link,
    /// Nobody gets the list, but this.
    pub refused: Option<Refusal>,
    /// A request that does not accept JSON is refused like this.
    pub wants_json: Option<Refusal>,
    /// Whether the list of none is `null`.
    pub none_is_null: bool,
}

/// How a page leads to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// A path.
    Relative,
    /// With scheme and host.
    Absolute,
    /// A path with this parameter, whose value only the registry can read.
    Opaque(&'static str),
}

/// How referrers are listed.
#[derive(Debug, Clone, Copy)]
pub enum Referrers {
    /// By the registry.
    Listed(Listed),
    /// Not at all: this is answered.
    Refused(Refusal),
    /// Not at all: with this status it leads to another host, which answers this.
    LedAway(u16, Refusal),
}

/// How the registry lists them.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// Of a subject that is not there this is said; nothing for an empty list.
    pub absent_subject: Option<Refusal>,
    /// A request that does not accept an index is refused like this.
    pub wants_index: Option<Refusal>,
    /// Whether a referrer with a tag is listed twice.
    pub has_duplicates: bool,
    /// Whether the list of none is `null`.
    pub none_is_null: bool,
    /// How many stand on a page at most.
    pub page: usize,
}

impl Listed {
    /// As the specification has it.
    pub const SPECIFIED: Self =
        Self { absent_subject: None, wants_index: None, has_duplicates: false, none_is_null: false, page: usize::MAX };
}
