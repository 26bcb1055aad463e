use std::collections::BTreeSet;
use std::time::Duration;

use docker_registry::fixtures::Fixture;
use promotion::{Error, Limits, Patience, Promotion, Release, Report, Until};
use proxy::Proxy;
use registry::{AnyRegistry, Timeouts};
use serde_json::json;

/// Makes yards of one kind.
pub(crate) trait Yards: Sync {
    /// A source that holds the images and an empty target, with a proxy on every way there.
    fn yard(&self) -> impl Future<Output = Yard> + Send;
}

/// A promotion to be run, and the ways to its registries.
pub(crate) struct Yard {
    pub(crate) ways: Vec<Way>,
    pub(crate) fixtures: [Fixture; 2],
    /// Clients that know nothing yet.
    pub(crate) clients: Box<dyn Fn(Hurry) -> Clients + Send + Sync>,
    /// Judges what the target holds: after a success, and after an error.
    pub(crate) is_whole: Judge,
    pub(crate) image_is_whole: Judge,
    pub(crate) tags_are_whole: Judge,
}

type Clients = std::pin::Pin<Box<dyn Future<Output = Result<[AnyRegistry; 2], Error>> + Send>>;
type Judge = Box<dyn Fn(&Fixture) -> Result<(), String> + Send + Sync>;

/// A proxy, and what it stands before.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) proxy: Proxy,
}

/// One kind of request on one way: a row of the matrix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Which way, and its name.
    pub(crate) at: usize,
    pub(crate) way: &'static str,
    pub(crate) request: String,
}

impl Place {
    /// All that a promotion without faults asks for, whatever that is.
    pub(crate) async fn discover(yards: &impl Yards) -> Vec<Self> {
        let yard = yards.yard().await;
        yard.promote(Hurry::No).await.unwrap();
        yard.judge(&yard.is_whole).unwrap();
        let places: BTreeSet<_> = yard
            .ways
            .iter()
            .enumerate()
            .flat_map(|(at, way)| {
                way.proxy.requests().into_iter().map(move |seen| Self { at, way: way.name, request: seen.name() })
            })
            .collect();
        places.into_iter().collect()
    }

    /// Whether it asks for a list of what hangs on an image. Nothing but TLS says that such a list is what it was.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.request.as_str(), "GET tags" | "GET referrers" | "ListImageReferrers")
    }

    /// Whether it changes what the target holds.
    pub(crate) fn writes(&self) -> bool {
        self.request == "PutImage" || ["POST ", "PUT "].iter().any(|method| self.request.starts_with(method))
    }

    pub(crate) fn is_api(&self) -> bool {
        self.way.ends_with("API")
    }
}

impl Yard {
    pub(crate) async fn promote(&self, hurry: Hurry) -> Result<Report, Error> {
        let [source, target] = (self.clients)(hurry).await?;
        let pause = Duration::from_millis(1);
        let patience = Patience { attempts: 4, first_pause: pause, longest_pause: 8 * pause };
        let promotion = Promotion::new(source, [target], patience, Limits::default());
        Box::pin(promotion.run(release(&self.fixtures), Until::Tagged, None)).await
    }

    pub(crate) fn judge(&self, judge: &Judge) -> Result<(), String> {
        self.fixtures.iter().try_for_each(judge)
    }

    pub(crate) fn requests(&self) -> usize {
        self.ways.iter().map(|way| way.proxy.requests().len()).sum()
    }
}

fn release(fixtures: &[Fixture]) -> Release {
    let entries: Vec<_> = fixtures.iter().map(Fixture::entry).collect();
    Release::parse(json!({ "images": entries }).to_string().as_bytes()).unwrap()
}

/// How long clients wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hurry {
    No,
    /// Little time, for faults that use all there is; and enough for a machine that has much to do.
    Yes,
}

impl Hurry {
    pub(crate) const ALL: [Self; 2] = [Self::No, Self::Yes];

    pub(crate) fn timeouts(self) -> Timeouts {
        let [connect, little] = [10, 3].map(Duration::from_secs);
        match self {
            Self::No => Timeouts::default(),
            Self::Yes => {
                Timeouts { connect, answer: little, refusal: little, piece: little, accept: little, commit: little }
            }
        }
    }
}
