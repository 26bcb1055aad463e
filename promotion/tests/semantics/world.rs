//! What a scenario plays on: a source and targets in memory, and what the latest promotion came to. What it expects is
//! in `expect.rs`.

use std::collections::HashMap;
use std::time::Duration;

use promotion::{Error, Limits, PinnedImage, Promotion, ReferrerPolicy, Release, Report, RetryPolicy, Until};
use tokio::time::Instant;

use crate::content::{self, digest_of};
use crate::memory::images::{attach, sign};
use crate::memory::{Fault, Held, Memory};

pub(crate) struct World {
    /// The source first.
    pub(crate) registries: Vec<(String, Memory)>,
    faults: HashMap<String, Vec<Rule>>,
    /// What the latest successful promotion pinned.
    pins: Vec<PinnedImage>,
    pub(crate) latest: Option<Result<Report, Error>>,
    pub(crate) is_judged: bool,
    /// How many calls each registry had had when the latest promotion began.
    pub(crate) before: HashMap<String, usize>,
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

    pub(crate) fn attach(&self, place: &str, repository: &str, text: &str, subject: &str) -> Result<(), String> {
        let registry = self.registry(place)?;
        attach(registry, repository, &content::manifest_of(subject)?, text);
        Ok(())
    }

    pub(crate) fn sign(&self, place: &str, repository: &str, subject: &str, layers: &str) -> Result<(), String> {
        let layers: Vec<_> = layers.split(',').collect();
        sign(self.registry(place)?, repository, &content::manifest_of(subject)?, &layers);
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

    pub(crate) fn in_repository<T>(
        &self,
        place: &str,
        repository: &str,
        act: impl FnOnce(&mut Held) -> T,
    ) -> Result<T, String> {
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
        let (what, referrer_policy) = match *what {
            [ref what @ .., "without", "referrers"] => (what, ReferrerPolicy::Leave),
            [ref what @ .., "requiring", "referrers"] => (what, ReferrerPolicy::Require),
            ref what => (what, ReferrerPolicy::Carry),
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
        let promotion =
            Promotion::new(source, targets, RetryPolicy::default(), Limits::default()).with_referrers(referrer_policy);
        let deadline = time.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        let result = promotion.run(release, until, deadline).await;
        if let Ok(report) = &result {
            self.pins.clone_from(&report.images);
        }
        self.latest = Some(result);
        Ok(())
    }

    pub(crate) fn end(&self) -> Result<(), String> {
        if self.is_judged && self.latest.is_some() { Ok(()) } else { Err("how did it end?".into()) }
    }
}
