use std::process::ExitCode;

use promotion::Error;
use serde_json::json;

use crate::arguments::Output;
use crate::stop::StopSignal;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) kind: Kind,
}

/// What the exit code tells of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The command line itself is wrong.
    Usage,
    /// The work failed.
    Work,
    /// It was stopped.
    Stopped(StopSignal),
}

impl Failure {
    /// Something is wrong with the command line, found before anything was sent.
    pub(crate) fn usage(error: Error) -> Self {
        Self { error, kind: Kind::Usage }
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::Usage => 2,
            Kind::Work => 1,
            Kind::Stopped(signal) => signal.exit_code(),
        })
    }

    /// What goes to stdout: with `--json` one object, whatever failed once the work had begun.
    pub(crate) fn render(&self, output: Output) -> String {
        match output.json {
            true => {
                let error = json!({ "name": self.error.name().as_str(), "message": self.error.to_string() });
                format!("{}\n", json!({ "error": error }))
            }
            false => String::new(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, kind: Kind::Work }
    }
}
