//! Everything the listeners share.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;

use crate::clock::Clock;
use crate::config::{Config, Switches};
use crate::faults::Faults;
use crate::guard::callers::{Caller, Callers};
use crate::guard::identities::Identities;
use crate::guard::quotas::Quotas;
use crate::guard::{sts, tokens::Tokens};
use crate::lock::lock;
use crate::log::Log;
use crate::names::RegistryId;
use crate::pull_through::PullThrough;
use crate::refusal::Refusal;
use crate::server::{Surface, listen};
use crate::store::Store;
use crate::uploads::Uploads;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) runtime: Handle,
    pub(crate) dir: PathBuf,
    pub(crate) store: Store,
    pub(crate) uploads: Uploads,
    pub(crate) clock: Clock,
    pub(crate) log: Arc<Log>,
    pub(crate) faults: Faults,
    pub(crate) quotas: Quotas,
    pub(crate) callers: Callers,
    pub(crate) tokens: Tokens,
    pub(crate) identities: Identities,
    pub(crate) expired_urls: Mutex<Vec<String>>,
    pub(crate) pull_through: PullThrough,
    pub(crate) ports: OnceLock<Ports>,
    switches: Mutex<Switches>,
    detours: Mutex<BTreeMap<String, String>>,
    hosts: Mutex<BTreeMap<RegistryId, u16>>,
    sts_endpoint: Option<String>,
    serial: AtomicU64,
}

/// The ports of the listeners that are there once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) api: u16,
    pub(crate) s3: u16,
    pub(crate) control: u16,
    /// The relay, where there is an STS to relay to.
    pub(crate) sts: Option<u16>,
}

impl World {
    /// Opens the state and all listeners.
    pub(crate) fn open(config: Config, dir: PathBuf, runtime: Handle) -> io::Result<Arc<Self>> {
        let secret = format!("{:?} {}", SystemTime::now().duration_since(UNIX_EPOCH), std::process::id());
        let world = Arc::new(Self {
            runtime,
            store: Store::open(&dir)?,
            dir,
            uploads: Uploads::default(),
            clock: Clock::default(),
            log: Arc::default(),
            faults: Faults::default(),
            quotas: Quotas::default(),
            callers: Callers::default(),
            tokens: Tokens::new(&secret),
            identities: Identities::default(),
            expired_urls: Mutex::default(),
            pull_through: PullThrough::default(),
            ports: OnceLock::new(),
            switches: Mutex::new(config.switches),
            detours: Mutex::default(),
            hosts: Mutex::default(),
            sts_endpoint: config.sts_endpoint,
            serial: AtomicU64::new(0),
        });
        world.quotas.set(config.quotas);
        let ports = Ports {
            api: listen(&world, Surface::Api, config.api_port)?,
            s3: listen(&world, Surface::S3, 0)?,
            control: listen(&world, Surface::Control, config.control_port)?,
            sts: world.sts_endpoint.as_ref().map(|_| listen(&world, Surface::Sts, 0)).transpose()?,
        };
        world.ports.get_or_init(|| ports);
        for id in world.store.ids() {
            let port = config.registries.get(&id).copied().unwrap_or(0);
            world.open_registry(&id, port)?;
        }
        for (id, port) in &config.registries {
            world.open_registry(id, *port)?;
        }
        Ok(world)
    }

    /// `127.0.0.1:PORT` of a registry. Every account has a registry in every region: one not seen before is opened.
    pub(crate) fn host(self: &Arc<Self>, id: &RegistryId) -> io::Result<String> {
        Ok(format!("127.0.0.1:{}", self.open_registry(id, 0)?))
    }

    /// Has a host of this double reached by way of another one.
    pub(crate) fn detour(&self, host: &str, by: &str) {
        lock(&self.detours).insert(host.to_owned(), by.to_owned());
    }

    /// Where a host of this double is reached: there, or where a detour leads by.
    pub(crate) fn reached(&self, host: String) -> String {
        lock(&self.detours).get(&host).cloned().unwrap_or(host)
    }

    fn open_registry(self: &Arc<Self>, id: &RegistryId, port: u16) -> io::Result<u16> {
        let mut hosts = lock(&self.hosts);
        if let Some(open) = hosts.get(id) {
            return Ok(*open);
        }
        let port = listen(self, Surface::V2(id.clone()), port)?;
        hosts.insert(id.clone(), port);
        self.store.with(id, |_| ());
        Ok(port)
    }

    /// The registries that are open, with their ports.
    pub(crate) fn hosts(&self) -> BTreeMap<RegistryId, u16> {
        lock(&self.hosts).clone()
    }

    pub(crate) fn switches(&self) -> Switches {
        lock(&self.switches).clone()
    }

    pub(crate) fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut lock(&self.switches));
    }

    /// Whom a key stands for: configured, an account's root, or known to STS.
    pub(crate) async fn caller(&self, access_key_id: &str) -> Result<Caller, Refusal> {
        if let Some(caller) = self.callers.known(access_key_id) {
            return Ok(caller);
        }
        if let Some(endpoint) = &self.sts_endpoint
            && let Some(caller) = sts::ask(endpoint, access_key_id).await
        {
            self.callers.set(caller.clone());
            return Ok(caller);
        }
        Err(Refusal::new("UnrecognizedClientException", "The security token included in the request is invalid."))
    }

    /// `host:port` of the STS.
    pub(crate) fn sts_host(&self) -> Option<String> {
        let url = url::Url::parse(self.sts_endpoint.as_deref()?).ok()?;
        Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
    }

    /// An identifier in the form of a UUID, unique in this double.
    pub(crate) fn unique(&self) -> String {
        let serial = self.serial.fetch_add(1, Ordering::SeqCst);
        let mark = self.tokens.sign(&serial.to_string());
        let part = |from: usize, to: usize| mark.get(from..to).unwrap_or_default();
        format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
    }
}
