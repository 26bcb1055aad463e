//! Registries as they are: one strict registry in memory, and a [`Profile`] of each real one that says where its answers
//! differ from the distribution specification, with the public source of each difference.
//!
//! It shares no code with Transship, so that it does not judge Transship by its own words. Amazon ECR has a double of
//! its own, `tests/ecr-double`.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::indexing_slicing, reason = "what a JSON value lacks is null")]

mod answer;
mod blobs;
mod handle;
mod manifests;
mod odd;
mod profile;
pub mod profiles;
mod referrers;
mod request;
mod seen;
mod server;
mod store;
mod tags;
mod tokens;
mod uploads;

pub use handle::{PASSWORD, REFRESH_TOKEN, Registry, USER};
pub use odd::Odd;
pub use profile::*;
pub use seen::{Seen, Surface};
