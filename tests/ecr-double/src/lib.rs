//! A stand-in for Amazon ECR that is as strict as the real service: what ECR refuses, it refuses with the same code.
//!
//! It speaks the ECR API (AWS JSON 1.1), the `/v2` protocol of each registry, and the part of S3 that blob downloads
//! are redirected to. It keeps accounts of every request, injects faults, and cannot import the client that it tests.
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! use ecr_double::{Config, EcrDouble, Fault, FaultRule};
//!
//! let double = EcrDouble::start_now(Config::default())?;
//! let registry = double.registry("111122223333", "eu-west-1");
//! registry.create_repository("team/app");
//! double.fault(FaultRule::once("PutImage", Fault::Status { status: 503, retry_after: None }));
//! println!("{} {}", double.api_endpoint(), registry.host());
//! # Ok(())
//! # }
//! ```

mod api;
mod body;
mod call;
mod clock;
mod config;
mod control;
mod digest;
mod double;
mod faults;
mod guard;
mod handle;
mod images;
mod lock;
mod log;
mod manifest;
mod names;
mod refusal;
mod s3;
mod server;
mod store;
mod uploads;
mod v2;
mod world;

pub use config::{Config, LaterChunks, SameDigest, Switches};
pub use digest::{is_digest, sha256};
pub use double::EcrDouble;
pub use faults::{Fault, FaultRule};
pub use guard::callers::Caller;
pub use guard::policy::Deny;
pub use handle::{HeldManifest, RegistryHandle, RepositoryOptions};
pub use log::{ActionUse, RequestRecord};
pub use names::RegistryId;
pub use store::{Encryption, Mutability, Status};
