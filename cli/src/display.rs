use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use promotion::{Phase, ProgressSnapshot};

use crate::arguments::Output;
use crate::doing::Doing;
use crate::text::{bytes, count};

/// How often a line is written where nothing can be drawn.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// How progress is shown, on stderr.
#[derive(Debug)]
pub(crate) enum Display {
    /// Not at all.
    None,
    /// A line now and then, for a build job.
    Lines(Lines),
    /// A bar, for a terminal.
    Bar(ProgressBar),
}

impl Display {
    pub(crate) fn new(output: Output) -> Self {
        let can_draw =
            || std::io::stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        match output {
            Output { json: true, .. } | Output { quiet: true, .. } => Self::None,
            Output { verbose: false, .. } if can_draw() => {
                Self::Bar(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()))
            }
            _ => Self::Lines(Lines::default()),
        }
    }

    /// Shows what is being done.
    pub(crate) fn show(&mut self, doing: &Doing) {
        let moment = doing.moment();
        let Some(line) = line(doing, moment) else { return };
        match self {
            Self::None => {}
            Self::Lines(lines) => {
                if let Some(line) = lines.next(line, Instant::now()) {
                    // If no one reads it, nothing is lost.
                    let _ = writeln!(std::io::stderr(), "{line}");
                }
            }
            Self::Bar(bar) => draw(bar, line, moment),
        }
    }

    /// Leaves nothing behind that is not a line.
    pub(crate) fn end(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// What is worth saying of what is being done: the activity, and how far it is.
fn line(doing: &Doing, moment: Option<ProgressSnapshot>) -> Option<(&'static str, String)> {
    let (activity, moment) = match (doing, moment) {
        (Doing::Connecting, _) => return None,
        (Doing::Pulling, _) => ("pulling", None),
        (_, Some(moment)) => match moment.phase {
            Phase::Surveying => ("looking at what is there", None),
            Phase::Staging => ("copying", Some(moment)),
            Phase::Verifying => ("verifying", None),
            Phase::Tagging => ("tagging", None),
        },
        (_, None) => ("looking at what is there", None),
    };
    let far = moment.map_or_else(String::new, |moment| {
        let planned = moment.planned;
        format!(
            ": {} of {}, {} of {}, {} of {}",
            bytes(moment.bytes_moved),
            bytes(bytes_to_send(&moment)),
            moment.done.blobs(),
            count(planned.blobs(), "blob"),
            moment.done.manifests_put,
            count(planned.manifests_put, "manifest"),
        )
    });
    Some((activity, far))
}

/// How many bytes are to be sent, less what turned out to be there.
fn bytes_to_send(moment: &ProgressSnapshot) -> u64 {
    let planned = moment.planned;
    (planned.bytes_copied + planned.bytes_present).saturating_sub(moment.done.bytes_present)
}

fn draw(bar: &ProgressBar, (activity, far): (&'static str, String), moment: Option<ProgressSnapshot>) {
    let sending = moment.filter(|moment| moment.phase == Phase::Staging && bytes_to_send(moment) > 0);
    let template = if sending.is_some() { "{msg} [{wide_bar}] {elapsed}" } else { "{msg} {elapsed}" };
    // These templates are known to be right.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    if let Some(moment) = sending {
        let whole = bytes_to_send(&moment);
        bar.set_length(whole);
        bar.set_position(moment.bytes_moved.min(whole));
    }
    bar.set_message(format!("{activity}{far}"));
    bar.tick();
}

/// Which lines are worth writing.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    last: Option<(&'static str, String, Instant)>,
}

impl Lines {
    /// The line, if the activity is new, or if it is far and long enough from the last one.
    fn next(&mut self, (activity, far): (&'static str, String), now: Instant) -> Option<String> {
        let is_due = match &self.last {
            None => true,
            Some((earlier, _, _)) if *earlier != activity => true,
            Some((_, known, at)) => *known != far && now.duration_since(*at) >= BETWEEN_LINES,
        };
        is_due.then(|| {
            let line = format!("{activity}{far}");
            self.last = Some((activity, far, now));
            line
        })
    }
}

#[cfg(test)]
mod tests {
    use promotion::Tally;

    use super::*;

    #[test]
    fn a_build_log_gets_a_line_at_each_change_and_now_and_then() {
        let begin = Instant::now();
        let mut lines = Lines::default();
        let mut at = |activity, far: &str, seconds| {
            lines.next((activity, far.to_owned()), begin + Duration::from_secs(seconds)).is_some()
        };
        assert!(at("looking", "", 0));
        assert!(!at("looking", "", 60));
        assert!(at("copying", ": 0 of 9", 60));
        assert!(!at("copying", ": 1 of 9", 69));
        assert!(at("copying", ": 2 of 9", 70));
        assert!(!at("copying", ": 2 of 9", 99));
        assert!(at("tagging", "", 99));
    }

    #[test]
    fn tells_how_far_the_copying_is() {
        let planned = Tally {
            blobs_copied: 3,
            bytes_copied: 5 << 20,
            blobs_mounted: 1,
            blobs_present: 2,
            manifests_put: 1,
            ..Tally::default()
        };
        let moment = ProgressSnapshot {
            phase: Phase::Staging,
            planned,
            bytes_moved: 1 << 20,
            done: Tally { blobs_copied: 2, blobs_present: 2, bytes_present: 2 << 20, ..Tally::default() },
        };
        let (activity, far) = line(&Doing::Surveying, Some(moment)).unwrap();
        assert_eq!(format!("{activity}{far}"), "copying: 1.0 MiB of 3.0 MiB, 4 of 6 blobs, 0 of 1 manifest");
        assert_eq!(line(&Doing::Connecting, None), None);
        assert_eq!(line(&Doing::Pulling, None).unwrap().0, "pulling");
    }
}
