use std::sync::Arc;
use std::time::Instant;

use promotion::pull::{By, Mode, pull};
use promotion::{RetryPolicy, Retrying, Source, Survey};
use registry::Side;

use super::{names, read};
use crate::arguments::Verify;
use crate::doing::Doing;
use crate::failure::Failure;
use crate::output::{CommandOutput, Outcome};
use crate::text::{bytes, count, seconds};
use crate::watch::Watch;

/// Pulls a release from its targets, by tag.
pub(super) async fn run(verify: &Verify, watch: &Watch) -> Result<CommandOutput, Failure> {
    let begin = Instant::now();
    let (release, registries) = read(&verify.between, Side::Pull).await?;
    watch.enter(Doing::Surveying);
    let source = Arc::new(Retrying::new(registries.source, RetryPolicy::default()));
    let images = Survey::pins(release, &source).await?;
    watch.enter(Doing::Pulling);
    let mode = if verify.full { Mode::Full } else { Mode::Reach };
    let pulled = Box::pin(pull(registries.targets, &images, By::Tag, mode, RetryPolicy::default())).await?;
    let (requests, elapsed) = (pulled.requests + source.requests(), begin.elapsed());
    let what = match mode {
        Mode::Full => format!("{} read ({})", count(pulled.blobs, "blob"), bytes(pulled.bytes_read)),
        Mode::Reach => format!("{} asked for, none downloaded", count(pulled.blobs, "blob")),
    };
    let outcomes = vec![Outcome::verified(); images.len()];
    let names = names(&verify.between);
    Ok(CommandOutput::of(&images, names.iter().map(|name| (name, outcomes.clone())))
        .with("mode", mode.as_str())
        .with("blobs", pulled.blobs)
        .with("bytes_read", pulled.bytes_read)
        .cost(requests, elapsed)
        .line(&what)
        .line(&format!("{} in {}", count(requests, "request"), seconds(elapsed))))
}
