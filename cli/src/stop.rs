use promotion::{Error, Name};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The wish of somebody else that this ends: Ctrl-C, or a build job that is cancelled.
#[derive(Debug)]
pub(crate) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// From now on the signals do not end the process by themselves.
    pub(crate) fn new() -> Result<Self, Error> {
        let listen = |kind| {
            let unheard =
                |error| Error::new(Name::RegistryUnavailable, format!("signals cannot be waited for: {error}"));
            signal(kind).map_err(|error| unheard(error).permanent())
        };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for such a wish, and tells its signal.
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
