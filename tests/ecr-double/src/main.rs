//! `ecr-double`: the stand-in for ECR as a process of its own. Prints one line of JSON with its endpoints when ready,
//! and ends on SIGTERM, on SIGINT, and with `--exit-with-parent` when its standard input closes.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use ecr_double::{Config, EcrDouble, RegistryId};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
Usage: ecr-double [OPTIONS]
  --registry ACCOUNT/REGION[=PORT]  open a registry; may be repeated
  --dir DIR                         keep the state here instead of in a temporary directory
  --api-port PORT                   port of the ECR API; any free one by default
  --control-port PORT               port of the control endpoint; any free one by default
  --sts-endpoint URL                ask this STS who owns an access key, and relay to it
  --quotas ecr                      ECR's default rates per second
  --switch NAME=JSON                set a switch, such as relative_locations=true; may be repeated
  --exit-with-parent                end when standard input closes";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        return say(USAGE);
    }
    match parse(arguments.into_iter()).and_then(|(config, with_parent)| run(config, with_parent)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "ecr-double: {message}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<(Config, bool), String> {
    let (mut config, mut with_parent) = (Config::default(), false);
    while let Some(option) = arguments.next() {
        if option == "--exit-with-parent" {
            with_parent = true;
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{option} needs a value, or is not known\n{USAGE}"))?;
        match option.as_str() {
            "--registry" => {
                let (id, port) = value.split_once('=').unwrap_or((&value, "0"));
                config.registries.insert(id.parse::<RegistryId>()?, number(port)?);
            }
            "--dir" => config.dir = Some(value.into()),
            "--api-port" => config.api_port = number(&value)?,
            "--control-port" => config.control_port = number(&value)?,
            "--sts-endpoint" => config.sts_endpoint = Some(value),
            "--quotas" if value == "ecr" => config = config.ecr_quotas(),
            "--switch" => config = switch(config, &value)?,
            _ => return Err(format!("{option} {value} is not known\n{USAGE}")),
        }
    }
    Ok((config, with_parent))
}

fn number(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("`{text}` is not a port"))
}

fn switch(mut config: Config, assignment: &str) -> Result<Config, String> {
    let (name, text) = assignment.split_once('=').ok_or_else(|| format!("`{assignment}` is not NAME=JSON"))?;
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| format!("{assignment}: {error}"))?;
    let mut switches = serde_json::to_value(&config.switches).map_err(|error| error.to_string())?;
    if let Some(members) = switches.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
    config.switches = serde_json::from_value(switches).map_err(|error| error.to_string())?;
    Ok(config)
}

fn run(config: Config, with_parent: bool) -> Result<(), String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
        let double = EcrDouble::start(config).await.map_err(|error| error.to_string())?;
        say(&double.overview().to_string());
        let (closed, mut parent) = tokio::sync::mpsc::channel::<()>(1);
        if with_parent {
            // A thread, because a read of standard input cannot be given up.
            std::thread::spawn(move || {
                let _ = std::io::stdin().read_to_end(&mut Vec::new());
                drop(closed);
            });
        } else {
            std::mem::forget(closed);
        }
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = parent.recv() => {}
        }
        drop(double);
        Ok(())
    })
}

fn say(text: &str) -> ExitCode {
    let mut out = std::io::stdout();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
