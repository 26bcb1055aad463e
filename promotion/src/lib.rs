//! Promotion of container images between registries: a release appears whole or not at all.
//!
//! The flow is made of types. A [`Release`] says what is asked for; a [`Survey`] holds the facts read from the source
//! and the targets; [`Approved`] is a survey that passed every rule; a [`Plan`] is what has to be done, as data; a
//! [`Report`] says what was done. Each arrow consumes the type on its left, so that no step can be skipped.
//!
//! Nothing here knows HTTP, AWS or Lambda: registries are behind the traits [`Source`] and [`Target`].

mod approved;
mod batches;
mod blob;
#[cfg(feature = "conformance")]
pub mod conformance;
mod connections;
mod error;
mod findings;
mod flow;
mod lookup;
mod manifest_store;
mod overrun;
mod plan;
mod position;
mod progress;
mod promote;
pub mod pull;
mod registry;
mod release;
mod report;
mod retry;
mod retrying;
mod rules;
mod settling;
mod survey;
mod tally;
mod transfer;

pub use approved::Approved;
pub use blob::read_whole;
pub use error::{Error, Name};
pub use findings::{Finding, Kind, Level, Rule};
pub use overrun::Overrun;
pub use plan::{Before, Plan, TargetPlan};
pub use progress::{Phase, Progress, ProgressSnapshot};
pub use promote::{Promotion, Until};
pub use registry::{
    ImmutableTags, Lookup, MountOutcome, Mounting, OpenBlob, PutOutcome, ReferrerList, Referrers, RepositorySettings,
    Source, Target,
};
pub use release::{Image, Images, MAX_RELEASE_BYTES, Parameter, PinnedImage, Release, byte_order_mark};
pub use report::{Outcome, Report, TargetReport};
pub use retry::RetryPolicy;
pub use retrying::Retrying;
pub use survey::{ReferrerPolicy, Survey};
pub use tally::Tally;
pub use transfer::Limits;
