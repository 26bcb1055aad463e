use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use promotion::{Error, Name, Phase, ProgressSnapshot};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::arguments::Output;
use crate::display::Display;
use crate::doing::Doing;
use crate::failure::{Failure, Kind};
use crate::stop::{Stop, StopSignal};

/// How long work may take to be dropped: no time, unless it blocks.
const DROPPING: Duration = Duration::from_secs(1);

/// How often progress is looked at.
const TICK: Duration = Duration::from_millis(100);

/// What a command is doing, for those who wait for it.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    doing: Mutex<Doing>,
    /// Notified of each new activity, which may be over before the next tick.
    changed: Notify,
}

impl Watch {
    /// Notes what is done from now on.
    pub(crate) fn enter(&self, doing: Doing) {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = doing;
        self.changed.notify_one();
    }

    /// Does the work until it ends or is asked to stop, and shows how far it is.
    ///
    /// The work has a thread of its own: where it blocks that, as a file does that cannot be read, signals are still heard.
    pub(crate) async fn attend<T: Send + 'static, F: Future<Output = Result<T, Failure>>>(
        &self,
        work: impl FnOnce() -> F + Send + 'static,
        mut stop: Stop,
        output: Output,
    ) -> Result<T, Failure> {
        let mut display = Display::new(output);
        let mut ticks = tokio::time::interval(TICK);
        let stopping = Arc::new(Notify::new());
        let is_stopped = Arc::clone(&stopping);
        let mut work = tokio::task::spawn_blocking(move || {
            // Here the work is dropped when it is stopped, and with it what is on its way; what it started is ended.
            Handle::current().block_on(async {
                tokio::select! {
                    biased;
                    result = work() => Some(result),
                    () = is_stopped.notified() => None,
                }
            })
        });
        let result = loop {
            tokio::select! {
                biased;
                result = &mut work => break Ok(result),
                signal = stop.asked() => break Err(signal),
                () = self.changed.notified() => display.show(&self.doing()),
                _ = ticks.tick() => display.show(&self.doing()),
            }
        };
        stop.at_once();
        display.end();
        match result {
            Ok(Ok(Some(result))) => result,
            Ok(Ok(None)) => Err(Error::new(Name::OutOfTime, "the work was stopped").into()),
            Ok(Err(ended)) => std::panic::resume_unwind(ended.into_panic()),
            Err(signal) => {
                stopping.notify_one();
                let _ = tokio::time::timeout(DROPPING, work).await;
                Err(stopped(signal, &self.doing()))
            }
        }
    }

    fn doing(&self) -> Doing {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What stands when the work was stopped.
fn stopped(signal: StopSignal, doing: &Doing) -> Failure {
    let error = Error::new(Name::OutOfTime, format!("stopped by {signal}: {}", standing(doing.moment())));
    Failure { error, kind: Kind::Stopped(signal) }
}

fn standing(moment: Option<ProgressSnapshot>) -> String {
    match moment {
        None => "nothing was written".into(),
        Some(moment) if moment.phase == Phase::Tagging || moment.done.tags_put > 0 => format!(
            "{} of {} tags are known to be written, and the last requests may have written more; all of them hold complete images. Run again to \
             write the others",
            moment.done.tags_put, moment.planned.tags_put
        ),
        Some(_) => "nothing was tagged. What was copied stays there, untagged: run again to continue".into(),
    }
}

#[cfg(test)]
mod tests {
    use promotion::Tally;

    use super::*;

    #[test]
    fn says_what_stands() {
        assert_eq!(standing(None), "nothing was written");
        let staging = ProgressSnapshot { phase: Phase::Staging, ..ProgressSnapshot::default() };
        assert!(standing(Some(staging)).starts_with("nothing was tagged"));
        let tags = |tags_put| Tally { tags_put, ..Tally::default() };
        let (planned, done) = (tags(3), tags(2));
        let tagging = ProgressSnapshot { phase: Phase::Tagging, planned, done, ..ProgressSnapshot::default() };
        assert!(standing(Some(tagging)).starts_with("2 of 3 tags are known to be written"));
    }
}
