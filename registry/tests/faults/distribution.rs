use std::sync::atomic::{AtomicUsize, Ordering};

use docker_registry::held::{image_is_whole, is_whole, tags_are_whole};
use docker_registry::{Auth, Disk, PASSWORD, Server, USER, push_as};
use proxy::Proxy;
use registry::{AnyRegistry, Login, Side};
use tokio::sync::OnceCell;

use crate::images::images;
use crate::setup::{Route, Setup, Setups, Waiting};

/// Two registries that ask for tokens. All setups have the same ones: each writes below a path of its own.
pub(crate) struct Distributions {
    servers: [Server; 2],
    /// Whose connections are shared: those that wait as usual, and those that wait a short time only.
    connecting: [registry::Distributions; 2],
    seeded: OnceCell<()>,
    serial: AtomicUsize,
}

impl Distributions {
    pub(crate) fn start() -> Self {
        let servers = [Server::start(Auth::Bearer), Server::start(Auth::Bearer)];
        let connecting = Waiting::ALL.map(|waiting| {
            registry::Distributions::with_timeouts(&registry::Network::default(), waiting.timeouts()).unwrap()
        });
        Self { servers, connecting, seeded: OnceCell::new(), serial: AtomicUsize::new(0) }
    }
}

impl Setups for Distributions {
    fn is_ecr(&self) -> bool {
        false
    }

    async fn setup(&self) -> Setup {
        let seed = async {
            for fixture in &images("team") {
                let token = self.servers[0].tokens().bearer(&fixture.repository);
                push_as(fixture, self.servers[0].host(), Some(token)).await;
            }
        };
        self.seeded.get_or_init(|| seed).await;
        let [source, target] = self.servers.each_ref().map(Disk::of);
        let path = format!("setup{}", self.serial.fetch_add(1, Ordering::Relaxed));
        source.alias(&path, "team");
        let mut routes = Vec::new();
        for (name, server) in ["source", "target"].into_iter().zip(&self.servers) {
            let proxy = Proxy::start_with_tokens(server.host(), server.tokens().host()).await;
            routes.push(Route { name, account: None, proxy });
        }
        let addresses = [0, 1].map(|at: usize| format!("http://{}", routes[at].proxy.host()));
        let [whole, image, tagged] = [target.clone(), target.clone(), target];
        let connecting = self.connecting.clone();
        Setup {
            routes,
            double: None,
            fixtures: images(&path),
            clients: Box::new(move |waiting| {
                let (addresses, connecting) =
                    (addresses.clone(), connecting[usize::from(waiting == Waiting::Short)].clone());
                Box::pin(async move {
                    let [source, target] = &addresses;
                    Ok([(source, Side::Source), (target, Side::Target)].map(|(address, side)| {
                        AnyRegistry::Distribution(connecting.connect(address.parse().unwrap(), user(), side))
                    }))
                })
            }),
            is_whole: Box::new(move |fixture| is_whole(&whole, fixture)),
            image_is_whole: Box::new(move |fixture| image_is_whole(&image, fixture)),
            tags_are_whole: Box::new(move |fixture| tags_are_whole(&tagged, fixture)),
        }
    }
}

fn user() -> Login {
    Login::Basic { user: USER.into(), password: PASSWORD.into(), from: "a test".into() }
}
