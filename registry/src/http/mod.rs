//! The HTTP of the OCI distribution specification, without a word of ECR.
//!
//! Redirects, upload locations and retries are decided here and not in the HTTP library: a credential goes to the origin that asked
//! for it and nowhere else, and every function sends what it says, once.

mod blob;
mod body;
mod client;
mod failure;
#[cfg(test)]
pub(crate) mod loopback;
mod manifest;
mod origin;
mod redirect;
mod retry_after;
mod stall;
mod text;
mod upload;

pub use blob::Blob;
pub(crate) use blob::{open, reach};
pub(crate) use client::{Client, Credential};
pub(crate) use failure::{Failure, Party, Refusal};
pub(crate) use manifest::{pull, read};
pub(crate) use origin::Origin;
pub(crate) use retry_after::delay as retry_after;
pub(crate) use text::harmless;
pub(crate) use upload::{Session, mount, put, start};
