use std::collections::BTreeSet;
use std::time::Duration;

use ecr_double::{EcrDouble, FaultRule};
use image_fixtures::Fixture;
use promotion::{Error, Limits, Promotion, Release, Report, RetryPolicy, Until};
use proxy::{Proxy, Rule};
use registry::{AnyRegistry, Timeouts};
use serde_json::json;

use crate::case::Times;
use crate::fault_kinds::Failing;

/// Makes setups of one kind.
pub(crate) trait Setups: Sync {
    /// A source that holds the images and an empty target, with a proxy on every route there.
    fn setup(&self) -> impl Future<Output = Setup> + Send;

    /// Whether its registries are those of the double of ECR.
    fn is_ecr(&self) -> bool;
}

/// A promotion to be run, and the routes to its registries.
pub(crate) struct Setup {
    pub(crate) routes: Vec<Route>,
    /// The registries, if they are ECR's.
    pub(crate) double: Option<EcrDouble>,
    pub(crate) fixtures: [Fixture; 2],
    /// Clients that know nothing yet.
    pub(crate) clients: Box<dyn Fn(Waiting) -> Clients + Send + Sync>,
    /// Judges what the target holds: after a success, and after an error.
    pub(crate) is_whole: Check,
    pub(crate) image_is_whole: Check,
    pub(crate) tags_are_whole: Check,
}

type Clients = std::pin::Pin<Box<dyn Future<Output = Result<[AnyRegistry; 2], Error>> + Send>>;
type Check = Box<dyn Fn(&Fixture) -> Result<(), String> + Send + Sync>;

/// A proxy, and what it stands before.
pub(crate) struct Route {
    pub(crate) name: &'static str,
    /// Whose registry it leads to, where it is one of ECR.
    pub(crate) account: Option<&'static str>,
    pub(crate) proxy: Proxy,
}

/// One kind of request on one route: a row of the matrix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestKind {
    /// Which route, and its name.
    pub(crate) at: usize,
    pub(crate) route: &'static str,
    pub(crate) request: String,
}

impl RequestKind {
    /// All that a promotion without faults asks for, whatever that is.
    pub(crate) async fn discover(setups: &impl Setups) -> Vec<Self> {
        let setup = setups.setup().await;
        setup.promote(Waiting::Usual).await.unwrap();
        setup.check(&setup.is_whole).unwrap();
        let request_kinds: BTreeSet<_> = setup
            .routes
            .iter()
            .enumerate()
            .flat_map(|(at, route)| {
                route.proxy.requests().into_iter().map(move |seen| Self { at, route: route.name, request: seen.name() })
            })
            .collect();
        request_kinds.into_iter().collect()
    }

    /// Whether it asks for a list of tags or referrers. Nothing but TLS says that such a list was not changed on its
    /// way.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.request.as_str(), "GET tags" | "GET referrers" | "ListImageReferrers")
    }

    /// Whether it changes what the target holds.
    pub(crate) fn writes(&self) -> bool {
        self.request == "PutImage" || ["POST ", "PUT "].iter().any(|method| self.request.starts_with(method))
    }

    /// Whether something can be read afterwards that could not be before.
    pub(crate) fn stores(&self) -> bool {
        matches!(self.request.as_str(), "PutImage" | "PUT manifest" | "PUT tag" | "PUT upload" | "POST mount")
    }

    pub(crate) fn is_api(&self) -> bool {
        self.route.ends_with("API")
    }

    /// What the double of ECR calls it.
    fn operation(&self) -> &str {
        match self.request.as_str() {
            "GET blob" => "v2.GetBlob",
            "GET object" => "s3.GetObject",
            "POST mount" => "v2.MountBlob",
            "POST upload" => "v2.StartUpload",
            "PUT upload" => "v2.PutUpload",
            operation => operation,
        }
    }
}

impl Setup {
    /// Has these requests fail.
    pub(crate) fn fail(&self, request_kind: &RequestKind, times: Times, failing: Failing) {
        let route = &self.routes[request_kind.at];
        match failing {
            Failing::Proxy(fault) => route.proxy.fail(match times {
                Times::Once => Rule::once(&request_kind.request, fault),
                Times::Always => Rule::always(&request_kind.request, fault),
            }),
            Failing::Double(fault) => {
                let rule = FaultRule::always(request_kind.operation(), fault).account(route.account.unwrap());
                self.double.as_ref().unwrap().fault(if times == Times::Once { rule.times(1) } else { rule });
            }
        }
    }

    pub(crate) fn has_struck(&self) -> bool {
        let in_double = |double: &EcrDouble| double.requests().iter().any(|request| request.fault.is_some());
        self.routes.iter().any(|route| route.proxy.struck() > 0) || self.double.as_ref().is_some_and(in_double)
    }

    /// From now on all goes well.
    pub(crate) fn heal(&self) {
        self.routes.iter().for_each(|route| route.proxy.heal());
        if let Some(double) = &self.double {
            double.clear_faults();
            double.catch_up();
        }
    }

    pub(crate) async fn promote(&self, waiting: Waiting) -> Result<Report, Error> {
        let [source, target] = (self.clients)(waiting).await?;
        let pause = Duration::from_millis(1);
        let retry_policy = RetryPolicy {
            attempts: 4,
            initial_backoff: pause,
            max_backoff: 8 * pause,
            patience: 8 * pause,
            lag: 8 * pause,
        };
        let promotion = Promotion::new(source, [target], retry_policy, Limits::default());
        Box::pin(promotion.run(release(&self.fixtures), Until::Tagged, None)).await
    }

    pub(crate) fn check(&self, check: &Check) -> Result<(), String> {
        self.fixtures.iter().try_for_each(check)
    }

    pub(crate) fn requests(&self) -> usize {
        self.routes.iter().map(|route| route.proxy.requests().len()).sum()
    }
}

fn release(fixtures: &[Fixture]) -> Release {
    let entries: Vec<_> = fixtures.iter().map(Fixture::entry).collect();
    Release::parse(json!({ "images": entries }).to_string().as_bytes()).unwrap()
}

/// How long clients wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    Usual,
    /// Little time, for faults that use all there is; and enough for a machine that has much to do.
    Short,
}

impl Waiting {
    pub(crate) const ALL: [Self; 2] = [Self::Usual, Self::Short];

    pub(crate) fn timeouts(self) -> Timeouts {
        let [connect, little] = [10, 3].map(Duration::from_secs);
        match self {
            Self::Usual => Timeouts::default(),
            Self::Short => {
                Timeouts { connect, answer: little, refusal: little, piece: little, accept: little, commit: little }
            }
        }
    }
}
