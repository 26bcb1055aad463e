//! What every invocation of a Lambda of Transship needs: its event, its settings, the files of its release, the
//! registries that it works on, and the form in which it answers, fails, logs and is measured.

mod artifacts;
mod aws_failure;
mod connect;
mod cut;
mod deadline;
mod event;
mod failure;
mod invocation;
mod logging;
mod metrics;
mod overrun;
mod parameters;
mod pinned;
mod registry_ids;
mod release_folder;
mod runtime;
mod serve;
mod session;
mod settings;
pub mod words;

pub use artifacts::Artifacts;
pub use connect::Aws;
pub use cut::{fitting, sentences};
pub use deadline::Deadline;
pub use event::{Event, Phase, TargetField};
pub use failure::diagnostic;
pub use invocation::{Invocation, all_reached, reached};
pub use metrics::{Metric, Metrics};
pub use parameters::{StackParameters, files};
pub use pinned::{Pinned, Stored, encode};
pub use registry_ids::Targets;
pub use release_folder::ReleaseFolder;
pub use runtime::Diagnostic;
pub use serve::{FunctionOutput, serve};
pub use session::session_name;
pub use settings::{Parameters, RolePurpose, Settings, Ssm};
