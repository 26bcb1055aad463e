use tracing_subscriber::EnvFilter;

/// Writes what the engine logs to stderr: warnings, and with `--verbose` what it does.
///
/// Foreign crates only warn, whatever is set: HTTP and SDK crates write headers at their finer levels, and with them
/// tokens.
pub(crate) fn init(verbose: bool) {
    let filter = if verbose { "warn,cli=debug,promotion=debug,registry=debug" } else { "warn" };
    let logs = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    let result = if verbose { logs.try_init() } else { logs.without_time().try_init() };
    // Only a second subscriber is refused, and the first one does.
    let _ = result;
}
