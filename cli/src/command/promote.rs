use std::sync::Arc;
use std::time::{Duration, Instant};

use promotion::{Limits, Patience, Plan, Promotion, Report, Until};
use registry::Side;

use super::figures::{DONE, Figures, TO_DO};
use super::{names, read};
use crate::answer::{Answer, Outcome};
use crate::arguments::Promote;
use crate::failure::Failure;
use crate::text::{count, seconds};
use crate::watch::{Doing, Watch};

/// Promotes a release, or tells what that would be.
pub(super) async fn run(promote: &Promote, watch: &Watch) -> Result<Answer, Failure> {
    let begin = Instant::now();
    let (release, registries) = read(&promote.between, Side::Target).await?;
    let names = names(&promote.between);
    let promotion = Promotion::new(registries.source, registries.targets, Patience::default(), Limits::default())
        .referring(promote.referrers.referring());
    if promote.dry_run {
        watch.enter(Doing::Surveying);
        let plan = promotion.survey(release).await.judge()?.plan();
        let requests = promotion.requests() + requests(&plan);
        let line = format!("about {}; nothing was written", count(requests, "request"));
        return Ok(planned(&plan, &names, requests, begin.elapsed()).line(&line));
    }
    let promotion = Arc::new(promotion);
    watch.enter(Doing::Promoting(promotion.clone()));
    let report = promotion.run(release, Until::Tagged, None).await?;
    Ok(done(&report, &names, begin.elapsed()))
}

fn done(report: &Report, names: &[String], elapsed: Duration) -> Answer {
    let outcome = |target: usize, image: usize| {
        let outcome = report.targets.get(target).and_then(|target| target.outcomes.get(image));
        if outcome == Some(&promotion::Outcome::Present) { Outcome::PRESENT } else { Outcome::PROMOTED }
    };
    let mut notes = report.notes.clone();
    notes.extend(left_elsewhere(report.planned.non_distributable));
    let referrers = report.targets.iter().map(|target| target.referrers).sum::<u64>();
    let mut answer = Figures::of(report).tell(Answer::of(&report.images, names, outcome), &DONE);
    if referrers > 0 {
        answer = answer.line(&format!("{} to the images there", count(referrers, "referrer")));
    }
    answer
        .with("referrers", referrers)
        .with("requests", report.requests)
        .with("seconds", elapsed.as_secs_f64())
        .notes(&notes)
        .line(&format!("{} in {}", count(report.requests, "request"), seconds(elapsed)))
}

/// What a plan would do. How many requests that is the caller says.
pub(super) fn planned(plan: &Plan, names: &[String], requests: u64, elapsed: Duration) -> Answer {
    let outcome = |target: usize, image: usize| match plan.images().get(image) {
        Some(image) if plan.has(target, image) => Outcome::PRESENT,
        _ => Outcome::PLANNED,
    };
    let summary = plan.summary();
    let notes: Vec<_> = plan.notes().iter().cloned().chain(left_elsewhere(summary.non_distributable)).collect();
    Figures::planned(summary)
        .tell(Answer::of(plan.images(), names, outcome), &TO_DO)
        .with("dry_run", true)
        .with("requests", requests)
        .with("seconds", elapsed.as_secs_f64())
        .notes(&notes)
}

/// About how many requests a plan takes: a blob is read, opened and sent, and what is staged is read again before it is tagged.
fn requests(plan: &Plan) -> u64 {
    let summary = plan.summary();
    3 * summary.blobs_to_copy + summary.blobs_to_mount + 2 * summary.manifests_to_put + 2 * summary.tags_to_put
}

fn left_elsewhere(layers: u64) -> Option<String> {
    let what = count(layers, "layer");
    let why = "left where they are: registries do not distribute layers of these media types (Windows base layers)";
    (layers > 0).then(|| format!("{what} {why}"))
}
