use promotion::Name;

use crate::fault_kinds::FaultKind;
use crate::foreign::Foreign;
use crate::setup::{RequestKind, Setup, Setups, Waiting};

/// How often a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Times {
    Once,
    Always,
}

/// One fault of one kind of request.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) request_kind: &'a RequestKind,
    pub(crate) fault_kind: &'static FaultKind,
    pub(crate) times: Times,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There was nothing to strike.
    Nothing,
    Success,
    /// A success that left the referrers behind.
    WithoutReferrers,
    Failure(Name),
}

/// No promotion of these images, however often it asks again, needs more requests than this.
const MOST_REQUESTS: usize = 1500;

/// A fault once and always, each on a promotion of its own.
pub(crate) async fn pair<'a>(
    request_kind: &'a RequestKind,
    fault_kind: &'static FaultKind,
    setups: &impl Setups,
    foreign: &Foreign,
) -> [(Case<'a>, Result<Outcome, String>); 2] {
    let [once, always] = [Times::Once, Times::Always].map(|times| Case { request_kind, fault_kind, times });
    let seen = Box::pin(once.run(setups, foreign)).await;
    // Where there is nothing to strike once, there is nothing to strike always.
    let other = match seen {
        Ok(Outcome::Nothing) => Ok(Outcome::Nothing),
        _ => Box::pin(always.run(setups, foreign)).await,
    };
    [(once, seen), (always, other)]
}

impl Case<'_> {
    /// Promotes, and judges what came of it.
    ///
    /// # Errors
    /// What must not be, whatever the fault.
    pub(crate) async fn run(&self, setups: &impl Setups, foreign: &Foreign) -> Result<Outcome, String> {
        let failing = self.fault_kind.of(self.request_kind, foreign, setups.is_ecr());
        let Some(failing) = failing else { return Ok(Outcome::Nothing) };
        let setup = setups.setup().await;
        setup.fail(self.request_kind, self.times, failing);
        let result = setup.promote(if self.fault_kind.waits { Waiting::Short } else { Waiting::Usual }).await;
        let (has_struck, requests) = (setup.has_struck(), setup.requests());
        let wrong = |why: String| format!("{self:?}: {why}, after {result:?}");
        let outcome = match &result {
            Ok(_) if setup.check(&setup.is_whole).is_ok() => Outcome::Success,
            Ok(report) if self.request_kind.is_list() || !report.notes.is_empty() => {
                setup.check(&setup.image_is_whole).map_err(wrong)?;
                Outcome::WithoutReferrers
            }
            Ok(_) => return Err(wrong(setup.check(&setup.is_whole).unwrap_err())),
            Err(error) => {
                setup.check(&setup.tags_are_whole).map_err(wrong)?;
                Outcome::Failure(error.name())
            }
        };
        if requests > MOST_REQUESTS {
            return Err(wrong(format!("{requests} requests")));
        }
        if let Err(error) = &result {
            println!("{self:?}: {error:?}");
            // What failed before anything was written leaves nothing that the next run could stumble over.
            if self.request_kind.writes() {
                Box::pin(self.heals(&setup)).await.map_err(wrong)?;
            }
        }
        Ok(if has_struck { outcome } else { Outcome::Nothing })
    }

    /// Without the fault the next run finishes.
    async fn heals(&self, setup: &Setup) -> Result<(), String> {
        setup.heal();
        setup.promote(Waiting::Usual).await.map_err(|error| format!("the next run fails: {error:?}"))?;
        setup.check(&setup.is_whole).map_err(|why| format!("{why} after the next run"))
    }
}

impl std::fmt::Debug for Case<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { request_kind, fault_kind, times } = self;
        write!(f, "{}, {}: {} {times:?}", request_kind.route, request_kind.request, fault_kind.title)
    }
}
