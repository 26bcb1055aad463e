use std::collections::HashMap;

use rustix::process::{Pid, Signal, kill_process};

/// Ends the programs that the SDK has started for credentials, with all that they started, unless they are done.
///
/// The SDK runs `sh -c COMMAND` and lets it run on when its output is no longer awaited.
#[derive(Debug)]
pub(super) struct EndOnDrop<'a> {
    pub(super) commands: &'a [String],
    pub(super) is_armed: bool,
}

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        if self.is_armed && !self.commands.is_empty() {
            end(self.commands);
        }
    }
}

fn end(commands: &[String]) {
    let children = children();
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let started = children.get(&own).into_iter().flatten().filter(|child| runs(**child, commands));
    let mut left: Vec<i32> = started.copied().collect();
    while let Some(process) = left.pop() {
        left.extend(children.get(&process).into_iter().flatten());
        if let Some(process) = Pid::from_raw(process) {
            // It may have ended by itself.
            let _ = kill_process(process, Signal::KILL);
        }
    }
}

/// Whether a process is one of these commands, in a shell.
fn runs(process: i32, commands: &[String]) -> bool {
    let line = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let mut words = line.split(|byte| *byte == 0);
    let [shell, flag, command] = [words.next(), words.next(), words.next()].map(Option::unwrap_or_default);
    shell == b"sh" && flag == b"-c" && commands.iter().any(|known| known.as_bytes() == command)
}

/// All processes, by the one that started them (proc_pid_stat(5): the parent is the second field after the name, which
/// stands in brackets and may hold anything).
fn children() -> HashMap<i32, Vec<i32>> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(process);
        }
    }
    children
}
