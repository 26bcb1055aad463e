//! `proxy`: the proxy as a process of its own. Prints its address when it listens, and ends on SIGTERM and on SIGINT.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use proxy::{Link, Proxy};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
Usage: proxy --to HOST:PORT [OPTIONS]
  --to HOST:PORT                 the registry, in plain HTTP
  --latency MILLISECONDS         wait this long with each request before it is passed on
  --bandwidth BYTES_PER_SECOND   bound the bodies of each connection, each direction on its own
  --storage HOST:PORT            send those on to there who ask for a blob
GET /.proxy/requests tells what was asked so far, DELETE /.proxy/requests forgets it.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        return say(USAGE);
    }
    match parse(arguments.into_iter()).and_then(|(to, storage, link)| run(&to, storage.as_deref(), link)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "proxy: {message}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<(String, Option<String>, Link), String> {
    let (mut to, mut storage, mut link) = (None, None, Link::default());
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{option} needs a value, or is not known\n{USAGE}"))?;
        match option.as_str() {
            "--to" => to = Some(value),
            "--storage" => storage = Some(value),
            "--latency" => link.latency = Duration::from_millis(number(&value)?),
            "--bandwidth" => link.bandwidth = Some(number(&value)?).filter(|bytes| *bytes > 0),
            _ => return Err(format!("{option} is not known\n{USAGE}")),
        }
    }
    let to = to.ok_or_else(|| format!("--to is missing\n{USAGE}"))?;
    Ok((to, storage, link))
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no whole number"))
}

fn run(to: &str, storage: Option<&str>, link: Link) -> Result<(), String> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
        let proxy = match storage {
            Some(storage) => Proxy::open_with_storage(to, storage, link).await,
            None => Proxy::open(to, link).await,
        };
        let proxy = proxy.map_err(|error| error.to_string())?;
        say(proxy.host());
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
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
