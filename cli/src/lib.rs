//! The command line of Transship: `deploy-manifest.json` in, images promoted, on a laptop or in a build job.

mod arguments;
mod command;
mod connect;
mod display;
mod doing;
mod failure;
mod logging;
mod manual;
mod output;
mod release;
mod role_arn;
mod stop;
mod text;
mod watch;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command, Work};
use watch::Watch;

/// Runs the program with the arguments of this process.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let written = match arguments.command {
        Command::Completions { shell } => write(&completions(shell)),
        Command::Man => man().and_then(|page| write(&page)),
        Command::Work(asked) => return work(&asked),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn work(asked: &Work) -> ExitCode {
    let usage = |what: &str| {
        let _ = writeln!(std::io::stderr(), "error: {what}");
        ExitCode::from(2)
    };
    let failed = |what: &str, error| {
        let _ = writeln!(std::io::stderr(), "error: {what}: {error}");
        ExitCode::FAILURE
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
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
    let result = runtime.block_on(async {
        let watch = Watch::default();
        watch.attend(Box::pin(command::run(asked, &watch)), stop, output).await
    });
    // A thread that still waits for a name server or for standard input is not waited for.
    runtime.shutdown_background();
    let (text, code) = match result {
        Ok(answer) => (answer.render(output), ExitCode::SUCCESS),
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "error: {}: {}", failure.error.name(), failure.error);
            (failure.render(output), failure.code())
        }
    };
    match write(text.as_bytes()) {
        Ok(()) => code,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Writes to stdout. Who reads no further has enough: that is no error.
fn write(text: &[u8]) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
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
