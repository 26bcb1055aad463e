//! The client of the distribution specification on `/v2` of a double of ECR, which asks for a user and a password.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod conformance;
