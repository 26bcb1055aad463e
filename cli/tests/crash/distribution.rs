use std::sync::atomic::{AtomicUsize, Ordering};

use docker_registry::held::Held;
use docker_registry::{Auth, Disk, Server, push};
use image_fixtures::{Fixture, shared_layers};
use proxy::{Fault, Proxy};

use crate::sweep::{Setup, sweep};

/// Three registries, in which each moment has repositories of its own.
struct Registries {
    servers: [Server; 3],
    image: Fixture,
    serial: AtomicUsize,
}

impl Registries {
    async fn start() -> Self {
        let servers = [(); 3].map(|()| Server::start(Auth::None));
        let image = shared_layers("team/app", "1.0");
        push(&image, servers[0].host(), None).await;
        Self { servers, image, serial: AtomicUsize::new(0) }
    }

    async fn moment(&self) -> CrashSetup {
        let path = format!("moment{}", self.serial.fetch_add(1, Ordering::Relaxed));
        let [source, targets @ ..] = self.servers.each_ref().map(Disk::of);
        source.alias(&path, "team");
        let image = Fixture { repository: format!("{path}/app"), ..self.image.clone() };
        let mut ways = Vec::new();
        for server in &self.servers {
            ways.push(Proxy::start(server.host()).await);
        }
        CrashSetup { ways, targets, image }
    }
}

struct CrashSetup {
    ways: Vec<Proxy>,
    targets: [Disk; 2],
    image: Fixture,
}

impl Setup for CrashSetup {
    fn targets(&self) -> Vec<&dyn Held> {
        self.targets.iter().map(|disk| disk as &dyn Held).collect()
    }

    fn ways(&self) -> Vec<&Proxy> {
        self.ways.iter().collect()
    }

    fn fixture(&self) -> &Fixture {
        &self.image
    }

    fn arguments(&self) -> Vec<String> {
        let named = ["--source", "--target", "--target"].into_iter().zip(&self.ways);
        named.flat_map(|(option, way)| [option.to_owned(), format!("http://{}", way.host())]).collect()
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![]
    }
}

async fn at_each_request(way: usize, fault: Fault) {
    let registries = Registries::start().await;
    let moments = sweep(async || registries.moment().await, way, fault).await;
    println!("{moments} moments");
    assert!(moments > 10, "all requests pass the proxies");
}

#[tokio::test]
async fn before_the_source_is_asked() {
    at_each_request(0, Fault::Hang).await;
}

#[tokio::test]
async fn before_a_target_is_asked() {
    at_each_request(1, Fault::Hang).await;
}

#[tokio::test]
async fn before_a_target_answers() {
    at_each_request(1, Fault::HoldAnswer).await;
}

#[tokio::test]
async fn before_the_other_target_is_asked() {
    at_each_request(2, Fault::Hang).await;
}

#[tokio::test]
async fn before_the_other_target_answers() {
    at_each_request(2, Fault::HoldAnswer).await;
}
