//! What a scenario expects.

use std::collections::BTreeMap;

use image_fixtures::referrers_tag;
use promotion::Report;

use crate::content::{digest_of, is_like, is_whole, manifest_of, tag_of};
use crate::memory::Memory;
use crate::memory::images::attach;
use crate::world::World;

impl World {
    pub(crate) fn succeeded(&mut self) -> Result<(), String> {
        self.is_judged = true;
        self.report().map(drop)
    }

    pub(crate) fn failed(&mut self, name: &str, message: &str) -> Result<(), String> {
        self.is_judged = true;
        let error = match &self.latest {
            Some(Err(error)) => error,
            Some(Ok(_)) => return Err("it succeeded".into()),
            None => return Err("nothing was promoted".into()),
        };
        if message.is_empty() {
            return Err(format!("the message is left out: {error:?}"));
        }
        let is_so = error.name().as_str() == name && is_like(&error.to_string(), message);
        if is_so { Ok(()) } else { Err(format!("it failed otherwise:\n{error:?}")) }
    }

    fn report(&self) -> Result<&Report, String> {
        match &self.latest {
            Some(result) => result.as_ref().map_err(|error| format!("it failed: {error:?}")),
            None => Err("nothing was promoted".into()),
        }
    }

    pub(crate) fn reported(&self, target: &str, field: &str, count: usize) -> Result<(), String> {
        let at = self.registries[1..].iter().position(|(name, _)| name == target).ok_or("no such target")?;
        let report = serde_json::to_value(&self.report()?.targets[at]).unwrap();
        if report[field] == count { Ok(()) } else { Err(format!("it is {}", report[field])) }
    }

    pub(crate) fn notes(&self, text: &str) -> Result<(), String> {
        let notes = self.report()?.notes.join("\n");
        if is_like(&notes, text) { Ok(()) } else { Err(format!("they are:\n{notes}")) }
    }

    /// The target has, whole, what was attached to this, and tells so when it is asked what refers to it.
    pub(crate) fn has_referrer(&self, target: &str, repository: &str, text: &str, subject: &str) -> Result<(), String> {
        let subject = manifest_of(subject)?;
        let referrer = attach(&Memory::new("scratch", &[repository]), repository, &subject, text).digest();
        let lists = self.registry(target)?.state().lists_referrers;
        self.in_repository(target, repository, |held| {
            is_whole(held, referrer)?;
            let tag = tag_of(&referrers_tag(subject.digest()))?;
            let list = held.tags.get(&tag).and_then(|digest| held.manifests.get(digest));
            let is_listed =
                list.is_some_and(|list| list.content().children().iter().any(|entry| entry.digest == referrer));
            if lists || is_listed { Ok(()) } else { Err("nothing lists it".to_owned()) }
        })?
    }

    pub(crate) fn left_elsewhere(&self, count: usize) -> Result<(), String> {
        let left = self.report()?.non_distributable;
        if left == count as u64 { Ok(()) } else { Err(format!("it is {left}")) }
    }

    fn calls_since(&self, place: &str) -> Result<Vec<&'static str>, String> {
        let calls = self.registry(place)?.state().calls.clone();
        Ok(calls
            .into_iter()
            .skip(self.before.get(place).copied().unwrap_or(0))
            .map(|(operation, _)| operation)
            .collect())
    }

    pub(crate) fn calls(&self, place: &str, operation: Option<&str>, count: usize) -> Result<(), String> {
        let calls = self.calls_since(place)?;
        let counted = calls.iter().filter(|call| operation.is_none_or(|operation| operation == **call)).count();
        if counted == count { Ok(()) } else { Err(format!("there were {counted} calls, in all {calls:?}")) }
    }

    pub(crate) fn in_order(&self, place: &str, first: &str, second: &str) -> Result<(), String> {
        let calls = self.calls_since(place)?;
        match (calls.iter().rposition(|call| *call == first), calls.iter().position(|call| *call == second)) {
            (Some(last), Some(begin)) if last < begin => Ok(()),
            _ => Err(format!("{first} comes after {second}, or one is missing: {calls:?}")),
        }
    }

    /// The target has exactly these tags, each on what the source or the scenario says, and everything below it, byte
    /// for byte.
    pub(crate) fn has(&self, target: &str, images: &[&str]) -> Result<(), String> {
        let mut wanted = BTreeMap::new();
        for image in images {
            let (name, content) = image.split_once('=').map_or((*image, None), |(name, content)| (name, Some(content)));
            let (repository, tag) = name.split_once(':').ok_or("an image is written repository:tag")?;
            let tag = tag_of(tag)?;
            let digest = match content {
                Some(content) => digest_of(content)?,
                None => self.in_repository("source", repository, |held| held.tags[&tag])?,
            };
            wanted.insert(format!("{repository}:{tag}"), digest);
        }
        let state = self.registry(target)?.state();
        let mut found = BTreeMap::new();
        for (repository, held) in &state.repositories {
            for (tag, digest) in &held.tags {
                is_whole(held, *digest).map_err(|why| format!("{repository}:{tag}: {why}"))?;
                found.insert(format!("{repository}:{tag}"), *digest);
            }
        }
        if found == wanted { Ok(()) } else { Err(format!("its tags are {found:?}, not {wanted:?}")) }
    }
}
