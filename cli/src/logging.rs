//! What the engine logs, on stderr; and its retries, which are shown also where nothing else of that is.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use oci::text::{Sanitizing, sanitize_line};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// The crates whose lines are let through at the level that is asked for.
///
/// Everything else only warns, whatever is asked for: HTTP and SDK crates write headers at their finer levels, and with
/// them tokens.
const OURS: [&str; 3] = ["cli", "promotion", "registry"];

/// Who says that a request is made again.
const RETRIES: &str = "promotion::retry";

/// The retries since this was last called.
static RETRIED: Mutex<Retried> = Mutex::new(Retried { count: 0, last: String::new() });

/// Requests that are made again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Retried {
    pub(crate) count: u64,
    /// Why the last one is.
    pub(crate) last: String,
}

impl Retried {
    /// What was retried since this was asked last; none if nothing was.
    pub(crate) fn take() -> Option<Self> {
        let retried = std::mem::take(&mut *RETRIED.lock().unwrap_or_else(PoisonError::into_inner));
        (retried.count > 0).then_some(retried)
    }
}

/// Writes to stderr what the engine logs: what `RUST_LOG` asks for; else warnings, and with `--verbose` each request.
///
/// # Errors
/// Why `RUST_LOG` cannot be read.
pub(crate) fn init(verbose: bool) -> Result<(), String> {
    let asked = std::env::var("RUST_LOG").ok().filter(|text| !text.trim().is_empty());
    let directives = match &asked {
        Some(directives) => directives.as_str(),
        None if verbose => "warn,cli=debug,promotion=debug,registry=debug",
        None => "warn",
    };
    let filter =
        EnvFilter::try_new(directives).map_err(|error| format!("RUST_LOG: {}", sanitize_line(&error.to_string())))?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| Sanitizing(std::io::stderr()))
        .with_ansi(false)
        .with_target(false);
    let lines = match verbose || asked.is_some() {
        true => lines.boxed(),
        false => lines.without_time().boxed(),
    };
    let lines = lines.with_filter(filter).with_filter(filter_fn(is_harmless));
    let retries = CountRetries.with_filter(filter_fn(|event| event.target().starts_with(RETRIES)));
    // Only a second subscriber is refused, and the first one does.
    let _ = tracing_subscriber::registry().with(lines).with(retries).try_init();
    Ok(())
}

fn is_harmless(event: &Metadata<'_>) -> bool {
    let of = event.target().split("::").next().unwrap_or_default();
    // What the SDK warns of while it looks for credentials is in the error too, there without dumps of its types.
    let most = if of == "aws_config" { Level::ERROR } else { Level::WARN };
    *event.level() <= most || OURS.contains(&of)
}

struct CountRetries;

impl<S: Subscriber> Layer<S> for CountRetries {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut why = Why(None);
        event.record(&mut why);
        if let Why(Some(why)) = why {
            let mut retried = RETRIED.lock().unwrap_or_else(PoisonError::into_inner);
            retried.count += 1;
            retried.last = why;
        }
    }
}

/// The error that an event is about.
struct Why(Option<String>);

impl Visit for Why {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "error" {
            self.0 = Some(format!("{value:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_counted_whatever_is_logged() {
        let subscriber = tracing_subscriber::registry()
            .with(CountRetries.with_filter(filter_fn(|event| event.target().starts_with(RETRIES))));
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(target: "promotion::retry", attempt = 1, error = %"throttled", "retrying");
            tracing::debug!(target: "promotion::retry", attempt = 2, error = %"down", "retrying");
            tracing::debug!(target: "promotion::other", error = %"elsewhere", "failed");
        });
        assert_eq!(Retried::take(), Some(Retried { count: 2, last: "down".into() }));
        assert_eq!(Retried::take(), None);
    }
}
