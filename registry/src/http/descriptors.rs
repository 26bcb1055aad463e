//! How many files and connections this process may have open, of which each connection takes one.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than this is not asked for, though the system may allow it: programs that are started from here, such as those
/// that keep logins, get the same limit, and old ones go through all numbers up to it.
const WANTED: u64 = 4096;

/// The limit, raised as far as it may be and is wanted, once.
pub(super) fn limit() -> u64 {
    static LIMIT: OnceLock<u64> = OnceLock::new();
    *LIMIT.get_or_init(|| {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let (current, most) = (current.unwrap_or(u64::MAX), maximum.unwrap_or(u64::MAX).min(WANTED));
        let is_raised = current < most && setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum }).is_ok();
        if is_raised { most } else { current }
    })
}

/// How many connections to one host are kept that are not in use: few, where few descriptors are left beside those in
/// use, as there may be many hosts.
pub(super) fn idle_per_host() -> usize {
    match limit() {
        ..1024 => 2,
        ..WANTED => 4,
        _ => 32,
    }
}
