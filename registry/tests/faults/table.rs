use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::case::{Case, Outcome, Times};
use crate::fault_kinds::FAULT_KINDS;
use crate::setup::RequestKind;

/// What came of the cells of one kind of registry.
pub(crate) struct Table<'a>(BTreeMap<(&'a RequestKind, &'static str, Times), Outcome>);

impl<'a> FromIterator<(Case<'a>, Outcome)> for Table<'a> {
    fn from_iter<I: IntoIterator<Item = (Case<'a>, Outcome)>>(cells: I) -> Self {
        Self(
            cells
                .into_iter()
                .map(|(case, outcome)| ((case.request_kind, case.fault_kind.title, case.times), outcome))
                .collect(),
        )
    }
}

impl Table<'_> {
    /// In Markdown, a table for each route.
    pub(crate) fn text(&self, request_kinds: &[RequestKind]) -> String {
        let mut text = String::new();
        for route in request_kinds.chunk_by(|one, other| one.route == other.route) {
            let names: Vec<_> = route.iter().map(|request_kind| request_kind.request.as_str()).collect();
            let _ = write!(
                text,
                "\n### {}\n\n| | {} |\n|{}\n",
                route[0].route,
                names.join(" | "),
                " --- |".repeat(names.len() + 1)
            );
            for fault_kind in FAULT_KINDS {
                let outcomes: Vec<_> =
                    route.iter().map(|request_kind| self.case(request_kind, fault_kind.title)).collect();
                let _ = writeln!(text, "| {} | {} |", fault_kind.title, outcomes.join(" | "));
            }
        }
        text
    }

    fn case(&self, request_kind: &RequestKind, title: &'static str) -> String {
        let seen = |times| self.0.get(&(request_kind, title, times)).copied();
        // What has no outcome was not run, and that is no table.
        let (once, always) = (seen(Times::Once).unwrap(), seen(Times::Always).unwrap());
        match (once, always) {
            (Outcome::Nothing, Outcome::Nothing) => "–".into(),
            (once, always) if once == always => match once {
                Outcome::Failure(name) => format!("**{name}**"),
                outcome => word(outcome),
            },
            (Outcome::Success, always) => word(always),
            (once, always) => format!("**{}**, then {}", word(once), word(always)),
        }
    }
}

fn word(outcome: Outcome) -> String {
    match outcome {
        Outcome::Nothing => "–".into(),
        Outcome::Success => "ok".into(),
        Outcome::WithoutReferrers => "ok, less".into(),
        Outcome::Failure(name) => name.to_string(),
    }
}

/// What the tables mean.
pub(crate) fn opening() -> String {
    include_str!("opening.md").into()
}

/// The committed tables are those that were seen.
pub(crate) fn compare(path: &Path, text: &str) {
    if std::env::var_os("TRANSSHIP_WRITE_FAULTS").is_some() {
        std::fs::write(path, text).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(path).unwrap();
    let differing: Vec<_> = committed.lines().zip(text.lines()).filter(|(committed, seen)| committed != seen).collect();
    assert!(committed == text, "docs/faults.md is not what was seen (committed, seen): {differing:#?}");
}
