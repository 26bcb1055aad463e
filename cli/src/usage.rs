//! The arguments of this process; and what is said where they are wrong, which repeats them, without what is secret in
//! them.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use oci::Secrets;
use oci::text::sanitize;
use registry::external_id_secrets;

use crate::arguments::Arguments;
use crate::{unwritten, write};

/// Reads the arguments of this process. Where they are wrong, or ask for help, that is written, and the exit code
/// returned.
pub(crate) fn arguments() -> Result<Arguments, ExitCode> {
    let given: Vec<String> = std::env::args_os().map(|given| given.to_string_lossy().into_owned()).collect();
    for secrets in secrets(&given) {
        secrets.keep();
    }
    Arguments::try_parse().map_err(|wrong| say(&wrong))
}

/// What no message may repeat of arguments, wherever among them it was put: passwords in addresses, and the external id.
fn secrets(given: &[String]) -> impl Iterator<Item = Secrets> {
    // Images and roles may have both signs in them, and no password.
    let are_addresses = given.iter().filter(|text| !text.contains("@sha256:") && !text.contains("arn:aws"));
    let in_addresses = are_addresses.map(|text| Secrets::of_address(text));
    let after =
        given.iter().zip(given.iter().skip(1)).filter(|(flag, _)| *flag == "--external-id").map(|(_, id)| id.as_str());
    let ids = after.chain(given.iter().filter_map(|text| text.strip_prefix("--external-id=")));
    in_addresses.chain([external_id_secrets(ids)])
}

fn say(wrong: &clap::Error) -> ExitCode {
    let text = wrong.render().to_string();
    if !wrong.use_stderr() {
        return write(text.as_bytes()).map_or_else(unwritten, |()| ExitCode::SUCCESS);
    }
    let _ = write!(std::io::stderr(), "{}", sanitize(text));
    u8::try_from(wrong.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}
