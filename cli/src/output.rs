use std::time::Duration;

use oci::Digest;
use promotion::{Before, PinnedImage};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::arguments::Output;

/// What a command found or did, for people and for programs.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    /// One object.
    pub(crate) fields: Map<String, Value>,
    /// The same in words.
    pub(crate) text: String,
}

impl CommandOutput {
    /// An answer about images: what is true of them in each target, in their order.
    pub(crate) fn of<'t>(
        images: &[PinnedImage],
        targets: impl IntoIterator<Item = (&'t String, Vec<Outcome>)>,
    ) -> Self {
        let mut text = String::new();
        let mut targets: Vec<_> = targets.into_iter().map(|(name, outcomes)| (name, outcomes.into_iter())).collect();
        let width = targets.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let of_image = |image: &PinnedImage| {
            text += &format!("{image} {}\n", image.digest);
            let of_target = |(name, outcomes): &mut (&String, std::vec::IntoIter<Outcome>)| {
                #[expect(clippy::expect_used, reason = "a target without an outcome must not go unnoticed")]
                let outcome = outcomes.next().expect("an outcome for each image");
                text += &format!("  {name:width$}  {}\n", outcome.words);
                let mut fields = json!({ "registry": name, "outcome": outcome.name });
                if let (Some(previous), Some(fields)) = (outcome.previous, fields.as_object_mut()) {
                    fields.insert("previous".into(), json!(previous));
                }
                fields
            };
            let targets: Vec<_> = targets.iter_mut().map(of_target).collect();
            json!({ "repository": image.repository, "tag": image.tag, "digest": image.digest, "targets": targets })
        };
        let images: Vec<_> = images.iter().map(of_image).collect();
        Self { fields: Map::from_iter([("images".to_owned(), images.into())]), text }
    }

    /// The same answer with one more field.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// The same answer with all fields of an object.
    pub(crate) fn with_all(mut self, object: impl Serialize) -> Self {
        if let Value::Object(fields) = json!(object) {
            self.fields.extend(fields);
        }
        self
    }

    /// The same answer with how many requests it took, and how long, in seconds.
    pub(crate) fn cost(self, requests: u64, elapsed: Duration) -> Self {
        let milliseconds = elapsed.as_secs_f64() * 1000.0;
        self.with("requests", requests).with("seconds", milliseconds.round() / 1000.0)
    }

    /// The same answer with a line more.
    pub(crate) fn line(mut self, line: &str) -> Self {
        self.text += line;
        self.text.push('\n');
        self
    }

    /// The same answer with what else is worth knowing.
    pub(crate) fn notes(self, notes: &[String]) -> Self {
        let answer = self.with("notes", notes);
        notes.iter().fold(answer, |answer, note| answer.line(&format!("note: {note}")))
    }

    /// What goes to stdout.
    pub(crate) fn render(self, output: Output) -> String {
        if output.json { format!("{}\n", Value::Object(self.fields)) } else { self.text }
    }
}

/// What is true of an image in a target.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// For programs.
    name: &'static str,
    /// For people.
    words: String,
    /// What the tag points to that is moved, or pointed to.
    previous: Option<Digest>,
}

impl Outcome {
    /// What became of an image.
    pub(crate) fn done(outcome: &promotion::Outcome) -> Self {
        match outcome {
            promotion::Outcome::Present => Self::new("present", "already there"),
            promotion::Outcome::Staged { .. } => Self::new("promoted", "promoted"),
            promotion::Outcome::Promoted { previous: None } => Self::new("promoted", "promoted"),
            promotion::Outcome::Promoted { previous: Some(previous) } => {
                Self::moved(*previous, format!("promoted: the tag moved from {previous}"))
            }
        }
    }

    /// What is to become of an image.
    pub(crate) fn planned(before: &Before) -> Self {
        match before {
            Before::Pinned => Self::new("present", "already there"),
            Before::Nothing => Self::new("planned", "to be promoted"),
            Before::Other(previous) => Self::moved(*previous, format!("to be promoted: the tag moves from {previous}")),
        }
    }

    /// It was pulled.
    pub(crate) fn verified() -> Self {
        Self::new("verified", "can be pulled")
    }

    fn new(name: &'static str, words: &str) -> Self {
        Self { name, words: words.to_owned(), previous: None }
    }

    fn moved(previous: Digest, words: String) -> Self {
        Self { name: "moved", words, previous: Some(previous) }
    }
}
