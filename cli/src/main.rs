//! `transship`: promotes container images between registries.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
