//! The registries that Drayage promotes between, behind the traits [`promotion::Source`] and [`promotion::Target`].
//!
//! A [`Connector`] is made once per process; [`Connector::connect`] gives an [`Ecr`] for one account and region. Every call makes one
//! attempt: whether and when to try again is decided in `promotion`, which is told by [`promotion::Error::is_temporary`].

mod ecr;
mod http;

pub use ecr::{Connector, Ecr, Identity, Place, Role, Side, UntaggedExpiry, Upload};
pub use http::Blob;
