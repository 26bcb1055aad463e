//! The registries that Transship promotes between, behind the traits [`promotion::Source`] and [`promotion::Target`].
//!
//! Amazon ECR: a [`Connector`] is made once per process; [`Connector::connect`] gives an [`Ecr`] for one account and
//! region. Any other registry: [`Distributions`] is made once per process; [`Distributions::connect`] gives a
//! [`Distribution`] for one [`Address`], opened with a [`Login`]. [`AnyRegistry`] is either, [`Location`] is
//! either as users write it, and [`Keyring`] finds the logins of a machine.
//!
//! Every call makes one attempt: whether and when to retry is decided in `promotion`, by
//! [`promotion::Error::is_temporary`].

mod any;
mod aws_http;
mod checked_manifest;
mod distribution;
mod ecr;
mod error_kind;
mod http;
mod location;
mod logins;
mod missing_blobs;
mod network;
mod operation;
mod side;
mod timed_file;
mod v2;

pub use any::AnyRegistry;
pub use aws_http::aws_http_client;
pub use distribution::{Address, Distribution, Distributions, Login, Logins};
pub use ecr::{
    AnswerLimit, Connector, Ecr, Identity, Rates, RegistryId, Role, UntaggedExpiry, external_id_secrets, is_account_id,
};
pub use http::Timeouts;
pub use location::{EcrHost, Location};
pub use logins::Keyring;
pub use network::{Authorities, HostName, Network, Proxy};
pub use side::Side;
pub use timed_file::{FILE_TIMEOUT, read_file};
pub use v2::{Blob, Upload};
