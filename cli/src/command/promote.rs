use std::sync::Arc;
use std::time::{Duration, Instant};

use promotion::{Limits, Plan, Promotion, Report, RetryPolicy, Source, Tally, Until};
use registry::Side;

use super::figures::{DONE, TO_DO, with_tally};
use super::{names, read};
use crate::arguments::Promote;
use crate::doing::Doing;
use crate::failure::Failure;
use crate::output::{CommandOutput, Outcome};
use crate::text::{count, seconds};
use crate::watch::Watch;

/// Promotes a release, or says what that would do.
pub(super) async fn run(promote: &Promote, watch: &Watch) -> Result<CommandOutput, Failure> {
    let begin = Instant::now();
    let (release, registries) = read(&promote.between, Side::Target).await?;
    let names = names(&promote.between);
    let (source, targets) =
        (registries.source.batch_size(), registries.targets.iter().map(Source::batch_size).collect::<Vec<_>>());
    let promotion =
        Promotion::new(registries.source, registries.targets, RetryPolicy::default(), Limits::without_deadline())
            .with_referrers(promote.referrers.referrer_policy());
    if promote.dry_run {
        watch.enter(Doing::Surveying);
        let plan = promotion.survey(release).await.judge()?.plan();
        let requests = promotion.requests() + requests(&plan, source, &targets);
        let line = format!("about {}; nothing was written", count(requests, "request"));
        return Ok(planned(&plan, &names, requests, begin.elapsed()).line(&line));
    }
    let promotion = Arc::new(promotion);
    watch.enter(Doing::Promoting(promotion.clone()));
    let report = promotion.run(release, Until::Tagged, None).await?;
    Ok(done(&report, &names, begin.elapsed()))
}

fn done(report: &Report, names: &[String], elapsed: Duration) -> CommandOutput {
    let outcomes = report.targets.iter().map(|target| target.outcomes.iter().map(Outcome::done).collect());
    let mut notes = report.notes.clone();
    notes.extend(left_elsewhere(report.non_distributable));
    let referrers = report.targets.iter().map(|target| target.referrers).sum::<u64>();
    let mut answer = with_tally(report.tally(), CommandOutput::of(&report.images, names.iter().zip(outcomes)), &DONE);
    if referrers > 0 {
        answer = answer.line(&format!("{} to the images there", count(referrers, "referrer")));
    }
    answer.with("referrers", referrers).cost(report.requests, elapsed).notes(&notes).line(&format!(
        "{} in {}",
        count(report.requests, "request"),
        seconds(elapsed)
    ))
}

/// What a plan would do. How many requests that is the caller says.
pub(super) fn planned(plan: &Plan, names: &[String], requests: u64, elapsed: Duration) -> CommandOutput {
    let outcomes = plan.targets().map(|target| target.before.iter().map(Outcome::planned).collect());
    let notes: Vec<_> = plan.notes().iter().cloned().chain(left_elsewhere(plan.non_distributable())).collect();
    with_tally(plan.tally(), CommandOutput::of(plan.images(), names.iter().zip(outcomes)), &TO_DO)
        .with("dry_run", true)
        .cost(requests, elapsed)
        .notes(&notes)
}

/// About how many requests carrying out a plan takes, beside those that it took to make it.
///
/// A blob is read, its upload is opened, and it is sent; ECR sends the reader on to S3. Where blobs were asked for one
/// by one for the plan, a promotion does without. A manifest is written once, and a tag is written and read again.
fn requests(plan: &Plan, source: usize, targets: &[usize]) -> u64 {
    let of_target = |(tally, batch): (Tally, &usize)| {
        let reading = if source == 1 { 1 } else { 2 };
        let (copying, mounting) = if *batch == 1 { (reading + 1, 0) } else { (reading + 2, 1) };
        copying * tally.blobs_copied + mounting * tally.blobs_mounted + tally.manifests_put + 2 * tally.tags_put
    };
    plan.targets().map(|target| target.tally).zip(targets).map(of_target).sum()
}

fn left_elsewhere(layers: u64) -> Option<String> {
    let what = count(layers, "layer");
    let why = "left where they are: registries do not distribute layers of these media types (Windows base layers)";
    (layers > 0).then(|| format!("{what} {why}"))
}
