//! Listeners on 127.0.0.1, one for each host that a registry has, and what each answers.

use std::collections::HashSet;
use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Response, server};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::answer::Answer;
use crate::odd::Odd;
use crate::profile::{Front, Profile, Referrers};
use crate::request::{Request, Route};
use crate::seen::{Seen, Surface};
use crate::store::Store;
use crate::tokens::Tokens;
use crate::{blobs, manifests, referrers, tags, tokens, uploads};

const SURFACES: [Surface; 4] = [Surface::Registry, Surface::Backend, Surface::Storage, Surface::Tokens];

/// `127.0.0.1:PORT` of each surface.
#[derive(Debug)]
pub(crate) struct Hosts([String; 4]);

impl Hosts {
    /// `http://127.0.0.1:PORT`
    pub(crate) fn of(&self, surface: Surface) -> String {
        let at = SURFACES.iter().position(|known| *known == surface);
        format!("http://{}", at.and_then(|at| self.0.get(at)).map(String::as_str).unwrap_or_default())
    }

    pub(crate) fn registry(&self) -> String {
        self.of(Surface::Registry)
    }

    pub(crate) fn storage(&self) -> String {
        self.of(Surface::Storage)
    }

    pub(crate) fn tokens(&self) -> String {
        self.of(Surface::Tokens)
    }
}

/// One registry.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) profile: Profile,
    pub(crate) hosts: Hosts,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) seen: Vec<Seen>,
    pub(crate) odd: Vec<Odd>,
    tokens: Tokens,
    /// The requests that were throttled once.
    throttled: HashSet<(String, String)>,
}

impl Shared {
    /// Opens all listeners, and serves them until the runtime ends.
    pub(crate) async fn start(profile: Profile) -> io::Result<Arc<Self>> {
        let mut listeners = Vec::new();
        for _ in SURFACES {
            listeners.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?);
        }
        let mut hosts = <[String; 4]>::default();
        for (host, listener) in hosts.iter_mut().zip(&listeners) {
            *host = listener.local_addr()?.to_string();
        }
        let shared = Arc::new(Self { profile, hosts: Hosts(hosts), state: Mutex::default() });
        for (surface, listener) in SURFACES.into_iter().zip(listeners) {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let _ = stream.set_nodelay(true);
                    tokio::spawn(connection(Arc::clone(&shared), surface, stream));
                }
            });
        }
        Ok(shared)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut state = self.state();
        let odd = state.odd.iter_mut().find_map(|odd| odd.take(request));
        let answer = match odd {
            Some(refusal) => refusal.into(),
            None => self.regular(&mut state, request),
        };
        state.seen.push(Seen {
            surface: request.surface,
            method: request.method.clone(),
            target: request.target.clone(),
            status: answer.status,
            is_authorized: request.header("authorization").is_some(),
        });
        answer
    }

    fn regular(&self, state: &mut State, request: &Request) -> Answer {
        if let Some(refusal) = self.profile.throttle.filter(|_| state.throttled.insert(identity(request))) {
            return refusal.into();
        }
        if tokens::is_for_token_server(&self.profile, request) {
            return state.tokens.give(&self.profile, request);
        }
        match (request.surface, self.profile.front) {
            (Surface::Tokens, _) => Answer::new(404),
            (Surface::Backend, _) if request.path() == referrers::PAGE => match self.profile.referrers {
                Referrers::LedAway(_, page) => page.into(),
                _ => Answer::new(404),
            },
            (Surface::Storage, _) => blobs::storage(&self.profile, &state.store, request),
            (Surface::Registry, Front::Redirector { write }) => self.lead_on(state, request, write.into()),
            (Surface::Registry | Surface::Backend, _) => self.serve(state, request),
        }
    }

    /// What a server answers that leads all reads elsewhere: blobs to storage, the rest to the registry behind it, both
    /// without the query.
    fn lead_on(&self, state: &State, request: &Request, refused: Answer) -> Answer {
        match request.route() {
            _ if request.is_write() => refused,
            Some(Route::Ping) => {
                let admitted = state.tokens.admit(&self.profile, &self.hosts, request, None);
                admitted.err().unwrap_or_else(|| Answer::new(200))
            }
            Some(Route::Blob(name, digest)) => {
                let to = format!("{}/data/{name}@{digest}?signature=s%2Fs", self.hosts.storage());
                Answer::redirect(307, &to)
            }
            _ => Answer::redirect(307, &format!("{}{}?rid=0", self.hosts.of(Surface::Backend), request.path())),
        }
    }

    fn serve(&self, state: &mut State, request: &Request) -> Answer {
        let uploading = uploads::repository(&state.store, request);
        let route = request.route();
        let repository = uploading.as_deref().or_else(|| route.and_then(Route::repository));
        if request.surface == Surface::Registry
            && let Err(refused) = state.tokens.admit(&self.profile, &self.hosts, request, repository)
        {
            return refused;
        }
        let (profile, hosts, store) = (&self.profile, &self.hosts, &mut state.store);
        match route {
            _ if uploading.is_some() => uploads::go_on(profile, store, request),
            Some(Route::Ping) => Answer::json(200, &serde_json::json!({})),
            Some(Route::Manifest(name, reference)) => manifests::serve(profile, store, request, name, reference),
            Some(Route::Blob(name, digest)) => blobs::serve(profile, store, hosts, request, name, digest),
            Some(Route::NewUpload(name)) => uploads::open(profile, store, hosts, request, name),
            Some(Route::Tags(name)) => tags::list(profile, store, hosts, request, name),
            Some(Route::Referrers(name, subject)) => referrers::list(profile, store, hosts, request, name, subject),
            None => Answer::error(404, "UNSUPPORTED", "404 page not found"),
        }
    }
}

/// What makes a request the same one when it is made again. A blob that is sent again goes to another upload.
fn identity(request: &Request) -> (String, String) {
    let what = match (request.parameter("digest"), request.path().rsplit_once('/')) {
        (Some(digest), Some((uploads, _))) => format!("{uploads} {digest}"),
        _ => request.target.clone(),
    };
    (request.method.clone(), what)
}

type Sent = UnsyncBoxBody<Bytes, Infallible>;

async fn connection(shared: Arc<Shared>, surface: Surface, stream: TcpStream) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { read(surface, request).await.map(|request| respond(&request, shared.answer(&request))) }
    });
    // An error here is a client that went away.
    let _ = server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn read(surface: Surface, request: hyper::Request<Incoming>) -> Result<Request, hyper::Error> {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let body = body.collect().await?.to_bytes();
    Ok(Request { surface, method: parts.method.to_string(), target, headers: parts.headers, body })
}

fn respond(request: &Request, answer: Answer) -> Response<Sent> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    let is_head = request.method == "HEAD";
    if answer.has_length {
        response = response.header("content-length", answer.body.len());
    }
    let body = if is_head { Bytes::new() } else { answer.body };
    let body = if answer.has_length {
        Full::new(body).boxed_unsync()
    } else {
        StreamBody::new(stream::iter([Ok(Frame::data(body))])).boxed_unsync()
    };
    response.body(body).unwrap_or_else(|error| panic!("{}: {error}", request.target))
}
