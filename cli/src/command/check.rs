use std::time::Instant;

use promotion::{Limits, Promotion, RetryPolicy};
use registry::Side;

use super::promote::planned;
use super::{names, read};
use crate::arguments::Check;
use crate::doing::Doing;
use crate::failure::Failure;
use crate::output::CommandOutput;
use crate::text::{count, seconds};
use crate::watch::Watch;

/// Looks for everything that would keep a release from being promoted.
pub(super) async fn run(check: &Check, watch: &Watch) -> Result<CommandOutput, Failure> {
    let begin = Instant::now();
    let (release, registries) = read(&check.between, Side::Target).await?;
    watch.enter(Doing::Surveying);
    let promotion =
        Promotion::new(registries.source, registries.targets, RetryPolicy::default(), Limits::without_deadline())
            .with_referrers(check.referrers.referrer_policy());
    let plan = promotion.survey(release).await.judge()?.plan();
    let (requests, elapsed) = (promotion.requests(), begin.elapsed());
    // Nothing but a write tells whether it is allowed.
    let line = format!(
        "{} in {}; nothing was written\nno problem found; permission to push cannot be checked",
        count(requests, "request"),
        seconds(elapsed)
    );
    Ok(planned(&plan, &names(&check.between), requests, elapsed).line(&line))
}
