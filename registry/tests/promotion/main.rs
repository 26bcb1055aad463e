//! Promotions between ECR registries, on a double of ECR that refuses what ECR refuses and counts what it is asked.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod conformance;
mod content;
mod failures;
mod pull_through;
mod quirks;
mod quotas;
mod races;
mod referrers;
#[path = "../support/sdk.rs"]
mod sdk;
mod world;
