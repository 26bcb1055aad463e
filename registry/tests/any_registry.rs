//! Holds any registry to what docker-registry is held to. Off unless asked for: what is pushed stays there.
//!
//! `TRANSSHIP_TEST_REGISTRY` is a registry as the command line takes it (`host[:port]`, or `http://host:port` for one
//! without TLS), `TRANSSHIP_TEST_REPOSITORY` and `TRANSSHIP_TEST_SIBLING` are two of its repositories that may be
//! written, `TRANSSHIP_TEST_USER` and `TRANSSHIP_TEST_PASSWORD` a login, where one is needed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use registry::{Address, Distributions, Login, Network, Side};

const VARIABLES: [&str; 3] = ["TRANSSHIP_TEST_REGISTRY", "TRANSSHIP_TEST_REPOSITORY", "TRANSSHIP_TEST_SIBLING"];
const LOGIN: [&str; 2] = ["TRANSSHIP_TEST_USER", "TRANSSHIP_TEST_PASSWORD"];

fn main() {
    let Some(named) = read(&VARIABLES) else {
        println!(
            "any registry: skipped; set {} to run it, and {} for a login",
            VARIABLES.join(", "),
            LOGIN.join(" and ")
        );
        return;
    };
    let login = read(&LOGIN).map_or(Login::Anonymous, |login| Login::Basic {
        user: login[0].clone(),
        password: login[1].clone(),
        from: LOGIN[0].into(),
    });
    let address: Address = named[0].parse().unwrap();
    println!("any registry: {address} as {login}, repositories {} and {}", named[1], named[2]);
    let [repository, sibling] = [&named[1], &named[2]].map(|name| name.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let target = Distributions::new(&Network::from_environment()).unwrap().connect(address, login, Side::Target);
        promotion::conformance::all(&target, &repository, &sibling, None).await;
    });
}

fn read(names: &[&str]) -> Option<Vec<String>> {
    names.iter().map(|name| std::env::var(name).ok()).collect()
}
