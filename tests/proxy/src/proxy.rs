use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::connection::{self, Upstream};
use crate::fault::Rule;
use crate::kind::Seen;
use crate::state::State;

/// What lies between the two sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Link {
    /// Added once to each request, before it is passed on.
    pub latency: Duration,
    /// Bytes per second of the bodies of one connection, in each direction; unbounded if not set.
    pub bandwidth: Option<u64>,
}

/// A proxy that runs until this is dropped, its connections with it.
#[derive(Debug)]
pub struct Proxy {
    host: String,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1, before the registry at `upstream` (`127.0.0.1:PORT`, plain HTTP).
    ///
    /// # Errors
    /// Those of the listener.
    pub async fn open(upstream: &str, link: Link) -> io::Result<Self> {
        Self::before(Upstream { registry: upstream.to_owned(), ..Upstream::default() }, link).await
    }

    /// The same, before a registry that keeps its blobs in a storage, as ECR does in S3: who asks for a blob is sent on
    /// to `storage` (`127.0.0.1:PORT`), which may be another proxy.
    ///
    /// # Errors
    /// Those of the listener.
    pub async fn open_with_storage(upstream: &str, storage: &str, link: Link) -> io::Result<Self> {
        let storage = Some(storage.to_owned());
        Self::before(Upstream { registry: upstream.to_owned(), storage, ..Upstream::default() }, link).await
    }

    async fn before(upstream: Upstream, link: Link) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let host = listener.local_addr()?.to_string();
        let state = Arc::new(State::new());
        let serving = tokio::spawn(serve(listener, Arc::new(upstream), link, Arc::clone(&state)));
        Ok(Self { host, state, serving })
    }

    /// The same, for tests: with neither latency nor a bound.
    ///
    /// # Panics
    /// If there is no free port.
    #[allow(clippy::panic, reason = "a test fails by panicking")]
    pub async fn start(upstream: &str) -> Self {
        match Self::open(upstream, Link::default()).await {
            Ok(proxy) => proxy,
            Err(error) => panic!("a proxy before {upstream}: {error}"),
        }
    }

    /// The same, before a token server as well (`127.0.0.1:PORT`): challenges of the registry that name it name this
    /// proxy instead.
    ///
    /// # Panics
    /// If there is no free port.
    #[allow(clippy::panic, reason = "a test fails by panicking")]
    pub async fn start_with_tokens(upstream: &str, tokens: &str) -> Self {
        let upstream =
            Upstream { registry: upstream.to_owned(), tokens: Some(tokens.to_owned()), ..Upstream::default() };
        match Self::before(upstream, Link::default()).await {
            Ok(proxy) => proxy,
            Err(error) => panic!("a proxy before a registry with tokens: {error}"),
        }
    }

    /// `127.0.0.1:PORT`
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What arrived since the start, or since the last [`reset`](Self::reset).
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.state.seen()
    }

    /// What `GET /.proxy/requests` answers.
    #[must_use]
    pub fn overview(&self) -> Value {
        self.state.overview()
    }

    /// Forgets what arrived.
    pub fn reset(&self) {
        self.state.forget();
    }

    /// Fails from now on as the rule says. Where several apply, the first decides.
    pub fn fail(&self, rule: Rule) {
        self.state.add(rule);
    }

    /// How many requests a fault has struck since the start, or since the last [`reset`](Self::reset): one of a body
    /// strikes none without a body.
    #[must_use]
    pub fn struck(&self) -> usize {
        self.state.struck()
    }

    /// Passes on all that comes from now on. What is held back stays so.
    pub fn heal(&self) {
        self.state.clear_rules();
    }

    /// Waits until a request is held back by [`Fault::Hang`](crate::Fault::Hang) or
    /// [`Fault::HoldAnswer`](crate::Fault::HoldAnswer), the registry having done by then what it does.
    pub async fn holding(&self) {
        // The sender lives as long as the proxy.
        let _ = self.state.holding.subscribe().wait_for(|holding| *holding).await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The connections are tasks of this one.
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, upstream: Arc<Upstream>, link: Link, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(connection::serve(stream, Arc::clone(&upstream), link, Arc::clone(&state)));
    }
}
