use std::str::FromStr;

use oci::text::Sanitizing;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

/// The crates whose lines are let through at the level that is set.
///
/// Everything else only warns, whatever is set: HTTP and SDK crates write headers at their finer levels, and with them
/// tokens.
const OURS: [&str; 6] = ["check_manifest", "invocation", "promote_images", "promotion", "registry", "verify_pull"];

/// Structured logs on stderr, one JSON object per line, at the level that Lambda's logging configuration sets
/// (`AWS_LAMBDA_LOG_LEVEL`), else `RUST_LOG`.
pub(crate) fn init() {
    let level = ["AWS_LAMBDA_LOG_LEVEL", "RUST_LOG"].iter().find_map(|name| std::env::var(name).ok()).and_then(level);
    let logs = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .with_env_filter(EnvFilter::new(directives(level.unwrap_or(LevelFilter::INFO))))
        .with_writer(|| Sanitizing(std::io::stderr()));
    // Only a second subscriber is refused, and the first one does.
    let _ = logs.try_init();
}

fn level(word: String) -> Option<LevelFilter> {
    match word.to_ascii_uppercase().as_str() {
        // Lambda's word for the highest level.
        "FATAL" => Some(LevelFilter::ERROR),
        word => LevelFilter::from_str(word).ok(),
    }
}

fn directives(level: LevelFilter) -> String {
    let others = level.min(LevelFilter::WARN).to_string();
    OURS.iter().fold(others, |directives, target| format!("{directives},{target}={level}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_level_lets_foreign_crates_tell_more_than_warnings() {
        assert!(directives(LevelFilter::TRACE).starts_with("warn,check_manifest=trace,"));
        assert!(directives(LevelFilter::ERROR).starts_with("error,check_manifest=error,"));
        assert_eq!(EnvFilter::new(directives(LevelFilter::DEBUG)).max_level_hint(), Some(LevelFilter::DEBUG));
        assert_eq!(level("Fatal".into()), Some(LevelFilter::ERROR));
        assert_eq!(level("debug".into()), Some(LevelFilter::DEBUG));
        assert_eq!(level("promotion=trace".into()), None);
    }
}
