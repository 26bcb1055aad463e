//! Registries that mean harm: what they get to know, how much they can make us read, and what they can make us say.
//!
//! What is allowed and what is not is in SECURITY.md.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod ecr;
mod endless;
mod leading_away;
mod logins;
mod repeated;
#[path = "../support/sdk.rs"]
mod sdk;
mod server;
mod words;

use oci::{Descriptor, Digest, Reference, Repository};
use promotion::{Error, Name};
use registry::{Distribution, Distributions, Login, Network, Side};

pub(crate) const PASSWORD: &str = "s3cretPassw0rd";
/// `ann:` and the password.
pub(crate) const BASIC: &str = "YW5uOnMzY3JldFBhc3N3MHJk";

pub(crate) fn connect(address: &str, login: Login, side: Side) -> Distribution {
    Distributions::new(&Network::default()).unwrap().connect(address.parse().unwrap(), login, side)
}

pub(crate) fn ann() -> Login {
    Login::Basic { user: "ann".into(), password: PASSWORD.into(), from: "a test".into() }
}

pub(crate) fn app() -> Repository {
    "app".parse().unwrap()
}

pub(crate) fn tag() -> Reference {
    Reference::Tag("1".parse().unwrap())
}

pub(crate) fn blob(bytes: &[u8]) -> Descriptor {
    let media_type = "application/vnd.oci.image.layer.v1.tar".into();
    Descriptor { media_type, digest: Digest::of(bytes), size: bytes.len() as u64, platform: None }
}

/// Holds a failure to what every failure promises: it says which registry did what, on few lines, and trying again is
/// or is not of use.
pub(crate) fn assert_told(error: &Error, name: Name, again: bool, says: &[&str]) {
    let text = error.to_string();
    assert_eq!((error.name(), error.is_temporary()), (name, again), "{text}");
    for word in says {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
    assert!(text.chars().count() < 2_000, "{} bytes are said: {text}", text.len());
    assert!(!text.chars().any(|c| c.is_control()), "{text:?}");
}
