use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask this process to end: Ctrl-C, or a build job that is cancelled.
#[derive(Debug)]
pub(crate) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// From now on the signals do not end the process by themselves.
    ///
    /// # Errors
    /// That of the system, if it lets nothing wait for signals.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for such a wish, and gives its signal.
    pub(crate) async fn asked(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }

    /// Ends the process when asked once more.
    pub(crate) fn at_once(mut self) {
        tokio::spawn(async move {
            self.asked().await;
            std::process::exit(1);
        });
    }
}
