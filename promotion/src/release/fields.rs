//! The fields of a file that people write, read one by one: five mistakes in it are five problems.

use std::borrow::Cow;
use std::fmt;

use oci::text::excerpt;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// What is wrong with a file, each with where it is.
pub(super) type Problems = Vec<String>;

/// A JSON object of a file: its fields as they are written, each to be taken once.
pub(super) struct Fields<'a> {
    /// Of the whole file, which the fields are parts of.
    lines: &'a Lines,
    /// What messages call the object, to follow its line: `, image 3`, or nothing.
    name: String,
    line: usize,
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Fields<'a> {
    /// Reads the object that `part` of the text is.
    pub(super) fn read(lines: &'a Lines, part: &'a str, name: String) -> Result<Self, String> {
        let line = lines.of(part);
        let fields = serde_json::from_str(part).map_err(|error| {
            let line = line + error.line().saturating_sub(1);
            format!("line {line}{name}: {}", reason(&error))
        });
        let Object(fields) = fields?;
        Ok(Self { lines, name, line, fields })
    }

    /// Reads a field, if it is there. Of a field that is there twice, and of one that cannot be read, it is noted.
    pub(super) fn optional<T: DeserializeOwned>(&mut self, field: &str, problems: &mut Problems) -> Option<T> {
        let raw = self.raw(field, problems)?;
        self.value(field, raw, problems)
    }

    /// The same of a field that has to be there.
    pub(super) fn required<T: DeserializeOwned>(&mut self, field: &str, problems: &mut Problems) -> Option<T> {
        let raw = self.required_raw(field, problems)?;
        self.value(field, raw, problems)
    }

    /// A list, of which each entry is read for itself.
    pub(super) fn list<T: DeserializeOwned>(&mut self, field: &str, problems: &mut Problems) -> Vec<T> {
        let Some(raw) = self.raw(field, problems) else { return vec![] };
        let entries: Option<Vec<&RawValue>> = self.value(field, raw, problems);
        let entries = entries.unwrap_or_default().into_iter().enumerate();
        entries.filter_map(|(at, entry)| self.value(&format!("{field}[{at}]"), entry, problems)).collect()
    }

    /// The entries of a list that has to be there, as they are written.
    pub(super) fn required_entries(&mut self, field: &str, problems: &mut Problems) -> Option<Vec<&'a str>> {
        let raw = self.required_raw(field, problems)?;
        let entries: Vec<&RawValue> = self.value(field, raw, problems)?;
        Some(entries.into_iter().map(RawValue::get).collect())
    }

    /// Notes the fields that were not read.
    pub(super) fn end(self, known: &[&str], problems: &mut Problems) {
        let expected = known.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ");
        let one_of = if known.len() > 1 { "one of " } else { "" };
        for (field, raw) in &self.fields {
            let field = excerpt(&field.escape_debug().to_string());
            let what = format!("unknown field `{field}`, expected {one_of}{expected}");
            problems.push(self.problem(self.lines.of(raw.get()), &field, &what));
        }
    }

    /// The line on which a field stands that was not taken yet; else that of the object.
    pub(super) fn line_of_field(&self, field: &str) -> usize {
        let raw = self.fields.iter().find(|(name, _)| name == field);
        raw.map_or(self.line, |(_, raw)| self.lines.of(raw.get()))
    }

    /// What is wrong with a field.
    pub(super) fn problem(&self, line: usize, field: &str, what: &str) -> String {
        let field = if field.is_empty() { String::new() } else { format!(", field \"{field}\"") };
        format!("line {line}{}{field}: {what}", self.name)
    }

    fn required_raw(&mut self, field: &str, problems: &mut Problems) -> Option<&'a RawValue> {
        let raw = self.raw(field, problems);
        if raw.is_none() {
            problems.push(self.problem(self.line, "", &format!("missing field `{field}`")));
        }
        raw
    }

    fn raw(&mut self, field: &str, problems: &mut Problems) -> Option<&'a RawValue> {
        let taken: Vec<_> = self.fields.extract_if(.., |(name, _)| name == field).map(|(_, raw)| raw).collect();
        for again in taken.iter().skip(1) {
            problems.push(self.problem(self.lines.of(again.get()), "", &format!("duplicate field `{field}`")));
        }
        taken.first().copied()
    }

    fn value<'r, T: Deserialize<'r>>(&self, field: &str, raw: &'r RawValue, problems: &mut Problems) -> Option<T> {
        let value = serde_json::from_str(raw.get());
        value.map_err(|error| problems.push(self.unreadable(field, raw, &error))).ok()
    }

    fn unreadable(&self, field: &str, raw: &RawValue, error: &serde_json::Error) -> String {
        let line = self.lines.of(raw.get()) + error.line().saturating_sub(1);
        self.problem(line, field, &reason(error))
    }
}

/// Where the lines of a text end.
pub(super) struct Lines {
    begin: usize,
    ends: Vec<usize>,
}

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        let begin = text.as_ptr().addr();
        Self { begin, ends: text.match_indices('\n').map(|(at, _)| at).collect() }
    }

    /// The line, from 1, on which a part of the text begins.
    fn of(&self, part: &str) -> usize {
        let offset = part.as_ptr().addr() - self.begin;
        1 + self.ends.partition_point(|end| *end < offset)
    }
}

/// What a JSON library says, without its position, which counts from the beginning of what it was given.
fn reason(error: &serde_json::Error) -> String {
    let what = error.to_string();
    excerpt(what.split(" at line ").next().unwrap_or_default())
}

/// The fields of a JSON object in their order, duplicates included.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;

        impl<'de> Visitor<'de> for Reading {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    fields.push((name, map.next_value()?));
                }
                Ok(Object(fields))
            }
        }

        deserializer.deserialize_map(Reading)
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
