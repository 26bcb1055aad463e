//! Debian's docker-registry for tests: a registry that shares no code with this project.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

pub mod fixtures;
mod proxy;
pub mod skopeo;

pub use proxy::{Kind, Proxy, Seen};
