use invocation::{FunctionOutput, Invocation, Phase, RolePurpose, all_reached};
use promotion::{Error, Limits, Promotion, RetryPolicy, Until};
use registry::Side;

use crate::output;

/// Promotes what was pinned, or what the manifest of the release lists. Without a manifest there is nothing to do, and
/// that is a success.
pub(crate) async fn handle(invocation: Invocation) -> Result<FunctionOutput, Error> {
    let phase = invocation.event.phase;
    let Some(release) = invocation.artifacts().release().await? else {
        tracing::info!("the release has no deploy-manifest.json: nothing to promote");
        return Ok(output::skipped(phase));
    };
    let referrer_policy = invocation.referrer_policy()?;
    let targets = invocation.targets().await?;
    let registries = all_reached(invocation.connect(&targets, RolePurpose::Promotion, Side::Target).await?)?;
    let source = invocation.source().await?;
    let until = match phase {
        Phase::Stage => Until::Staged,
        // Staging again what is staged costs the two lookups that tagging needs anyway.
        Phase::Tag | Phase::Both => Until::Tagged,
    };
    let promotion =
        Promotion::new(source, registries, RetryPolicy::default(), Limits::default()).with_referrers(referrer_policy);
    let deadline = invocation.deadline.map(|deadline| deadline.work);
    let report = Box::pin(promotion.run(release, until, deadline)).await?;
    for (registry_id, target) in targets.registry_ids.iter().zip(&report.targets) {
        tracing::info!(%registry_id, images = report.images.len(), bytes_copied = target.tally.bytes_copied, tags_put = target.tally.tags_put, "promoted");
    }
    Ok(output::of(phase, &targets.registry_ids, &report))
}
