//! The command line of Drayage.

mod credentials;

pub use credentials::Keyring;
