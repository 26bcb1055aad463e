use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::cell::{Cell, Outcome, Times};
use crate::columns::COLUMNS;
use crate::yard::Place;

/// What came of the cells of one kind of registry.
pub(crate) struct Table<'a>(BTreeMap<(&'a Place, &'static str, Times), Outcome>);

impl<'a> FromIterator<(Cell<'a>, Outcome)> for Table<'a> {
    fn from_iter<I: IntoIterator<Item = (Cell<'a>, Outcome)>>(cells: I) -> Self {
        Self(cells.into_iter().map(|(cell, outcome)| ((cell.place, cell.column.title, cell.times), outcome)).collect())
    }
}

impl Table<'_> {
    /// In Markdown, a table for each way.
    pub(crate) fn text(&self, places: &[Place]) -> String {
        let mut text = String::new();
        for way in places.chunk_by(|one, other| one.way == other.way) {
            let names: Vec<_> = way.iter().map(|place| place.request.as_str()).collect();
            let _ = write!(
                text,
                "\n### {}\n\n| | {} |\n|{}\n",
                way[0].way,
                names.join(" | "),
                " --- |".repeat(names.len() + 1)
            );
            for column in COLUMNS {
                let outcomes: Vec<_> = way.iter().map(|place| self.cell(place, column.title)).collect();
                let _ = writeln!(text, "| {} | {} |", column.title, outcomes.join(" | "));
            }
        }
        text
    }

    fn cell(&self, place: &Place, title: &'static str) -> String {
        let seen = |times| self.0.get(&(place, title, times)).copied();
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
