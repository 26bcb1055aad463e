//! The command line of Transship: `deploy-manifest.json` in, images promoted, on a laptop or in a build job.

mod arguments;
mod aws;
mod command;
mod connect;
mod display;
mod doing;
mod failure;
mod help;
mod logging;
mod manual;
mod network;
mod output;
mod release;
mod role_arn;
mod stop;
mod text;
mod usage;
mod watch;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use clap::CommandFactory;

use arguments::{Arguments, Command, Work};
use watch::Watch;

/// Runs the program with the arguments of this process.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by SIGINT, 143 stopped by SIGTERM.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match usage::arguments() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let written = match arguments.command {
        Command::Completions { shell } => write(&completions(shell)),
        Command::Man => man().and_then(|page| write(&page)),
        Command::Work(asked) => return work(asked),
    };
    written.map_or_else(unwritten, |()| ExitCode::SUCCESS)
}

/// As many as there are processors, and two at least: one that is blocked does not keep the other from hearing signals.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).max(2)
}

fn work(asked: Work) -> ExitCode {
    let usage = |what: &str| {
        let _ = writeln!(std::io::stderr(), "error: {what}");
        ExitCode::from(2)
    };
    let failed = |what: &str, error| {
        let _ = writeln!(std::io::stderr(), "error: {what}: {error}");
        ExitCode::FAILURE
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(threads()).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed("no threads can be started", error),
    };
    let stop = match runtime.block_on(async { stop::Stop::new() }) {
        Ok(stop) => stop,
        Err(error) => return failed("signals cannot be waited for", error),
    };
    let output = asked.output();
    if let Err(wrong) = logging::init(output.verbose) {
        return usage(&wrong);
    }
    let watch = Arc::new(Watch::default());
    let work = {
        let watch = Arc::clone(&watch);
        move || Box::pin(async move { command::run(&asked, &watch).await })
    };
    let result = runtime.block_on(watch.attend(work, stop, output));
    // A thread that still waits for a name server or for standard input is not waited for.
    runtime.shutdown_background();
    let (text, code) = match result {
        Ok(answer) => (answer.render(output), ExitCode::SUCCESS),
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "error: {}: {}", failure.error.name(), failure.error);
            (failure.render(output), failure.code())
        }
    };
    write(text.as_bytes()).map_or_else(unwritten, |()| code)
}

fn write(text: &[u8]) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text).and_then(|()| stdout.flush())
}

/// An answer that cannot be written is a failure, whatever it would have said: a script would take it for one without
/// images.
fn unwritten(error: std::io::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: stdout cannot be written: {error}");
    ExitCode::FAILURE
}

fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "transship", &mut script);
    script
}

fn man() -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    manual::render(&mut page)?;
    Ok(page)
}
