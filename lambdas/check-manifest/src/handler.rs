use invocation::{
    Artifacts, FunctionOutput, Invocation, Metric, Metrics, RolePurpose, StackParameters, Targets, encode, reached,
    sentences,
};
use oci::{Digest, Registry};
use promotion::{
    Error, Limits, Name, PinnedImage, Promotion, Release, RetryPolicy, Retrying, Source, Tally, TargetPlan,
};
use registry::{AnyRegistry, Ecr, Side};
use serde_json::{Value, json};

use crate::{expiry, stack};

/// The longest answer, in bytes: what comes to it in a state machine has to fit into 256 KiB with it.
const MAX_ANSWER_BYTES: usize = 230 << 10;

/// Checks a release, and reports all that is wrong with it together.
pub(crate) async fn handle(invocation: Invocation) -> Result<FunctionOutput, Error> {
    let artifacts = invocation.artifacts();
    let (release, parameters) = tokio::join!(artifacts.release(), artifacts.stack_parameters());
    let (release, parameters) = both(release, parameters)?;
    let mut warnings = Vec::new();
    if parameters.is_none() {
        warnings.push(stack::no_file(&invocation.event));
    }
    let parameters = parameters.unwrap_or_default();
    let Some(release) = release else {
        tracing::info!("the release has no deploy-manifest.json: nothing to check");
        return skipped(&parameters, &warnings);
    };
    let targets = invocation.targets().await?;
    let checked = Box::pin(check(&invocation, &targets, release)).await?;
    let registry = checked.registry(&targets).await?;
    let (parameters, overridden) = stack::fill(parameters, &checked.images, registry.as_ref());
    warnings.extend(overridden);
    warnings.extend(checked.moving.iter().cloned());
    if checked.plan.manifests_put > 0 {
        let repositories = checked.images.iter().map(|image| image.repository.clone());
        warnings.extend(expiry::warnings(&checked.targets, repositories.collect()).await);
    }
    let warnings = sentences("warnings", warnings);
    let source = Retrying::new(checked.source.clone(), RetryPolicy::default()).registry().await?;
    answer(&artifacts, &checked, &source, &parameters, &warnings).await
}

/// A release without a problem.
struct Checked {
    images: Vec<PinnedImage>,
    plan: Tally,
    /// Of each tag that is to move, from what.
    moving: Vec<String>,
    source: AnyRegistry,
    targets: Vec<Ecr>,
}

impl Checked {
    /// The registry that the parameters of the stack name: that of the one target, and none of several, because a stack
    /// set gives all its stacks the same parameters.
    async fn registry(&self, targets: &Targets) -> Result<Option<Registry>, Error> {
        let is_needed = self.images.iter().any(|image| image.parameter.is_some()) && !targets.is_list;
        match self.targets.first().filter(|_| is_needed) {
            Some(target) => Retrying::new(target.clone(), RetryPolicy::default()).registry().await.map(Some),
            None => Ok(None),
        }
    }

    fn requests(&self) -> u64 {
        self.source.requests() + self.targets.iter().map(Source::requests).sum::<u64>()
    }
}

/// Surveys the source and all targets that can be reached. A target that cannot does not keep the others from being
/// looked at.
async fn check(invocation: &Invocation, targets: &Targets, release: Release) -> Result<Checked, Error> {
    let referrer_policy = invocation.referrer_policy()?;
    let (connected, source) =
        tokio::join!(invocation.connect(targets, RolePurpose::Pull, Side::Target), invocation.source());
    let (registries, mut problems) = reached(connected?);
    let source = match source {
        Ok(source) => source,
        Err(error) => {
            problems.push(error);
            return Err(all(problems));
        }
    };
    let promotion = Promotion::new(source.clone(), registries.clone(), RetryPolicy::default(), Limits::default());
    let survey = promotion.with_referrers(referrer_policy).survey(release).await;
    let images = survey.images().to_vec();
    let plan = survey.judge().map(|approved| {
        let plan = approved.plan();
        (plan.tally(), plan.moving_tags().map(moving).collect())
    });
    match plan {
        Ok((plan, moving)) if problems.is_empty() => Ok(Checked { images, plan, moving, source, targets: registries }),
        Ok(_) => Err(all(problems)),
        Err(error) => {
            problems.push(error);
            Err(all(problems))
        }
    }
}

/// A tag that is to move, and from what.
fn moving((target, image, previous): (&TargetPlan, &PinnedImage, Digest)) -> String {
    format!("{image} in {} moves from {previous} to {}", target.name, image.digest)
}

async fn answer(
    artifacts: &Artifacts<'_>,
    checked: &Checked,
    source: &Registry,
    parameters: &StackParameters,
    warnings: &[String],
) -> Result<FunctionOutput, Error> {
    let (json, is_long) = encode(&checked.images)?;
    let pinned: Value = match is_long {
        true => json!(artifacts.store_pinned(json).await?),
        false => json!(checked.images),
    };
    let plan = checked.plan;
    let requests = checked.requests();
    let fields = json!({
        "skipped": false,
        "source": source,
        "pinned": pinned,
        "image_count": checked.images.len(),
        "parameters": parameters,
        "image_parameters": stack::image_parameters(&checked.images),
        "plan": {
            "blobs_to_copy": plan.blobs_copied,
            "bytes_to_copy": plan.bytes_copied,
            "blobs_to_mount": plan.blobs_mounted,
            "blobs_present": plan.blobs_present,
            "bytes_present": plan.bytes_present,
            "manifests_to_put": plan.manifests_put,
            "tags_to_put": plan.tags_put,
            "tags_to_move": checked.moving.len(),
        },
        "warnings": warnings,
        "requests": requests,
    });
    fitting(FunctionOutput::new(fields, Metrics::default().with(Metric::Requests, requests)))
}

fn skipped(parameters: &StackParameters, warnings: &[String]) -> Result<FunctionOutput, Error> {
    let fields = json!({
        "skipped": true, "pinned": [], "image_count": 0, "parameters": parameters, "image_parameters": [],
        "warnings": warnings, "requests": 0,
    });
    fitting(FunctionOutput::new(fields, Metrics::default().with(Metric::Requests, 0)))
}

fn fitting(answer: FunctionOutput) -> Result<FunctionOutput, Error> {
    let bytes = Value::Object(answer.fields.clone()).to_string().len();
    if bytes <= MAX_ANSWER_BYTES {
        return Ok(answer);
    }
    Err(Error::new(
        Name::InvalidInput,
        format!(
            "the answer has {bytes} bytes, and a state machine passes on {MAX_ANSWER_BYTES} at most: the parameters of the stack are too long, \
             put some of them into SSM"
        ),
    ))
}

fn both<A, B>(a: Result<A, Error>, b: Result<B, Error>) -> Result<(A, B), Error> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (a, b) => Err(all(a.err().into_iter().chain(b.err()).collect())),
    }
}

fn all(errors: Vec<Error>) -> Error {
    Error::all(errors).unwrap_or_else(|| Error::new(Name::InvalidInput, "no problem found"))
}
