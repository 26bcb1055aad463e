use std::sync::Arc;
use std::time::Instant;

use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use promotion::{Error, Name};
use serde_json::{Map, Value};
use tracing::Instrument;

use crate::aws_failure::causes;
use crate::metrics::Labels;
use crate::{Aws, Event, Invocation, Metric, Metrics, diagnostic, logging, overrun};

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
/// If Lambda's runtime interface cannot be reached.
pub async fn serve<F, W>(function: &'static str, handle: F) -> Result<(), lambda_runtime::Error>
where
    F: Fn(Invocation) -> W,
    W: Future<Output = Result<FunctionOutput, Error>>,
{
    logging::init();
    let aws = Arc::new(Aws::load().await);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let span = tracing::info_span!(
            "invocation",
            function,
            request_id = event.context.request_id,
            repo = event.payload.get("repo").and_then(serde_json::Value::as_str),
            env = event.payload.get("env").and_then(serde_json::Value::as_str),
            sk = event.payload.get("sk").and_then(serde_json::Value::as_str),
        );
        serve_one(function, event, aws.clone(), &handle).instrument(span)
    }))
    .await
}

async fn serve_one<F, W>(
    function: &str,
    event: LambdaEvent<Value>,
    aws: Arc<Aws>,
    handle: &F,
) -> Result<Value, Diagnostic>
where
    F: Fn(Invocation) -> W,
    W: Future<Output = Result<FunctionOutput, Error>>,
{
    let begin = Instant::now();
    let LambdaEvent { payload, context } = event;
    let result = in_time(&payload, &context, aws, handle).await.map_err(overrun::advise);
    let seconds = (begin.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    let text = |field| payload.get(field).and_then(Value::as_str).unwrap_or("unknown");
    let labels = Labels {
        function,
        env: text("env"),
        repo: text("repo"),
        sk: text("sk"),
        request_id: &context.request_id,
        failure: result.as_ref().err().map(Error::name),
    };
    match result {
        Ok(mut answer) => {
            answer.fields.insert("seconds".into(), seconds.into());
            answer.metrics.with_seconds(seconds).with(Metric::Failures, 0).emit(&labels);
            tracing::info!(seconds, "done");
            Ok(answer.fields.into())
        }
        Err(error) => {
            Metrics::default().with_seconds(seconds).with(Metric::Failures, 1).emit(&labels);
            let cause = std::error::Error::source(&error).map(causes);
            tracing::error!(name = error.name().as_str(), seconds, cause, "{error}");
            Err(diagnostic(&error))
        }
    }
}

async fn in_time<F, W>(payload: &Value, context: &Context, aws: Arc<Aws>, handle: &F) -> Result<FunctionOutput, Error>
where
    F: Fn(Invocation) -> W,
    W: Future<Output = Result<FunctionOutput, Error>>,
{
    let invocation = Invocation::new(Event::parse(payload)?, context, aws);
    let deadline = invocation.deadline;
    // Some handlers are large, and a future is moved about before it is first polled.
    let work = Box::pin(handle(invocation));
    let Some(deadline) = deadline else { return work.await };
    tokio::time::timeout_at(deadline.answer, work).await.unwrap_or_else(|_| {
        let what = "AWS did not answer everything that was asked before the time of the function was over: give the function more time";
        Err(Error::new(Name::RegistryUnavailable, what))
    })
}
