use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use promotion::{Error, Name};
use serde_json::{Map, Value};
use tracing::Instrument;

use crate::aws_failure::causes;
use crate::metrics::Labels;
use crate::runtime::{Next, Runtime};
use crate::{Aws, Diagnostic, Event, Invocation, Metric, Metrics, diagnostic, logging, overrun};

/// What an invocation answers, and what is measured of it.
#[derive(Debug, Clone, Default)]
pub struct FunctionOutput {
    /// The fields of the answer. `seconds` is added to them.
    pub fields: Map<String, Value>,
    /// The metrics. `Seconds` and `Failures` are added to them.
    pub metrics: Metrics,
}

impl FunctionOutput {
    /// An answer of these fields.
    #[must_use]
    pub fn new(fields: Value, metrics: Metrics) -> Self {
        let fields = match fields {
            Value::Object(fields) => fields,
            other => Map::from_iter([("answer".to_owned(), other)]),
        };
        Self { fields, metrics }
    }
}

/// Serves invocations, one after the other, for as long as Lambda lets this process live.
///
/// # Errors
/// `InvalidInput` if this process was not started by Lambda, `RegistryUnavailable` if Lambda's runtime interface cannot
/// be reached.
pub async fn serve<F, W>(function: &'static str, handle: F) -> Result<(), Error>
where
    F: Fn(Invocation) -> W,
    W: Future<Output = Result<FunctionOutput, Error>>,
{
    logging::init();
    let aws = Arc::new(Aws::load().await);
    let runtime = Runtime::of_environment()?;
    loop {
        let next = runtime.next().await?;
        // What was sent is others' word: it is read here, and a panic over it is an answer like every other.
        let event = serde_json::from_slice(&next.event);
        let labels = Labels::of(function, event.as_ref().unwrap_or(&Value::Null), &next.request_id);
        let Labels { repo, env, sk, request_id, .. } = &labels;
        let span = tracing::info_span!("invocation", function, request_id, repo, env, sk);
        let work = serve_one(event, &next, &labels, aws.clone(), &handle).instrument(span);
        let result = AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| Err(panicked()));
        runtime.answer(&next, &result).await?;
    }
}

/// What the panic said is in the log; state machines know no name for it.
fn panicked() -> Diagnostic {
    Diagnostic {
        error_type: "Panic".into(),
        error_message: "a fault of this program: the log of the function has what it says of itself".into(),
    }
}

async fn serve_one<F, W>(
    event: Result<Value, serde_json::Error>,
    next: &Next,
    labels: &Labels<'_>,
    aws: Arc<Aws>,
    handle: &F,
) -> Result<Map<String, Value>, Diagnostic>
where
    F: Fn(Invocation) -> W,
    W: Future<Output = Result<FunctionOutput, Error>>,
{
    let begin = Instant::now();
    let result = match event {
        Ok(event) => in_time(&event, next, aws, handle).await.map_err(overrun::advise),
        Err(error) => Err(unreadable(&error)),
    };
    let seconds = (begin.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    match result {
        Ok(mut answer) => {
            answer.fields.insert("seconds".into(), seconds.into());
            answer.metrics.with_seconds(seconds).with(Metric::Failures, 0).emit(labels, None);
            tracing::info!(seconds, "done");
            Ok(answer.fields)
        }
        Err(error) => {
            Metrics::default().with_seconds(seconds).with(Metric::Failures, 1).emit(labels, Some(error.name()));
            let cause = std::error::Error::source(&error).map(causes);
            tracing::error!(name = error.name().as_str(), seconds, cause, "{error}");
            Err(diagnostic(&error))
        }
    }
}

/// The event is no JSON, or JSON that nothing here can hold: nested more than 127 deep, a number like `1e400`, half of a
/// surrogate pair. Where in it does not matter, because all of it is read.
fn unreadable(error: &serde_json::Error) -> Error {
    Error::new(Name::InvalidInput, format!("the event cannot be read as JSON: {error}"))
}

async fn in_time<F, W>(event: &Value, next: &Next, aws: Arc<Aws>, handle: &F) -> Result<FunctionOutput, Error>
where
    F: Fn(Invocation) -> W,
    W: Future<Output = Result<FunctionOutput, Error>>,
{
    let invocation = Invocation::new(Event::parse(event)?, next, aws);
    let deadline = invocation.deadline;
    // Some handlers are large, and a future is moved about before it is first polled.
    let work = Box::pin(handle(invocation));
    let Some(deadline) = deadline else { return work.await };
    tokio::time::timeout_at(deadline.answer, work).await.unwrap_or_else(|_| {
        let what = "AWS did not answer everything that was asked before the time of the function was over: give the function more time";
        Err(Error::new(Name::RegistryUnavailable, what))
    })
}
