use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use oci::text::truncate;
use promotion::{Phase, ProgressSnapshot};

use crate::arguments::Output;
use crate::doing::Doing;
use crate::logging::Retried;
use crate::text::{bytes, count};

/// How often a line is written where nothing can be drawn, and how often one about retries.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// No more is quoted of why something is retried, in characters.
const LONGEST_REASON: usize = 300;

/// How progress is shown, on stderr.
#[derive(Debug)]
pub(crate) enum Display {
    /// Not at all.
    None,
    /// A line now and then, for a build job.
    Lines(Lines, Retries),
    /// A bar, for a terminal.
    Bar(ProgressBar, Retries),
}

impl Display {
    pub(crate) fn new(output: Output) -> Self {
        let can_draw =
            || std::io::stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        match output {
            Output { json: true, .. } | Output { quiet: true, .. } => Self::None,
            Output { verbose: false, .. } if can_draw() => {
                Self::Bar(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()), Retries::default())
            }
            _ => Self::Lines(Lines::new(Instant::now()), Retries { is_logged: output.verbose, ..Retries::default() }),
        }
    }

    /// Shows what is being done.
    pub(crate) fn show(&mut self, doing: &Doing) {
        let moment = doing.moment();
        let (line, now) = (line(doing, moment), Instant::now());
        match self {
            Self::None => {}
            Self::Lines(lines, retries) => {
                for line in lines.next(line, now).into_iter().chain(retries.next(Retried::take(), now)) {
                    // If no one reads it, nothing is lost.
                    let _ = writeln!(std::io::stderr(), "{line}");
                }
            }
            Self::Bar(bar, retries) => {
                if let Some(line) = retries.next(Retried::take(), now) {
                    bar.println(line);
                }
                draw(bar, line, moment);
            }
        }
    }

    /// Leaves nothing behind that is not a line.
    pub(crate) fn end(self) {
        if let Self::Bar(bar, _) = self {
            bar.finish_and_clear();
        }
    }
}

/// What is worth saying of what is being done: the activity, and how far it is.
fn line(doing: &Doing, moment: Option<ProgressSnapshot>) -> (&'static str, String) {
    let (activity, moment) = match (doing, moment) {
        (Doing::Connecting, _) => (CONNECTING, None),
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
    (activity, far)
}

/// What every command begins with, and is mostly over before anybody wonders.
const CONNECTING: &str = "reading the release and connecting";

/// How many bytes are to be sent, less what turned out to be there.
fn bytes_to_send(moment: &ProgressSnapshot) -> u64 {
    let planned = moment.planned;
    (planned.bytes_copied + planned.bytes_present).saturating_sub(moment.done.bytes_present)
}

fn draw(bar: &ProgressBar, (activity, far): (&'static str, String), moment: Option<ProgressSnapshot>) {
    let sending = moment.filter(|moment| moment.phase == Phase::Staging && bytes_to_send(moment) > 0);
    let template = match sending {
        Some(_) => "{msg} [{wide_bar}] {binary_bytes_per_sec}, {eta} left",
        None => "{msg} {elapsed}",
    };
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
#[derive(Debug)]
pub(crate) struct Lines {
    activity: &'static str,
    since: Instant,
    last: Instant,
}

impl Lines {
    fn new(now: Instant) -> Self {
        Self { activity: CONNECTING, since: now, last: now }
    }

    /// The line, if the activity is new, or if it is long enough since the last one: whoever waits sees that this is at
    /// work, also where nothing moves.
    fn next(&mut self, (activity, far): (&'static str, String), now: Instant) -> Option<String> {
        if activity != self.activity {
            *self = Self { activity, since: now, last: now };
            return Some(format!("{activity}{far}"));
        }
        if now.duration_since(self.last) < BETWEEN_LINES {
            return None;
        }
        self.last = now;
        Some(format!("{activity}{far} ({} s)", now.duration_since(self.since).as_secs()))
    }
}

/// When a line about retries is due.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    /// Whether a log tells of each of them.
    is_logged: bool,
    waiting: Option<Retried>,
    last: Option<Instant>,
}

impl Retries {
    /// A line about what was retried: the first one at once, then now and then.
    fn next(&mut self, retried: Option<Retried>, now: Instant) -> Option<String> {
        if self.is_logged {
            return None;
        }
        if let Some(Retried { count, last }) = retried {
            let waiting = self.waiting.get_or_insert_default();
            *waiting = Retried { count: waiting.count + count, last };
        }
        if self.last.is_some_and(|last| now.duration_since(last) < BETWEEN_LINES) {
            return None;
        }
        let Retried { count, last } = self.waiting.take()?;
        self.last = Some(now);
        let why = truncate(last.lines().next().unwrap_or_default(), LONGEST_REASON);
        Some(match count {
            1 => format!("trying again: {why}"),
            _ => format!("trying again ({count} requests failed), the last one: {why}"),
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
        let mut lines = Lines::new(begin);
        let mut at =
            |activity, far: &str, seconds| lines.next((activity, far.to_owned()), begin + Duration::from_secs(seconds));
        assert_eq!(at(CONNECTING, "", 9), None);
        assert_eq!(at(CONNECTING, "", 10), Some(format!("{CONNECTING} (10 s)")));
        assert_eq!(at("looking", "", 11).as_deref(), Some("looking"));
        assert_eq!(at("looking", "", 20), None);
        // Nothing changed, and silence would look like a standstill.
        assert_eq!(at("looking", "", 21).as_deref(), Some("looking (10 s)"));
        assert_eq!(at("copying", ": 0 of 9", 60).as_deref(), Some("copying: 0 of 9"));
        assert_eq!(at("copying", ": 1 of 9", 69), None);
        assert_eq!(at("copying", ": 2 of 9", 70).as_deref(), Some("copying: 2 of 9 (10 s)"));
        assert_eq!(at("tagging", "", 71).as_deref(), Some("tagging"));
    }

    #[test]
    fn the_first_retry_is_told_at_once_and_many_in_one_line() {
        let begin = Instant::now();
        let mut retries = Retries::default();
        let mut at = |count, last: &str, seconds| {
            let retried = (count > 0).then(|| Retried { count, last: last.to_owned() });
            retries.next(retried, begin + Duration::from_secs(seconds))
        };
        assert_eq!(at(0, "", 0), None);
        assert_eq!(at(1, "503\nmore", 1).as_deref(), Some("trying again: 503"));
        assert_eq!(at(3, "429", 2), None);
        assert_eq!(at(2, "500", 10), None);
        assert_eq!(at(0, "", 11).as_deref(), Some("trying again (5 requests failed), the last one: 500"));
        assert_eq!(at(0, "", 60), None);
        let mut logged = Retries { is_logged: true, ..Retries::default() };
        assert_eq!(logged.next(Some(Retried { count: 1, last: "503".into() }), begin), None);
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
        let (activity, far) = line(&Doing::Surveying, Some(moment));
        assert_eq!(format!("{activity}{far}"), "copying: 1.0 MiB of 3.0 MiB, 4 of 6 blobs, 0 of 1 manifest");
        assert_eq!(line(&Doing::Connecting, None), (CONNECTING, String::new()));
        assert_eq!(line(&Doing::Pulling, None).0, "pulling");
    }
}
