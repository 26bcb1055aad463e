//! What was written and is not seen yet: many registries answer reads from a copy that is behind (junjo#19,
//! docker-manifest-create-action#857).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::lock::lock;

/// For how long reads do not see what was written: until both are over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lag {
    /// So many looks at it.
    pub(crate) looks: u64,
    /// So much time.
    pub(crate) time: Duration,
}

/// What can be seen late.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Thing {
    Manifest(String),
    Tag(String),
    Blob(String),
}

/// What of a repository is hidden. Writes know all the same what is there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Late(Arc<Mutex<BTreeMap<Thing, Hidden>>>);

#[derive(Debug)]
struct Hidden {
    looks: u64,
    until: Instant,
    previous: Option<String>,
}

/// What a look at something shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    Current,
    /// Nothing, or of a tag what it pointed to before.
    Earlier(Option<String>),
}

impl Late {
    /// Hides something. Of a tag, `previous` is what it pointed to.
    pub(crate) fn hide(&self, thing: Thing, lag: Option<Lag>, previous: Option<String>) {
        if let Some(Lag { looks, time }) = lag {
            // A century is for good, and can be added to the time on every machine.
            let time = time.min(Duration::from_secs(3_000_000_000));
            lock(&self.0).insert(thing, Hidden { looks, until: Instant::now() + time, previous });
        }
    }

    /// Looks at something, which counts.
    pub(crate) fn look(&self, thing: &Thing) -> Sight {
        let mut hidden = lock(&self.0);
        let Some(found) = hidden.get_mut(thing) else {
            return Sight::Current;
        };
        if found.looks == 0 && found.until <= Instant::now() {
            hidden.remove(thing);
            return Sight::Current;
        }
        found.looks = found.looks.saturating_sub(1);
        Sight::Earlier(found.previous.clone())
    }

    /// Hides nothing any more.
    pub(crate) fn catch_up(&self) {
        lock(&self.0).clear();
    }

    /// Looks at everything that is hidden, as a list does.
    pub(crate) fn look_at_all(&self) -> Vec<(Thing, Option<String>)> {
        let things: Vec<Thing> = lock(&self.0).keys().cloned().collect();
        let earlier = things.into_iter().map(|thing| (self.look(&thing), thing));
        earlier
            .filter_map(|(sight, thing)| match sight {
                Sight::Current => None,
                Sight::Earlier(previous) => Some((thing, previous)),
            })
            .collect()
    }
}
