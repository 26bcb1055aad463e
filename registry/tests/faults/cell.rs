use promotion::Name;
use proxy::Rule;

use crate::columns::Column;
use crate::foreign::Foreign;
use crate::yard::{Hurry, Place, Yard, Yards};

/// How often a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Times {
    Once,
    Always,
}

/// One fault of one kind of request.
#[derive(Clone, Copy)]
pub(crate) struct Cell<'a> {
    pub(crate) place: &'a Place,
    pub(crate) column: &'static Column,
    pub(crate) times: Times,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There was nothing to strike.
    Nothing,
    Success,
    /// A success that left behind what hangs on the images.
    WithoutReferrers,
    Failure(Name),
}

/// No promotion of these images, however often it asks again, needs more requests than this.
const MOST_REQUESTS: usize = 1500;

/// A fault once and always, each on a promotion of its own.
pub(crate) async fn pair<'a>(
    place: &'a Place,
    column: &'static Column,
    yards: &impl Yards,
    foreign: &Foreign,
) -> [(Cell<'a>, Result<Outcome, String>); 2] {
    let [once, always] = [Times::Once, Times::Always].map(|times| Cell { place, column, times });
    let seen = Box::pin(once.run(yards, foreign)).await;
    // Where there is nothing to strike once, there is nothing to strike always.
    let other = match seen {
        Ok(Outcome::Nothing) => Ok(Outcome::Nothing),
        _ => Box::pin(always.run(yards, foreign)).await,
    };
    [(once, seen), (always, other)]
}

impl Cell<'_> {
    /// Promotes, and judges what came of it.
    ///
    /// # Errors
    /// What must not be, whatever the fault.
    pub(crate) async fn run(&self, yards: &impl Yards, foreign: &Foreign) -> Result<Outcome, String> {
        let Some(fault) = (self.column.fault)(self.place, foreign) else { return Ok(Outcome::Nothing) };
        let yard = yards.yard().await;
        let proxy = &yard.ways[self.place.at].proxy;
        proxy.fail(match self.times {
            Times::Once => Rule::once(&self.place.request, fault),
            Times::Always => Rule::always(&self.place.request, fault),
        });
        let result = yard.promote(if self.column.waits { Hurry::Yes } else { Hurry::No }).await;
        let (struck, requests) = (proxy.struck(), yard.requests());
        let told = |why: String| format!("{self:?}: {why}, after {result:?}");
        let outcome = match &result {
            Ok(_) if yard.judge(&yard.is_whole).is_ok() => Outcome::Success,
            Ok(report) if self.place.is_list() || !report.notes.is_empty() => {
                yard.judge(&yard.image_is_whole).map_err(told)?;
                Outcome::WithoutReferrers
            }
            Ok(_) => return Err(told(yard.judge(&yard.is_whole).unwrap_err())),
            Err(error) => {
                yard.judge(&yard.tags_are_whole).map_err(told)?;
                Outcome::Failure(error.name())
            }
        };
        if requests > MOST_REQUESTS {
            return Err(told(format!("{requests} requests")));
        }
        if let Err(error) = &result {
            println!("{self:?}: {error:?}");
            // What failed before anything was written leaves nothing that the next run could stumble over.
            if self.place.writes() {
                Box::pin(self.heals(&yard)).await.map_err(told)?;
            }
        }
        Ok(if struck == 0 { Outcome::Nothing } else { outcome })
    }

    /// Without the fault the next run finishes.
    async fn heals(&self, yard: &Yard) -> Result<(), String> {
        yard.ways[self.place.at].proxy.heal();
        yard.promote(Hurry::No).await.map_err(|error| format!("the next run fails: {error:?}"))?;
        yard.judge(&yard.is_whole).map_err(|why| format!("{why} after the next run"))
    }
}

impl std::fmt::Debug for Cell<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { place, column, times } = self;
        write!(f, "{}, {}: {} {times:?}", place.way, place.request, column.title)
    }
}
