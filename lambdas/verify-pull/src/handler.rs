use std::sync::Arc;

use invocation::{FunctionOutput, Invocation, Metric, Metrics, RolePurpose, all_reached};
use promotion::pull::{By, Mode, Pulled, pull};
use promotion::{Error, Name, PinnedImage, Release, RetryPolicy, Retrying, Source, Survey};
use registry::Side;
use serde_json::json;

/// Pulls what was pinned, or what the manifest of the release lists, from every target.
pub(crate) async fn handle(invocation: Invocation) -> Result<FunctionOutput, Error> {
    let (by, mode) = (invocation.event.by, invocation.event.mode);
    let Some(release) = invocation.artifacts().release().await? else {
        tracing::info!("the release has no deploy-manifest.json: nothing to pull");
        return Ok(answer(true, by, mode, Pulled::default()));
    };
    let targets = invocation.targets().await?;
    let registries = all_reached(invocation.connect(&targets, RolePurpose::Pull, Side::Pull).await?)?;
    let (images, requests) = pinned(&invocation, release).await?;
    let pulling = Box::pin(pull(registries, &images, by, mode, RetryPolicy::default()));
    let mut pulled = match invocation.deadline {
        None => pulling.await?,
        Some(deadline) => {
            tokio::time::timeout_at(deadline.work, pulling).await.unwrap_or_else(|_| Err(out_of_time(mode)))?
        }
    };
    pulled.requests += requests;
    tracing::info!(
        images = pulled.images,
        blobs = pulled.blobs,
        bytes_read = pulled.bytes_read,
        "everything can be pulled"
    );
    Ok(answer(false, by, mode, pulled))
}

/// The images with their digests: those that were pinned, or those that the tags of the source point to. Also how many
/// requests that took.
async fn pinned(invocation: &Invocation, release: Release) -> Result<(Vec<PinnedImage>, u64), Error> {
    if let Release::Pinned(images) = release {
        return Ok((images.into(), 0));
    }
    let source = Arc::new(Retrying::new(invocation.source().await?, RetryPolicy::default()));
    let images = Survey::pins(release, &source).await?;
    Ok((images, source.requests()))
}

/// Nothing of a pull is kept, so that running again would not continue it.
fn out_of_time(mode: Mode) -> Error {
    match mode {
        Mode::Full => Error::new(
            Name::TooLargeForLambda,
            "reading the whole release takes longer than the function has: give it more memory (its network grows with it) and its full 15 \
             minutes, verify fewer targets in one invocation, or use the mode \"reach\", which downloads nothing",
        ),
        Mode::Reach => Error::new(
            Name::RegistryUnavailable,
            "not everything could be asked for in the time that the function has: the registries answer too slowly, or there are too many \
             images and targets for one invocation",
        ),
    }
}

fn answer(skipped: bool, by: By, mode: Mode, pulled: Pulled) -> FunctionOutput {
    let fields = json!({
        "skipped": skipped,
        "images_verified": pulled.images,
        "mode": mode.as_str(),
        "by": by.as_str(),
        "blobs": pulled.blobs,
        "bytes_read": pulled.bytes_read,
        "requests": pulled.requests,
    });
    FunctionOutput::new(fields, Metrics::default().with(Metric::Requests, pulled.requests))
}
