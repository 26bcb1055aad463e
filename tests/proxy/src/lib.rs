//! A proxy that stands before one registry: it counts what is asked, adds latency, bounds bandwidth, and fails on
//! demand.
//!
//! HTTP/1.1 without TLS on both sides. Method, path and headers pass as they came, the Host among them, so that a
//! registry's own Locations lead back through here. Bodies pass piece by piece, and each connection of a client has one
//! connection to the registry of its own, so that what is measured through the proxy is what the client does.

mod body;
mod connection;
mod fault;
mod kind;
mod late;
mod pace;
mod proxy;
mod state;

pub use fault::{Fault, Rule};
pub use kind::{Kind, Seen};
pub use proxy::{Link, Proxy};
