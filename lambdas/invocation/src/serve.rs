use std::sync::Arc;
use std::time::Instant;

use promotion::{Error, Name};
use serde_json::{Map, Value};
use tokio::runtime::Handle;
use tokio::task::JoinError;
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
    F: Fn(Invocation) -> W + Clone + Send + 'static,
    W: Future<Output = Result<FunctionOutput, Error>>,
{
    logging::init();
    let aws = Arc::new(Aws::load().await);
    let runtime = Runtime::of_environment()?;
    loop {
        let next = runtime.next().await?;
        let event = serde_json::from_slice(&next.event);
        let labels = Labels::of(function, event.as_ref().unwrap_or(&Value::Null), &next.request_id);
        let Labels { repo, env, sk, request_id, .. } = &labels;
        let span = tracing::info_span!("invocation", function, request_id, repo, env, sk);
        let result = serve_one(event, &next, &labels, aws.clone(), &handle).instrument(span).await;
        runtime.answer(&next, &result).await?;
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
    F: Fn(Invocation) -> W + Clone + Send + 'static,
    W: Future<Output = Result<FunctionOutput, Error>>,
{
    let begin = Instant::now();
    let result = match event.map_err(|error| unreadable(&error)).and_then(|event| Event::parse(&event)) {
        Ok(event) => in_time(Invocation::new(event, next, aws), handle).await,
        Err(error) => Ok(Err(error)),
    };
    let seconds = (begin.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    match result.map(|result| result.map_err(overrun::advise)) {
        Ok(Ok(mut answer)) => {
            answer.fields.insert("seconds".into(), seconds.into());
            answer.metrics.with_seconds(seconds).with(Metric::Failures, 0).emit(labels, None);
            tracing::info!(seconds, "done");
            Ok(answer.fields)
        }
        Ok(Err(error)) => {
            Metrics::default().with_seconds(seconds).with(Metric::Failures, 1).emit(labels, Some(error.name()));
            let cause = std::error::Error::source(&error).map(causes);
            tracing::error!(name = error.name().as_str(), seconds, cause, "{error}");
            Err(diagnostic(&error))
        }
        Err(panicked) => {
            Metrics::default().with_seconds(seconds).with(Metric::Failures, 1).emit(labels, None);
            tracing::error!(seconds, "{panicked}");
            let error_message = "a fault of this program: the log of the function has what it says of itself".into();
            // State machines know no name for it.
            Err(Diagnostic { error_type: "Panic".into(), error_message })
        }
    }
}

/// The event is no JSON, or JSON that nothing here can hold: nested more than 127 deep, a number like `1e400`, half of a
/// surrogate pair. Where in it does not matter, because all of it is read.
fn unreadable(error: &serde_json::Error) -> Error {
    Error::new(Name::InvalidInput, format!("the event cannot be read as JSON: {error}"))
}

/// Does what is asked for in the time that there is.
///
/// On a thread of its own: work that computes for long, as connecting to a thousand targets does, keeps no clock from
/// being looked at, and a panic ends this invocation and not the process.
async fn in_time<F, W>(invocation: Invocation, handle: &F) -> Result<Result<FunctionOutput, Error>, JoinError>
where
    F: Fn(Invocation) -> W + Clone + Send + 'static,
    W: Future<Output = Result<FunctionOutput, Error>>,
{
    let (handle, span) = (handle.clone(), tracing::Span::current());
    let end = invocation.deadline.map(|deadline| deadline.answer);
    // Late work ends as soon as it looks at the clock itself.
    let work = move || Handle::current().block_on(before(end, Box::pin(handle(invocation).instrument(span))));
    let done = before(end, tokio::task::spawn_blocking(work)).await.transpose()?;
    Ok(done.flatten().unwrap_or_else(|| {
        let what = "AWS did not answer everything that was asked before the time of the function was over: give the function more time";
        Err(Error::new(Name::RegistryUnavailable, what))
    }))
}

/// What comes of it before then, if there is an end; none once that is there.
async fn before<T>(end: Option<tokio::time::Instant>, future: impl Future<Output = T>) -> Option<T> {
    match end {
        Some(end) => tokio::time::timeout_at(end, future).await.ok(),
        None => Some(future.await),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::event::tests::least;

    /// An invocation with so much time. That begins when all else is there, which may take longer.
    async fn invocation(left: Duration) -> Invocation {
        let (event, aws) = (Event::parse(&least()).unwrap(), Arc::new(Aws::load().await));
        Invocation::new(event, &Next::ending(SystemTime::now() + left), aws)
    }

    /// As 1,000 targets did with three seconds: their clients were made without a pause, and the clock was looked at
    /// when they were done.
    #[tokio::test]
    async fn work_that_never_pauses_does_not_outlast_the_deadline() {
        let (done, waits) = std::sync::mpsc::channel::<()>();
        let waits = Arc::new(std::sync::Mutex::new(waits));
        let handle = move |_| {
            let waits = waits.clone();
            async move {
                // Until the answer has been given.
                let _ = waits.lock().unwrap().recv();
                Ok(FunctionOutput::default())
            }
        };
        let result = in_time(invocation(Duration::from_millis(200)).await, &handle).await.unwrap();
        drop(done);
        assert_eq!(result.unwrap_err().name(), Name::RegistryUnavailable);
    }

    #[tokio::test]
    async fn a_panic_is_answered() {
        let next = Next::ending(SystemTime::now() + Duration::from_secs(60));
        let labels = Labels::of("f", &Value::Null, "r");
        let handle = |_| async { panic!("a fault") };
        let aws = Arc::new(Aws::load().await);
        let result = serve_one(Ok(least()), &next, &labels, aws, &handle).await;
        assert_eq!(result.unwrap_err().error_type, "Panic");
    }
}
