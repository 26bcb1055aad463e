use std::sync::Arc;
use std::time::Instant;

use promotion::{Limits, Patience, Plan, Promotion, Report, TargetReport, Until};
use registry::Side;

use super::{names, read};
use crate::answer::{Answer, Outcome};
use crate::arguments::Promote;
use crate::failure::Failure;
use crate::text::{bytes, count, seconds};
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
        let answer = planned(&plan, &names, promotion.requests() + requests(&plan)).with("dry_run", true);
        return Ok(answer.with("seconds", begin.elapsed().as_secs_f64()).line("nothing was written"));
    }
    let promotion = Arc::new(promotion);
    watch.enter(Doing::Promoting(promotion.clone()));
    let report = promotion.run(release, Until::Tagged, None).await?;
    Ok(done(&report, &names).with("seconds", begin.elapsed().as_secs_f64()))
}

fn done(report: &Report, names: &[String]) -> Answer {
    let outcome = |target: usize, image: usize| {
        let outcome = report.targets.get(target).and_then(|target| target.outcomes.get(image));
        if outcome == Some(&promotion::Outcome::Present) { Outcome::PRESENT } else { Outcome::PROMOTED }
    };
    let sum = |count: fn(&TargetReport) -> u64| report.targets.iter().map(count).sum::<u64>();
    let figures = Figures {
        bytes_copied: sum(|target| target.bytes_copied),
        bytes_present: sum(|target| target.bytes_present),
        blobs_copied: sum(|target| target.blobs_copied),
        blobs_mounted: sum(|target| target.blobs_mounted),
        blobs_present: sum(|target| target.blobs_present),
        manifests_put: sum(|target| target.manifests_put),
        tags_put: sum(|target| target.tags_put),
    };
    let mut notes = report.notes.clone();
    notes.extend(left_elsewhere(report.planned.non_distributable));
    let referrers = sum(|target| target.referrers);
    let mut answer = figures.tell(Answer::of(&report.images, names, outcome)).with("requests", report.requests);
    if referrers > 0 {
        answer = answer.with("referrers", referrers).line(&format!("{} there", count(referrers, "referrer")));
    }
    let elapsed = seconds(report.elapsed);
    answer.notes(&notes).line(&format!("{} in {elapsed}", count(report.requests, "request")))
}

/// What a plan would do. `requests` is a number that the caller knows better.
pub(super) fn planned(plan: &Plan, names: &[String], requests: u64) -> Answer {
    let outcome = |target: usize, image: usize| match plan.images().get(image) {
        Some(image) if plan.has(target, image) => Outcome::PRESENT,
        _ => Outcome::PLANNED,
    };
    let summary = plan.summary();
    let figures = Figures {
        bytes_copied: summary.bytes_to_copy,
        bytes_present: summary.bytes_present,
        blobs_copied: summary.blobs_to_copy,
        blobs_mounted: summary.blobs_to_mount,
        blobs_present: summary.blobs_present,
        manifests_put: summary.manifests_to_put,
        tags_put: summary.tags_to_put,
    };
    let notes: Vec<_> = plan.notes().iter().cloned().chain(left_elsewhere(summary.non_distributable)).collect();
    let answer = figures.tell(Answer::of(plan.images(), names, outcome)).with("requests", requests);
    answer.notes(&notes)
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

/// What moved, or would.
struct Figures {
    bytes_copied: u64,
    bytes_present: u64,
    blobs_copied: u64,
    blobs_mounted: u64,
    blobs_present: u64,
    manifests_put: u64,
    tags_put: u64,
}

impl Figures {
    fn tell(&self, answer: Answer) -> Answer {
        answer
            .line(&format!(
                "{} copied ({}), {} mounted, {} already there ({}), {} and {} written",
                count(self.blobs_copied, "blob"),
                bytes(self.bytes_copied),
                self.blobs_mounted,
                self.blobs_present,
                bytes(self.bytes_present),
                count(self.manifests_put, "manifest"),
                count(self.tags_put, "tag"),
            ))
            .with("bytes_copied", self.bytes_copied)
            .with("bytes_present", self.bytes_present)
            .with("blobs_copied", self.blobs_copied)
            .with("blobs_mounted", self.blobs_mounted)
            .with("blobs_present", self.blobs_present)
            .with("manifests_put", self.manifests_put)
            .with("tags_put", self.tags_put)
    }
}
