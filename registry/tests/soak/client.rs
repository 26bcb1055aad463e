use std::io::{BufRead as _, Write as _};
use std::time::Duration;

use promotion::{Limits, Promotion, Release, RetryPolicy, Until};
use registry::{Connector, Ecr, Identity, Rates, RegistryId, Side};

use crate::sdk;
use crate::stage::{REGION, SOURCE};

/// Promotes every release that comes in, a line each, and answers each with its figures.
pub(crate) fn run(endpoint: &str, targets: &[&str]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for release in std::io::stdin().lock().lines() {
        let release = Release::parse(release.unwrap().as_bytes()).unwrap();
        let requests = runtime.block_on(promote(endpoint, targets, release));
        // Connections end with their client; their tasks are cancelled, and end when they are next run.
        while runtime.metrics().num_alive_tasks() > 0 {
            runtime.block_on(tokio::task::yield_now());
        }
        let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
        let tasks = runtime.metrics().num_alive_tasks();
        println!("{requests} {} {} {tasks} {descriptors}", held("VmRSS"), held("VmHWM"));
        std::io::stdout().flush().unwrap();
    }
}

async fn promote(endpoint: &str, targets: &[&str], release: Release) -> u64 {
    let source = connect(endpoint, SOURCE, Side::Source).await;
    let mut clients = Vec::new();
    for target in targets {
        clients.push(connect(endpoint, target, Side::Target).await);
    }
    // Pauses that are short for the double, and as many attempts as ever.
    let retry_policy = RetryPolicy { initial_backoff: Duration::from_millis(2), ..RetryPolicy::default() };
    let promotion = Promotion::new(source, clients, retry_policy, Limits::default());
    let Release::Tagged(images) = &release else { panic!("no tags") };
    let images = images.len();
    let report = promotion.run(release, Until::Tagged, None).await.unwrap();
    assert_eq!(report.images.len(), images);
    report.requests
}

async fn connect(endpoint: &str, account: &str, side: Side) -> Ecr {
    let config = sdk::config(endpoint, account, REGION);
    let identity = Identity::from_arn(&format!("arn:aws:iam::{account}:root")).unwrap();
    let connector = Connector::new(&config, identity).unwrap().with_rates(Rates::of_each(10_000));
    connector.connect(RegistryId::new(account, REGION), side, None).await.unwrap()
}

/// Bytes of memory, by its name in proc(5).
fn held(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
