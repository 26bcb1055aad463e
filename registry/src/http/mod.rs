//! The HTTP of the OCI distribution specification, without a word of ECR.
//!
//! Redirects, upload locations and retries are decided here and not in the HTTP library: a credential goes to the origin that asked
//! for it and nowhere else, and every function sends what it says, once.

mod authorization;
mod blob;
mod body;
mod client;
mod failure;
mod link;
#[cfg(test)]
pub(crate) mod loopback;
mod manifest;
mod origin;
mod page;
mod rate;
mod redirect;
mod retry_after;
mod secrets;
mod stall;
mod timeouts;
mod transport;
mod upload;
mod whole;

pub(crate) use authorization::{Authorization, Token};
pub use blob::Blob;
pub(crate) use blob::{has, open, reach};
pub(crate) use client::{Client, Credential};
pub(crate) use failure::{Failure, Party, Refusal, digests};
pub(crate) use manifest::{pull, push, read};
pub(crate) use origin::{Origin, follow, shown};
pub(crate) use page::{PAGE_BYTES, Page, page};
pub(crate) use redirect::ping;
pub(crate) use retry_after::delay as retry_after;
pub(crate) use secrets::Secrets;
pub use timeouts::Timeouts;
pub use upload::Upload;
pub(crate) use upload::{mount, put, start};
pub(crate) use whole::whole;
