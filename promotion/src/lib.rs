//! Promotion of container images between registries: a release appears whole or not at all.
//!
//! The flow is made of types. A [`Release`] says what is asked for; a [`Survey`] holds the facts read from the source and the targets;
//! [`Approved`] is a survey that passed every rule; a [`Plan`] is what has to be done, as data; a [`Report`] says what was done.
//! Each arrow consumes the type on its left, so that no step can be skipped.
//!
//! Nothing here knows HTTP, AWS or Lambda: registries are behind the traits [`Source`] and [`Target`].

mod digest;
mod error;
mod manifest;
mod reference;
mod registry;

pub use digest::{Digest, Hasher, InvalidDigest};
pub use error::{Error, Name};
pub use manifest::{Content, Descriptor, InvalidManifest, MAX_MANIFEST_BYTES, Manifest, MediaType, Platform};
pub use reference::{InvalidReference, Reference, Registry, Repository, Tag};
pub use registry::{ImmutableTags, Lookup, Mount, Put, Settings, Source, Target};
