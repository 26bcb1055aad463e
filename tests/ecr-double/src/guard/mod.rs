//! Who calls, and what they may do.

pub(crate) mod callers;
mod condition;
pub(crate) mod document;
pub(crate) mod identities;
pub(crate) mod policy;
pub(crate) mod quotas;
pub(crate) mod signature;
pub(crate) mod sts;
pub(crate) mod tokens;
