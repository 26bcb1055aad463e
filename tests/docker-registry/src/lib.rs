//! Debian's docker-registry as a fixture: a registry that shares no code with Transship, started on a free port of
//! 127.0.0.1 and ended with the value that stands for it. With it come a way to push images there, and skopeo to read
//! them.
//!
//! Everything here panics where it fails: it is for tests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod binary;
mod certificate;
mod disk;
pub mod held;
mod push;
mod server;
pub mod skopeo;
mod tokens;

pub use binary::binary;
pub use certificate::Certificate;
pub use disk::Disk;
pub use push::{push, push_as};
pub use server::{Auth, PASSWORD, Server, USER};
pub use tokens::{Asked, Tokens};
