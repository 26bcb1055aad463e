//! What the OCI specifications define, without I/O: digests, references, descriptors, manifests, platforms, image
//! configurations; and what is repeated of the texts in all of them.
//!
//! Values are parsed once, at the edge, and hold only what is valid. Whatever travels keeps its exact bytes beside the
//! parsed view: nothing is ever written anew from that view, so no digest changes.

mod config;
mod descriptor;
mod digest;
mod listed;
mod manifest;
mod media_type;
mod platform;
mod reference;
mod secrets;
pub mod text;

pub use config::{ImageConfig, InvalidConfig};
pub use descriptor::Descriptor;
pub use digest::{Digest, Hasher, InvalidDigest};
pub use listed::ListedDescriptor;
pub use manifest::{Content, InvalidManifest, MAX_MANIFEST_BYTES, Manifest};
pub use media_type::MediaType;
pub use platform::{InvalidPlatform, Platform};
pub use reference::{ImageReference, InvalidReference, Reference, Registry, Repository, Tag};
pub use secrets::Secrets;

/// How deep indexes may list indexes. Docker and buildx write one level; the limit only ends what never ends.
pub const MAX_INDEX_DEPTH: usize = 8;
