//! A release to many registries, by a process that may open few files: macOS allows 256 by default.
//!
//! The client is a process of its own, this same program again, with a limit that it cannot raise; the servers are in
//! this one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::process::Command;
use std::time::{Duration, Instant};

use image_fixtures::Image;
use promotion::{Error, Limits, Promotion, Release, Report, RetryPolicy, Until};
use registry::{Distributions, Login, Network, Side};
use registry_profiles::{PASSWORD, Registry, USER, profiles};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde_json::json;

const TARGETS: usize = 12;
const IMAGES: usize = 24;
const LAYERS: usize = 4;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, limit, source, targets @ ..] = arguments.as_slice()
        && role == "client"
    {
        return client(limit.parse().unwrap(), source, targets);
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (source, targets) = runtime.block_on(async {
        let source = Registry::start(profiles::specified()).await;
        for image in 0..IMAGES {
            let layers = (0..LAYERS).map(|layer| format!("layer {layer} of image {image}").repeat(5_000));
            let content = layers.fold(Image::new(), |image, layer| image.layer(layer)).build();
            source.put(&repository(image), &content.tagged("1"));
        }
        let mut targets = Vec::new();
        for _ in 0..TARGETS {
            let target = Registry::start(profiles::specified()).await;
            (0..IMAGES).for_each(|image| target.create(&repository(image)));
            targets.push(target);
        }
        (source, targets)
    });
    let promote = |limit: u64| {
        let addresses = std::iter::once(&source).chain(&targets).map(Registry::address);
        let arguments = ["client".to_owned(), limit.to_string()].into_iter().chain(addresses);
        let output = Command::new(std::env::current_exe().unwrap()).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        println!("with {limit} descriptors: {}", said.lines().next().unwrap_or_default());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        said
    };
    // It ends soon, says what to change, and leaves no tag.
    let begin = Instant::now();
    let said = promote(40);
    assert!(said.contains("RegistryUnavailable") && said.contains("ulimit -n"), "{said}");
    assert!(!said.contains("attempts"), "what no retry can heal is not retried: {said}");
    println!("after {:?}", begin.elapsed());
    assert!(targets.iter().all(|target| (0..IMAGES).all(|image| target.tags(&repository(image)).is_empty())));
    let said = promote(256);
    assert!(said.starts_with("promoted"), "{said}");
    for target in &targets {
        for image in 0..IMAGES {
            assert_eq!(target.manifest(&repository(image), "1"), source.manifest(&repository(image), "1"));
        }
    }
}

fn repository(image: usize) -> String {
    format!("team/app-{image}")
}

fn client(limit: u64, source: &str, targets: &[String]) {
    setrlimit(Resource::Nofile, Rlimit { current: Some(limit / 2), maximum: Some(limit) }).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match runtime.block_on(promote(source, targets)) {
        Ok(report) => println!("promoted, with {} requests", report.requests),
        Err(error) => println!("{}: {error}", error.name()),
    }
}

async fn promote(source: &str, targets: &[String]) -> Result<Report, Error> {
    let distributions = Distributions::new(&Network::default()).unwrap();
    let connect = |address: &str, side| {
        let login = Login::Basic { user: USER.into(), password: PASSWORD.into(), from: "a test".into() };
        distributions.connect(address.parse().unwrap(), login, side)
    };
    let targets: Vec<_> = targets.iter().map(|target| connect(target, Side::Target)).collect();
    let retry_policy = RetryPolicy { initial_backoff: Duration::from_millis(1), ..RetryPolicy::default() };
    let promotion = Promotion::new(connect(source, Side::Source), targets, retry_policy, Limits::default());
    let images: Vec<_> = (0..IMAGES).map(|image| json!({ "repository": repository(image), "tag": "1" })).collect();
    let release = Release::parse(json!({ "images": images }).to_string().as_bytes()).unwrap();
    promotion.run(release, Until::Tagged, None).await
}
