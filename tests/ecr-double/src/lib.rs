//! A stand-in for Amazon ECR that is as strict as the real service: what ECR refuses, it refuses with the same code.
//!
//! It speaks the ECR API (AWS JSON 1.1), the `/v2` protocol of each registry, and the part of S3 that blob downloads
//! are redirected to. It keeps accounts of every request, injects faults, and cannot import the client that it tests.
//!
//! # What listens
//!
//! One port for the ECR API (region from the signature's scope, account from `registryId` or the caller), one for each
//! registry's `/v2`, one for S3, one for control, and with an STS behind it a relay to that STS. Every account has a
//! registry in every region: one that was not opened at the start is opened when it is first named.
//!
//! # Who calls
//!
//! Signatures are checked for their shape only. Twelve digits as the access key id are that account's root; other keys
//! are known when a test sets them ([`EcrDouble::caller`]) or when STS says whose they are. STS tells only the account
//! of a key. Roles assumed through [`EcrDouble::sts_endpoint`] are known by name.
//!
//! # What a caller may do
//!
//! An account's root may do all in its own account. Roles and users may do what their identity policies allow, which a
//! test gives them ([`EcrDouble::identity_policies`]), and without any nothing. Repository policies count as in IAM:
//! either kind may allow within an account, both have to across accounts, and a deny in one outweighs all. Requests to
//! `/v2` need the same actions as the API's, of the caller that asked for the token. An element, operator or key of a
//! policy that the double does not know is refused when a policy is given to it.
//!
//! # What is inferred
//!
//! Where ECR's behaviour is neither documented nor reported, the double takes the stricter reading: a token works in
//! its own region only; `/v2` gives out a blob only once an image refers to it; a caller of another account gets
//! `AccessDeniedException`, not `RepositoryNotFoundException`, for a repository that does not exist; a monolithic PUT
//! needs a length; quotas are the caller's account's. [`Switches`] holds what may be turned round. HTTP statuses of
//! `/v2` errors that reports do not give are those of the distribution specification. Lifecycle policies are kept but
//! not carried out, replication does not exist.
//!
//! # What goes wrong on demand
//!
//! A [`FaultRule`] is for the requests that it names: for all of an operation, a repository, a registry, or for the nth
//! of them. Beside errors and broken connections it makes them
//!
//! - slow ([`Fault::Delay`]);
//! - throttled, as over a quota: [`Fault::Error`] with `ThrottlingException` is 400 `Rate exceeded` in the API, 429
//!   `TOOMANYREQUESTS` in `/v2`, 503 `SlowDown` in S3. [`Config::ecr_quotas`] counts requests instead;
//! - seen late ([`Fault::SeenLate`]): reads lag behind these writes. ECR itself is not known for that, other registries
//!   are.
//!
//! # Pull-through caches
//!
//! [`RegistryHandle::pull_through`] has the repositories below a prefix filled from another registry of the double, as
//! far as ECR is known to: by tag and not by digest (aws/containers-roadmap#2837), with layers that are first redirected
//! to the upstream (aws/containers-roadmap#2304), for callers that may.
//!
//! # Use
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
mod pull_through;
mod refusal;
mod relay;
mod s3;
mod server;
mod store;
mod uploads;
mod v2;
mod world;

pub use config::{Config, LaterChunks, SameDigest, Switches};
pub use digest::{is_digest, sha256};
pub use double::EcrDouble;
pub use faults::{Fault, FaultRule, Hold};
pub use guard::callers::Caller;
pub use handle::{HeldManifest, RegistryHandle, RepositoryOptions};
pub use log::{ActionUse, RequestRecord};
pub use names::RegistryId;
pub use store::{Encryption, Mutability, Status};
