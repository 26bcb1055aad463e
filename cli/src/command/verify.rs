use std::time::Instant;

use promotion::pull::{By, Mode, pull};
use promotion::{Limits, Patience, PinnedImage, Promotion, Referring, Release};
use registry::{AnyRegistry, Side};

use super::{names, read};
use crate::answer::{Answer, Outcome};
use crate::arguments::Verify;
use crate::failure::Failure;
use crate::text::{bytes, count, seconds};
use crate::watch::{Doing, Watch};

/// Pulls a release from its targets, by tag.
pub(super) async fn run(verify: &Verify, watch: &Watch) -> Result<Answer, Failure> {
    let begin = Instant::now();
    let (release, registries) = read(&verify.between, Side::Pull).await?;
    watch.enter(Doing::Surveying);
    let (images, requests) = pin(release, registries.source).await?;
    watch.enter(Doing::Pulling);
    let mode = if verify.full { Mode::Full } else { Mode::Reach };
    let pulled = Box::pin(pull(registries.targets, &images, By::Tag, mode, Patience::default())).await?;
    let (requests, elapsed) = (pulled.requests + requests, begin.elapsed());
    let what = match mode {
        Mode::Full => format!("{} read ({})", count(pulled.blobs, "blob"), bytes(pulled.bytes_read)),
        Mode::Reach => format!("{} asked for, none downloaded", count(pulled.blobs, "blob")),
    };
    Ok(Answer::of(&images, &names(&verify.between), |_, _| Outcome::VERIFIED)
        .with("mode", mode.as_str())
        .with("blobs", pulled.blobs)
        .with("bytes_read", pulled.bytes_read)
        .cost(requests, elapsed)
        .line(&what)
        .line(&format!("{} in {}", count(requests, "request"), seconds(elapsed))))
}

/// The images with the digests that the source has for their tags, and how many requests it took to ask.
async fn pin(release: Release, source: AnyRegistry) -> Result<(Vec<PinnedImage>, u64), Failure> {
    let targets: [AnyRegistry; 0] = [];
    let asking = Promotion::new(source, targets, Patience::default(), Limits::default()).referring(Referring::Left);
    let survey = asking.survey(release).await;
    let images = survey.images().to_vec();
    survey.judge()?;
    Ok((images, asking.requests()))
}
