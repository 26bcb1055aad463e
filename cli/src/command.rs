mod check;
mod figures;
mod promote;
mod verify;

use promotion::Release;
use registry::Side;

use crate::arguments::{Between, Work};
use crate::connect::{self, Registries};
use crate::failure::Failure;
use crate::output::CommandOutput;
use crate::release;
use crate::watch::Watch;

/// Does what was asked for.
pub(crate) async fn run(asked: &Work, watch: &Watch) -> Result<CommandOutput, Failure> {
    match asked {
        Work::Promote(promote) => promote::run(promote, watch).await,
        Work::Check(check) => check::run(check, watch).await,
        Work::Verify(verify) => verify::run(verify, watch).await,
    }
}

/// The release and the registries that a command line names.
async fn read(between: &Between, side: Side) -> Result<(Release, Registries), Failure> {
    connect::check(between)?;
    let release = release::read(&between.manifest).await?;
    Ok((release, Registries::connect(between, side).await?))
}

/// What the targets are called in answers.
fn names(between: &Between) -> Vec<String> {
    between.targets.iter().map(|target| target.host().to_owned()).collect()
}
