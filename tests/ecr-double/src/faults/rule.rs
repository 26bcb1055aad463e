//! A fault and the requests it is for.

use serde::{Deserialize, Serialize};

use crate::names::wildcard;

/// A fault, with the requests it meets. Every condition that is set has to hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The operation, with wildcards: `PutImage`, `v2.*`, `s3.GetObject`.
    #[serde(default)]
    pub operation: Option<String>,
    /// The repository, with wildcards.
    #[serde(default)]
    pub repository: Option<String>,
    /// The registry's account.
    #[serde(default)]
    pub account: Option<String>,
    /// The registry's region.
    #[serde(default)]
    pub region: Option<String>,
    /// A tag or digest the request names, with wildcards.
    #[serde(default)]
    pub reference: Option<String>,
    /// Leaves this many matching requests alone first.
    #[serde(default)]
    pub skip: u64,
    /// How often it strikes; always when not set.
    #[serde(default)]
    pub times: Option<u64>,
    /// Strikes only one in so many of the requests that are left, at random, the same way each time.
    #[serde(default)]
    pub one_in: Option<u64>,
    /// What happens.
    pub fault: Fault,
}

impl FaultRule {
    /// A fault that meets every request of an operation, once.
    #[must_use]
    pub fn once(operation: &str, fault: Fault) -> Self {
        Self { times: Some(1), ..Self::always(operation, fault) }
    }

    /// A fault that meets every request of an operation.
    #[must_use]
    pub fn always(operation: &str, fault: Fault) -> Self {
        let operation = Some(operation.to_owned());
        Self {
            operation,
            repository: None,
            account: None,
            region: None,
            reference: None,
            skip: 0,
            times: None,
            one_in: None,
            fault,
        }
    }

    /// Strikes this many times.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Strikes from the nth matching request on, counting from 1.
    #[must_use]
    pub fn nth(self, nth: u64) -> Self {
        Self { skip: nth.saturating_sub(1), ..self }
    }

    /// A fault that meets one in so many requests of an operation.
    #[must_use]
    pub fn sometimes(operation: &str, one_in: u64, fault: Fault) -> Self {
        Self { one_in: Some(one_in), ..Self::always(operation, fault) }
    }

    /// Only requests to this repository.
    #[must_use]
    pub fn repository(self, name: &str) -> Self {
        Self { repository: Some(name.to_owned()), ..self }
    }

    /// Only requests to registries of this account.
    #[must_use]
    pub fn account(self, account: &str) -> Self {
        Self { account: Some(account.to_owned()), ..self }
    }

    /// Only requests to registries in this region.
    #[must_use]
    pub fn region(self, region: &str) -> Self {
        Self { region: Some(region.to_owned()), ..self }
    }

    /// Only requests that name this tag or digest.
    #[must_use]
    pub fn reference(self, reference: &str) -> Self {
        Self { reference: Some(reference.to_owned()), ..self }
    }
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// This HTTP status instead of an answer, in the error form of the surface: throttling for 429.
    Status {
        /// The status.
        status: u16,
        /// Seconds for a Retry-After header.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// This ECR error. `/v2` translates it.
    Error {
        /// `ServerException`, `KmsException`, ...
        code: String,
        /// The text; one is made up if there is none.
        #[serde(default)]
        message: Option<String>,
    },
    /// The connection is reset before anything is done.
    Reset,
    /// The request is carried out, and then the connection is reset: the answer is lost.
    LoseAnswer,
    /// The connection is reset once this much of the request's body has arrived.
    CutRequest {
        /// Bytes that still arrive.
        after: u64,
    },
    /// The answer's body breaks off.
    CutBody {
        /// Bytes that are still sent.
        after: u64,
    },
    /// The answer's body stops coming, with the connection open.
    StallBody {
        /// Bytes that are still sent.
        after: u64,
    },
    /// One byte of the answer's body is changed.
    FlipByte {
        /// Which one.
        at: u64,
    },
    /// The answer announces another length than its body has.
    ContentLength {
        /// The length announced.
        length: u64,
    },
    /// The answer comes later.
    Delay {
        /// By this much.
        millis: u64,
    },
    /// 404, as if it were not there.
    NotFound,
    /// The token the request carries is expired from now on. On the API: `ExpiredTokenException`.
    ExpireToken,
    /// The S3 URL is expired from now on.
    ExpireUrl,
    /// 307 to another place.
    Redirect {
        /// The place.
        url: String,
    },
    /// The request is carried out, and its Location header names another place.
    Location {
        /// The place.
        url: String,
    },
    /// The request is carried out, and reads do not see what it wrote until both are over: a tag is not there, or points
    /// to what it did before; an index is refused for a child, an image for a layer. Lists do not show it either. A look
    /// is a request that asks for it by name, or for a list that it is left out of; `looks` alone keeps a test from
    /// depending on time.
    SeenLate {
        /// So many looks.
        #[serde(default)]
        looks: u64,
        /// So many milliseconds.
        #[serde(default)]
        millis: u64,
    },
    /// PutImage finds no layer, though BatchCheckLayerAvailability says AVAILABLE: `LayersNotFoundException`.
    LayersNotFound,
}

/// What a rule looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) operation: &'a str,
    pub(crate) repository: Option<&'a str>,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) references: &'a [String],
}

/// A rule and how often it matched.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) rule: FaultRule,
    seen: u64,
}

impl Active {
    pub(crate) fn new(rule: FaultRule) -> Self {
        Self { rule, seen: 0 }
    }

    pub(crate) fn strike(&mut self, facts: &Facts<'_>) -> Option<Fault> {
        let Self { rule, seen } = self;
        let holds = |condition: &Option<String>, actual: &str| {
            condition.as_ref().is_none_or(|pattern| wildcard(pattern, actual))
        };
        let reference = rule.reference.as_ref();
        let matches = holds(&rule.operation, facts.operation)
            && holds(&rule.repository, facts.repository.unwrap_or_default())
            && holds(&rule.account, facts.account)
            && holds(&rule.region, facts.region)
            && reference.is_none_or(|pattern| facts.references.iter().any(|one| wildcard(pattern, one)));
        if !matches {
            return None;
        }
        *seen += 1;
        let last = rule.times.map_or(u64::MAX, |times| rule.skip.saturating_add(times));
        let is_drawn = rule.one_in.is_none_or(|one_in| scattered(*seen).is_multiple_of(one_in.max(1)));
        (rule.skip < *seen && *seen <= last && is_drawn).then(|| rule.fault.clone())
    }
}

/// Numbers in a row become numbers without any order (the finaliser of SplitMix64).
fn scattered(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
