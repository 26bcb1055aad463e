use std::process::ExitCode;

use promotion::Error;
use serde_json::json;

use crate::arguments::Output;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Whether the command line itself is wrong.
    pub(crate) is_usage: bool,
}

impl Failure {
    /// Something is wrong with the command line, found before anything was sent.
    pub(crate) fn usage(error: Error) -> Self {
        Self { error, is_usage: true }
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(if self.is_usage { 2 } else { 1 })
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
        Self { error, is_usage: false }
    }
}
