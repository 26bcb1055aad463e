//! What a scenario plays on: a source and targets in memory, and what the latest promotion came to.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use promotion::{Error, Limits, Patience, PinnedImage, Promotion, Release, Report, Until};
use tokio::time::Instant;

use crate::content::{self, digest_of, is_like, is_whole};
use crate::memory::{Fault, Held, Memory};

pub(crate) struct World {
    /// The source first.
    registries: Vec<(String, Memory)>,
    faults: HashMap<String, Vec<Rule>>,
    /// What the latest successful promotion pinned.
    pins: Vec<PinnedImage>,
    latest: Option<Result<Report, Error>>,
    is_judged: bool,
    /// How many calls each registry had had when the latest promotion began.
    before: HashMap<String, usize>,
}

#[derive(Clone)]
struct Rule {
    operation: String,
    skipped: usize,
    times: usize,
    fault: Fault,
}

impl Default for World {
    fn default() -> Self {
        Self {
            registries: vec![("source".into(), Memory::new("source", &[]))],
            faults: HashMap::new(),
            pins: vec![],
            latest: None,
            is_judged: true,
            before: HashMap::new(),
        }
    }
}

impl World {
    pub(crate) fn registry(&self, place: &str) -> Result<&Memory, String> {
        let found = self.registries.iter().find(|(name, _)| name == place);
        found.map(|(_, registry)| registry).ok_or_else(|| "there is no such line, and no such registry".into())
    }

    pub(crate) fn add_target(&mut self, name: &str, repositories: &[&str]) {
        self.registries.push((name.into(), Memory::new(name, repositories)));
    }

    pub(crate) fn seed(&self, place: &str, image: &str, content: &str) -> Result<(), String> {
        let registry = self.registry(place)?;
        let (repository, tag) = image.split_once(':').ok_or("an image is written repository:tag")?;
        let manifest = content::seed(registry, repository, content)?;
        registry.seed_manifest(repository, &manifest, Some(tag));
        Ok(())
    }

    pub(crate) fn lose(&self, place: &str, repository: &str, content: &str) -> Result<(), String> {
        let digest = digest_of(content)?;
        let lost = self.in_repository(place, repository, |held| held.manifests.remove(&digest))?;
        lost.map(drop).ok_or_else(|| "it is not there".into())
    }

    pub(crate) fn make_immutable(&self, place: &str, repository: &str, but: Option<&str>) -> Result<(), String> {
        self.in_repository(place, repository, |held| {
            held.immutable = true;
            held.mutable_tags.extend(but.map(ToOwned::to_owned));
        })
    }

    fn in_repository<T>(&self, place: &str, repository: &str, act: impl FnOnce(&mut Held) -> T) -> Result<T, String> {
        let mut state = self.registry(place)?.state();
        let name = repository.parse().map_err(|error| format!("{error}"))?;
        state.repositories.get_mut(&name).map(act).ok_or_else(|| format!("{place} has no repository {repository}"))
    }

    pub(crate) fn fail(
        &mut self,
        place: &str,
        operation: &str,
        skipped: usize,
        times: usize,
        fault: Fault,
    ) -> Result<(), String> {
        let rules = self.faults.entry(place.into()).or_default();
        rules.push(Rule { operation: operation.into(), skipped, times, fault });
        let mut rules = rules.clone();
        self.registry(place)?.on_call(move |(operation, _)| {
            let rule = rules.iter_mut().find(|rule| rule.operation == *operation && rule.times > 0)?;
            if rule.skipped > 0 {
                rule.skipped -= 1;
                return None;
            }
            rule.times -= 1;
            Some(rule.fault.clone())
        });
        Ok(())
    }

    pub(crate) fn heal(&mut self) {
        self.faults.clear();
        self.registries.iter().for_each(|(_, registry)| registry.heal());
    }

    pub(crate) async fn promote(&mut self, what: &[&str], until: Until) -> Result<(), String> {
        if !std::mem::replace(&mut self.is_judged, false) {
            return Err("how did the one before end?".into());
        }
        let (what, time) = match *what {
            [ref what @ .., "within", seconds] => (what, Some(seconds.parse().map_err(|_| "no number of seconds")?)),
            ref what => (what, None),
        };
        let release = match what {
            ["pinned"] => {
                let pins = serde_json::to_string(&self.pins).unwrap();
                Release::pinned(serde_json::from_str(&pins).unwrap())
            }
            _ => Release::parse(content::manifest(what)?.as_bytes()),
        };
        let release = release.map_err(|error| format!("{error:?}"))?;
        self.before = self.registries.iter().map(|(name, it)| (name.clone(), it.state().calls.len())).collect();
        let (source, targets) = (self.registries[0].1.clone(), self.registries[1..].iter().map(|(_, it)| it.clone()));
        let promotion = Promotion::new(source, targets, Patience::default(), Limits::default());
        let deadline = time.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        let result = promotion.run(release, until, deadline).await;
        if let Ok(report) = &result {
            self.pins.clone_from(&report.images);
        }
        self.latest = Some(result);
        Ok(())
    }

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

    pub(crate) fn left_elsewhere(&self, count: usize) -> Result<(), String> {
        let left = self.report()?.planned.non_distributable;
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

    /// The target has exactly these tags, each on what the source or the scenario says, and everything below it, byte for byte.
    pub(crate) fn has(&self, target: &str, images: &[&str]) -> Result<(), String> {
        let mut wanted = BTreeMap::new();
        for image in images {
            let (name, content) = image.split_once('=').map_or((*image, None), |(name, content)| (name, Some(content)));
            let (repository, tag) = name.split_once(':').ok_or("an image is written repository:tag")?;
            let tag = tag.parse().map_err(|error| format!("{error}"))?;
            let digest = match content {
                Some(content) => digest_of(content)?,
                None => self.in_repository("source", repository, |held| held.tags[&tag])?,
            };
            wanted.insert(name.to_owned(), digest);
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

    pub(crate) fn end(&self) -> Result<(), String> {
        if self.is_judged && self.latest.is_some() { Ok(()) } else { Err("how did it end?".into()) }
    }
}
