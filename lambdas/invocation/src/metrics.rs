use std::io::Write;
use std::time::SystemTime;

use oci::text::truncate;
use promotion::Name;
use serde_json::{Map, Value, json};

/// What is measured of an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Metric {
    ImagesPromoted,
    BytesCopied,
    BytesPresent,
    BlobsMounted,
    Requests,
    Seconds,
    Failures,
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::ImagesPromoted => "ImagesPromoted",
            Self::BytesCopied => "BytesCopied",
            Self::BytesPresent => "BytesPresent",
            Self::BlobsMounted => "BlobsMounted",
            Self::Requests => "Requests",
            Self::Seconds => "Seconds",
            Self::Failures => "Failures",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::BytesCopied | Self::BytesPresent => "Bytes",
            Self::Seconds => "Seconds",
            _ => "Count",
        }
    }
}

/// The metrics of one invocation, in the embedded metric format of CloudWatch: a line of the log that becomes metrics
/// there, without a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics(Vec<(Metric, Value)>);

impl Metrics {
    /// The same with a number more.
    #[must_use]
    pub fn with(mut self, metric: Metric, value: u64) -> Self {
        self.0.push((metric, value.into()));
        self
    }

    pub(crate) fn with_seconds(mut self, seconds: f64) -> Self {
        self.0.push((Metric::Seconds, seconds.into()));
        self
    }

    /// Writes the line to where Lambda looks for it.
    pub(crate) fn emit(&self, labels: &Labels<'_>, failure: Option<Name>) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let line = self.line(labels, failure, u64::try_from(now.as_millis()).unwrap_or_default());
        // A log that cannot be written is no reason to fail a promotion.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }

    fn line(&self, labels: &Labels<'_>, failure: Option<Name>, milliseconds: u64) -> Value {
        let metrics: Vec<_> =
            self.0.iter().map(|(metric, _)| json!({ "Name": metric.name(), "Unit": metric.unit() })).collect();
        let mut line = Map::new();
        line.insert(
            "_aws".into(),
            json!({
                "Timestamp": milliseconds,
                "CloudWatchMetrics": [{ "Namespace": "Transship", "Dimensions": [["Function", "Env"]], "Metrics": metrics }],
            }),
        );
        let Labels { function, env, repo, sk, request_id } = labels;
        for (label, value) in
            [("Function", *function), ("Env", env), ("Repo", repo), ("Build", sk), ("RequestId", request_id)]
        {
            line.insert(label.into(), value.into());
        }
        if let Some(name) = failure {
            line.insert("Error".into(), name.as_str().into());
        }
        line.extend(self.0.iter().map(|(metric, value)| (metric.name().into(), value.clone())));
        line.into()
    }
}

/// What a line of metrics is about. Only the function and the environment are dimensions: each combination of
/// dimensions is a metric of its own, and has its price.
#[derive(Debug, Clone)]
pub(crate) struct Labels<'a> {
    pub(crate) function: &'a str,
    pub(crate) env: String,
    pub(crate) repo: String,
    pub(crate) sk: String,
    pub(crate) request_id: &'a str,
}

/// No label is longer than this, in characters: what an event says is in it before anything has looked at it.
const LONGEST: usize = 256;

impl<'a> Labels<'a> {
    /// Those of an invocation with this event.
    pub(crate) fn of(function: &'a str, event: &Value, request_id: &'a str) -> Self {
        let text = |field| {
            event.get(field).and_then(Value::as_str).map_or_else(|| "unknown".into(), |text| truncate(text, LONGEST))
        };
        Self { function, env: text("env"), repo: text("repo"), sk: text("sk"), request_id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_shape_that_cloudwatch_reads() {
        let labels = Labels {
            function: "promote-images",
            env: "dev".into(),
            repo: "myapp".into(),
            sk: "42".into(),
            request_id: "r-1",
        };
        let metrics = Metrics::default().with(Metric::BytesCopied, 7).with(Metric::Failures, 1).with_seconds(1.5);
        assert_eq!(
            metrics.line(&labels, Some(Name::TagConflict), 1_795_000_000_000),
            json!({
                "_aws": {
                    "Timestamp": 1_795_000_000_000_u64,
                    "CloudWatchMetrics": [{
                        "Namespace": "Transship",
                        "Dimensions": [["Function", "Env"]],
                        "Metrics": [
                            { "Name": "BytesCopied", "Unit": "Bytes" },
                            { "Name": "Failures", "Unit": "Count" },
                            { "Name": "Seconds", "Unit": "Seconds" },
                        ],
                    }],
                },
                "Function": "promote-images", "Env": "dev", "Repo": "myapp", "Build": "42", "RequestId": "r-1", "Error": "TagConflict",
                "BytesCopied": 7, "Failures": 1, "Seconds": 1.5,
            })
        );
        assert!(!metrics.line(&labels, None, 0).to_string().contains('\n'));
    }
}
