use std::fmt;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Stands before a registry, counts what is asked of it, and fails where it is told to.
///
/// The Host header passes as it came, so that a registry's own Locations lead back through here.
#[derive(Debug)]
pub struct Proxy {
    host: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

/// A request that arrived.
#[derive(Clone, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// What it is about.
    pub kind: Kind,
}

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `/v2/`
    Ping,
    /// A manifest.
    Manifest,
    /// A blob that is there.
    Blob,
    /// A blob on its way.
    Upload,
    /// The tags of a repository.
    Tags,
    /// What refers to a manifest.
    Referrers,
    /// All else.
    Other,
}

impl Proxy {
    /// Listens on a free port, before the registry at `upstream` (`127.0.0.1:PORT`, plain HTTP).
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let host = listener.local_addr().expect("a bound listener has an address").to_string();
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            state: Mutex::default(),
            hanging: watch::Sender::new(false),
        });
        let serving = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self { host, shared, serving }
    }

    /// `127.0.0.1:PORT`
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What arrived since the start, or since the last [`reset`](Self::reset).
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.state().seen.clone()
    }

    /// Forgets what arrived.
    pub fn reset(&self) {
        self.shared.state().seen.clear();
    }

    /// Answers `count` requests, from the last [`reset`](Self::reset) on, and none after them.
    pub fn hang_after(&self, count: usize) {
        self.shared.state().hang_after = Some((count, Fate::Hangs));
    }

    /// The same, but what is not answered reaches the registry all the same.
    pub fn lose_after(&self, count: usize) {
        self.shared.state().hang_after = Some((count, Fate::IsLost));
    }

    /// Waits until a request hangs.
    pub async fn hanging(&self) {
        let mut hanging = self.shared.hanging.subscribe();
        hanging.wait_for(|hanging| *hanging).await.expect("the sender lives as long as the proxy");
    }

    /// Answers the next requests of this kind by this status, so many times.
    pub fn answer(&self, method: Method, kind: Kind, status: u16, times: usize) {
        self.shared.state().answers.push(Answer { method, kind, status, times });
    }

    /// Passes on all that comes from now on. What hangs goes on hanging.
    pub fn heal(&self) {
        let mut state = self.shared.state();
        state.hang_after = None;
        state.answers.clear();
        self.shared.hanging.send_replace(false);
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path.split('?').next().unwrap_or_default())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The connections are tasks of this one.
        self.serving.abort();
    }
}

impl Kind {
    fn of(path: &str) -> Self {
        let has = |part: &str| path.contains(part);
        match path.split('?').next().unwrap_or_default() {
            "/v2/" | "/v2" => Self::Ping,
            _ if has("/blobs/uploads/") => Self::Upload,
            _ if has("/blobs/") => Self::Blob,
            _ if has("/manifests/") => Self::Manifest,
            _ if has("/tags/list") => Self::Tags,
            _ if has("/referrers/") => Self::Referrers,
            _ => Self::Other,
        }
    }
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    state: Mutex<State>,
    hanging: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    seen: Vec<Seen>,
    hang_after: Option<(usize, Fate)>,
    answers: Vec<Answer>,
}

#[derive(Debug)]
struct Answer {
    method: Method,
    kind: Kind,
    status: u16,
    times: usize,
}

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// What becomes of a request.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Passes,
    Hangs,
    /// It passes, and its answer does not.
    IsLost,
    Is(u16),
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self, request: &Request<Incoming>) -> Fate {
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let (kind, method) = (Kind::of(&path), request.method().clone());
        let mut state = self.state();
        let hangs = state.hang_after.filter(|(after, _)| state.seen.len() >= *after);
        let fits = |answer: &&mut Answer| answer.kind == kind && answer.method == method && answer.times > 0;
        let answer = state.answers.iter_mut().find(fits).map(|answer| {
            answer.times -= 1;
            answer.status
        });
        state.seen.push(Seen { method, path, kind });
        match (hangs, answer) {
            (Some((_, fate)), _) => fate,
            (None, Some(status)) => Fate::Is(status),
            (None, None) => Fate::Passes,
        }
    }

    async fn handle(&self, request: Request<Incoming>) -> Result<Response<Body>, Error> {
        match self.fate(&request) {
            Fate::Passes => self.pass(request).await,
            Fate::Hangs => self.hang().await,
            Fate::IsLost => {
                // What is held keeps the registry from hearing that its answer was not wanted.
                let _answer = self.pass(request).await;
                self.hang().await
            }
            Fate::Is(status) => {
                let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
                Ok(Response::builder().status(StatusCode::from_u16(status)?).body(body)?)
            }
        }
    }

    async fn hang<T>(&self) -> T {
        self.hanging.send_replace(true);
        std::future::pending().await
    }

    async fn pass(&self, request: Request<Incoming>) -> Result<Response<Body>, Error> {
        let stream = TcpStream::connect(&self.upstream).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the answer's body, or when the client goes away.
        tokio::spawn(connection);
        Ok(sender.send_request(request).await?.map(http_body_util::BodyExt::boxed_unsync))
    }
}

type Error = Box<dyn std::error::Error + Send + Sync>;

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let _ = stream.set_nodelay(true);
            let service = service_fn(|request| shared.handle(request));
            // An error here is one side that went away.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
