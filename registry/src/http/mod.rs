//! Requests and their answers, without a word of what they are for.
//!
//! Redirects, upload locations and retries are decided here and not in the HTTP library: a credential goes to the
//! origin that asked for it and nowhere else, and every method sends what it says, once.

mod authorization;
mod authorized;
mod body;
mod client;
mod clients;
mod depth;
mod descriptors;
mod failure;
mod link;
mod logged;
#[cfg(test)]
pub(crate) mod loopback;
mod origin;
mod rate;
mod redirect;
mod request_url;
mod retry_after;
mod stall;
mod timeouts;
mod transport;
mod whole;

pub(crate) use authorization::{Authorization, Token};
pub(crate) use authorized::AuthorizedClient;
pub(crate) use body::Body;
pub(crate) use client::{Client, Credential};
pub(crate) use failure::{Failure, Party, Refusal, digests};
pub(crate) use link::next_page;
pub(crate) use logged::Logged;
pub(crate) use origin::Origin;
pub(crate) use redirect::FinalResponse;
pub(crate) use request_url::RequestUrl;
pub(crate) use retry_after::delay as retry_after;
pub(crate) use stall::Outgoing;
pub use timeouts::Timeouts;
pub(crate) use transport::transport;
