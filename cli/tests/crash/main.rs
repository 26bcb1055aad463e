//! The program is killed, with SIGKILL, at each of its requests: before the registry hears of it, and when it has done
//! what it was asked for. At no moment does a target show a tag whose content is not whole, and the next run finishes
//! and sends no blob again that is there.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod distribution;
mod ecr;
#[path = "../ecr/sts.rs"]
#[allow(dead_code, reason = "another test asks which roles were assumed")]
mod sts;
mod sweep;
