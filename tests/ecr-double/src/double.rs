//! A running double.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::config::{Config, Switches};
use crate::faults::{Fault, FaultRule, Hold};
use crate::guard::callers::Caller;
use crate::handle::RegistryHandle;
use crate::log::{ActionUse, RequestRecord};
use crate::names::RegistryId;
use crate::world::{Ports, World};

/// A stand-in for ECR on free ports of 127.0.0.1. It runs on threads of its own, and stops when dropped.
#[derive(Debug)]
pub struct EcrDouble {
    world: Arc<World>,
    ports: Ports,
    runtime: Option<Runtime>,
    temporary: bool,
}

impl EcrDouble {
    /// Starts a double and waits until it listens.
    ///
    /// # Errors
    /// A port is taken, or the directory cannot be used.
    pub async fn start(config: Config) -> io::Result<Self> {
        Self::start_now(config)
    }

    /// The same, outside an async runtime.
    ///
    /// # Errors
    /// A port is taken, or the directory cannot be used.
    pub fn start_now(config: Config) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("ecr-double").enable_all().build()?;
        let temporary = config.dir.is_none();
        let dir = config.dir.clone().unwrap_or_else(scratch);
        let world = World::open(config, dir, runtime.handle().clone())?;
        let ports = *world.ports.get().ok_or(io::ErrorKind::NotConnected)?;
        let saved = Arc::clone(&world);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(200)).await;
                if let Err(error) = saved.store.flush() {
                    tracing::error!(%error, "the double cannot write its state");
                }
            }
        });
        Ok(Self { world, ports, runtime: Some(runtime), temporary })
    }

    /// The endpoint of the ECR API: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn api_endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.api)
    }

    /// The endpoint that stands for S3.
    #[must_use]
    pub fn s3_endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.s3)
    }

    /// The control endpoint.
    #[must_use]
    pub fn control_endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.control)
    }

    /// The relay to the STS this double was given: roles assumed through it are known by name.
    #[must_use]
    pub fn sts_endpoint(&self) -> Option<String> {
        self.ports.sts.map(|port| format!("http://127.0.0.1:{port}"))
    }

    /// All endpoints and registries, as the binary prints them.
    #[must_use]
    pub fn overview(&self) -> serde_json::Value {
        crate::control::overview(&self.world)
    }

    /// A registry, which is opened if it was not yet.
    ///
    /// # Panics
    /// When its port cannot be opened.
    #[must_use]
    #[allow(clippy::expect_used)] // A test has nothing better to do without a port.
    pub fn registry(&self, account: &str, region: &str) -> RegistryHandle {
        let id = RegistryId::new(account, region);
        let host = self.world.host(&id).expect("a free port for the registry");
        RegistryHandle::new(Arc::clone(&self.world), id, host)
    }

    /// The registries that are open, with their hosts.
    #[must_use]
    pub fn registries(&self) -> BTreeMap<RegistryId, String> {
        self.world.hosts().into_iter().map(|(id, port)| (id, format!("127.0.0.1:{port}"))).collect()
    }

    /// Where the state lives.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.world.dir
    }

    /// Every request since the start or the last reset, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.world.log.records()
    }

    /// The requests of one operation; `*` stands for any run of characters.
    #[must_use]
    pub fn requests_of(&self, operation: &str) -> Vec<RequestRecord> {
        let mut all = self.requests();
        all.retain(|record| crate::names::wildcard(operation, &record.operation));
        all
    }

    /// How many requests of each operation there were.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for record in self.requests() {
            *counts.entry(record.operation).or_default() += 1;
        }
        counts
    }

    /// The IAM actions each caller needed, by the caller's ARN.
    #[must_use]
    pub fn actions(&self) -> BTreeMap<String, Vec<ActionUse>> {
        self.world.log.actions()
    }

    /// Forgets the requests so far.
    pub fn reset_requests(&self) {
        self.world.log.reset();
    }

    /// Sets a fault. Rules are weighed in the order they were set.
    pub fn fault(&self, rule: FaultRule) {
        self.world.faults.add(rule);
    }

    /// Holds the first request of an operation to an account's registry, as soon as it arrives and before anything is
    /// done for it.
    #[must_use]
    pub fn hold(&self, operation: &str, account: &str) -> Hold {
        self.hold_nth(operation, account, 1)
    }

    /// The same for the nth from now on, counting from 1.
    #[must_use]
    pub fn hold_nth(&self, operation: &str, account: &str, nth: u64) -> Hold {
        self.world.faults.hold(FaultRule::always(operation, Fault::Delay { millis: 0 }).account(account).nth(nth))
    }

    /// Lifts all faults.
    pub fn clear_faults(&self) {
        self.world.faults.clear();
    }

    /// Has reads see all that was written, however late it was to be seen.
    pub fn catch_up(&self) {
        self.world.store.catch_up();
    }

    /// Sends clients that learn the address of one of this double's hosts, `127.0.0.1:PORT` of a registry or of S3, to
    /// another one instead: to a proxy before it, say. The API never gives an address of its own.
    pub fn detour(&self, host: &str, by: &str) {
        self.world.detour(host, by);
    }

    /// Makes an access key known.
    pub fn caller(&self, caller: Caller) {
        self.world.callers.set(caller);
    }

    /// Gives a role or user identity policies, in place of those it had. Without any it is allowed nothing.
    ///
    /// # Panics
    /// When the principal is neither, or a policy has what the double does not know.
    #[allow(clippy::panic)] // A test that set its stage wrongly should stop.
    pub fn identity_policies(&self, principal: &str, documents: &[serde_json::Value]) {
        if let Err(why) = self.world.identities.set(principal, documents) {
            panic!("{why}");
        }
    }

    /// Changes switches.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        self.world.switch(change);
    }

    /// Sets the quotas: requests per second by operation. An empty map lifts them.
    pub fn quotas(&self, rates: BTreeMap<String, f64>) {
        self.world.quotas.set(rates);
    }

    /// Moves the double's clock forward: tokens and URLs expire.
    pub fn advance_clock(&self, by: Duration) {
        self.world.clock.advance(by);
    }

    /// Lets every token given out so far expire.
    pub fn expire_tokens(&self) {
        self.world.tokens.expire_all();
    }

    /// Forgets all uploads in progress, and says how many there were.
    pub fn drop_uploads(&self) -> usize {
        self.world.uploads.vanish()
    }
}

impl Drop for EcrDouble {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A plain drop would panic inside an async test.
            runtime.shutdown_background();
        }
        if self.temporary {
            let _ = std::fs::remove_dir_all(&self.world.dir);
        } else if let Err(error) = self.world.store.flush() {
            tracing::error!(%error, "the double cannot write its state");
        }
    }
}

fn scratch() -> PathBuf {
    static SERIAL: AtomicU64 = AtomicU64::new(0);
    let serial = SERIAL.fetch_add(1, Ordering::SeqCst);
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
    std::env::temp_dir().join(format!("ecr-double-{}-{serial}-{nanos}", std::process::id()))
}
