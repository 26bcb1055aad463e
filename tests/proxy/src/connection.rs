use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::body::{Body, Passing, Trouble, full};
use crate::fault::Fault;
use crate::kind::{Kind, Seen};
use crate::late::Written;
use crate::pace::Pace;
use crate::proxy::Link;
use crate::state::State;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// What a proxy stands before.
#[derive(Debug, Default)]
pub(crate) struct Upstream {
    pub(crate) registry: String,
    /// The server that gives tokens for it, if it is to be reached through here as well.
    pub(crate) tokens: Option<String>,
    /// Where those are sent who ask for a blob.
    pub(crate) storage: Option<String>,
}

/// Serves one connection of a client to its end.
pub(crate) async fn serve(stream: TcpStream, upstream: Arc<Upstream>, link: Link, state: Arc<State>) {
    let _ = stream.set_nodelay(true);
    let pace = || link.bandwidth.map(|bytes| Arc::new(Pace::new(bytes)));
    let connection = Connection {
        upstream,
        link,
        state,
        up: pace(),
        down: pace(),
        sender: Mutex::default(),
        token_sender: Mutex::default(),
        reset: AtomicBool::default(),
    };
    let service = service_fn(|request| connection.answer(request));
    let mut serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // An error here is a side that went away, or a fault that was asked for.
    let _ = (&mut serving).await;
    if connection.reset.load(Ordering::Relaxed) {
        let _ = serving.into_parts().io.into_inner().set_zero_linger();
    }
}

struct Connection {
    upstream: Arc<Upstream>,
    link: Link,
    state: Arc<State>,
    up: Option<Arc<Pace>>,
    down: Option<Arc<Pace>>,
    /// The one connection to the registry, while it lasts.
    sender: Mutex<Option<SendRequest<Body>>>,
    token_sender: Mutex<Option<SendRequest<Body>>>,
    /// Whether to end with a reset instead of an orderly close.
    reset: AtomicBool,
}

impl Connection {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Error> {
        if request.uri().path() == "/.proxy/requests" {
            return Ok(self.tell(request.method()));
        }
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let seen = Seen::new(request.method().clone(), path, request.headers());
        let stored = self.upstream.storage.as_ref().filter(|_| seen.kind == Kind::Blob && seen.method == Method::GET);
        let stored = stored.map(|storage| format!("http://{storage}{}", seen.path));
        let fault = self.state.meet(seen);
        if !self.link.latency.is_zero() {
            tokio::time::sleep(self.link.latency).await;
        }
        match (fault, stored) {
            (Some(fault), _) => self.fail(request, fault).await,
            (None, Some(stored)) => redirect(stored),
            (None, None) => self.pass(request, None, None).await,
        }
    }

    fn tell(&self, method: &Method) -> Response<Body> {
        match *method {
            Method::GET => Response::new(full(self.state.overview().to_string())),
            Method::DELETE => {
                self.state.forget();
                Response::new(full(""))
            }
            _ => status(StatusCode::METHOD_NOT_ALLOWED, full("")),
        }
    }

    async fn fail(&self, request: Request<Incoming>, fault: Fault) -> Result<Response<Body>, Error> {
        if !meets(&fault, &request) {
            return self.pass(request, None, None).await;
        }
        if !is_of_answer(&fault) {
            self.state.strike();
        }
        let half = half(request.headers());
        match fault {
            Fault::Status { status: code, retry_after, body } => {
                drain(request).await;
                let mut response = status(StatusCode::from_u16(code)?, full(body));
                if let Some(retry_after) = retry_after {
                    response.headers_mut().insert(RETRY_AFTER, HeaderValue::try_from(retry_after)?);
                }
                Ok(response)
            }
            Fault::Redirect(location) => {
                drain(request).await;
                redirect(location)
            }
            Fault::Delay(time) => {
                tokio::time::sleep(time).await;
                self.pass(request, None, None).await
            }
            Fault::SeenLate(looks) => self.write_late(request, looks).await,
            Fault::Reset => self.reset(),
            Fault::Hang => self.hold().await,
            Fault::LoseAnswer => {
                let _answer = self.pass(request, None, None).await?.into_body().collect().await;
                self.reset()
            }
            Fault::HoldAnswer => {
                // What is kept keeps the registry from hearing that its answer is not wanted.
                let _answer = self.pass(request, None, None).await;
                self.hold().await
            }
            Fault::Twice => self.twice(request).await,
            Fault::CutRequest => {
                let _answer = self.pass(request, Some(Trouble::Cut(half)), None).await;
                self.reset()
            }
            Fault::StallRequest => self.pass(request, Some(Trouble::Stall(half)), None).await,
            Fault::FlipRequest => self.pass(request, Some(Trouble::Flip(half)), None).await,
            Fault::CutAnswer => self.pass(request, None, Some(Trouble::Cut)).await,
            Fault::StallAnswer => self.pass(request, None, Some(Trouble::Stall)).await,
            Fault::FlipAnswer => self.pass(request, None, Some(Trouble::Flip)).await,
            Fault::SpoilAuthorization => {
                let mut request = request;
                spoil(request.headers_mut());
                self.pass(request, None, None).await
            }
            Fault::AnnounceLess => self.announce(request, |length| length.saturating_sub(1)).await,
            Fault::AnnounceMore => self.announce(request, |length| length + 1).await,
        }
    }

    /// Passes a request on, and its answer back; `up` and `down` trouble their bodies, the latter half way.
    async fn pass(
        &self,
        request: Request<Incoming>,
        up: Option<Trouble>,
        down: Option<fn(u64) -> Trouble>,
    ) -> Result<Response<Body>, Error> {
        let request = request.map(|body| Passing::body(body, Arc::clone(&self.state.up), self.up.clone(), up));
        let response = self.send(request).await?;
        // What has no body cannot be troubled.
        let down = down.filter(|_| !response.body().is_end_stream());
        let down = down.map(|trouble| {
            self.state.strike();
            trouble(half(response.headers()))
        });
        Ok(response.map(|body| Passing::body(body, Arc::clone(&self.state.down), self.down.clone(), down)))
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Error> {
        let tokens = self.upstream.tokens.as_deref().filter(|_| request.uri().path() == "/token");
        let to = tokens.unwrap_or(&self.upstream.registry);
        let mut slot = if tokens.is_some() { self.token_sender.lock().await } else { self.sender.lock().await };
        let own = request.headers().get(HOST).cloned();
        if let Some(sender) = slot.as_mut()
            && sender.ready().await.is_ok()
        {
            return self.here(sender.send_request(request).await?, own);
        }
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // It ends when the sender is dropped, which is when the client goes away.
        tokio::spawn(connection);
        let response = sender.send_request(request).await?;
        *slot = Some(sender);
        self.here(response, own)
    }

    /// Names this proxy in a challenge that names the token server behind it.
    fn here(&self, mut response: Response<Incoming>, own: Option<HeaderValue>) -> Result<Response<Incoming>, Error> {
        if let (Some(tokens), Some(own), Some(challenge)) =
            (&self.upstream.tokens, own, response.headers_mut().get_mut(WWW_AUTHENTICATE))
        {
            *challenge = HeaderValue::try_from(challenge.to_str()?.replace(tokens, own.to_str()?))?;
        }
        Ok(response)
    }

    async fn twice(&self, request: Request<Incoming>) -> Result<Response<Body>, Error> {
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await?.to_bytes();
        let request = || Request::from_parts(parts.clone(), full(bytes.clone()));
        self.send(request()).await?.into_body().collect().await?;
        let response = self.send(request()).await?;
        Ok(response.map(|body| Passing::body(body, Arc::clone(&self.state.down), self.down.clone(), None)))
    }

    async fn write_late(&self, request: Request<Incoming>, looks: usize) -> Result<Response<Body>, Error> {
        let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let written = Written::by(request.method(), &target);
        let response = self.pass(request, None, None).await?;
        // A mount that is declined is answered with 202.
        let is_done = response.status().is_success() && response.status() != StatusCode::ACCEPTED;
        if let Some(written) = written.filter(|_| is_done) {
            self.state.hide(&written, looks);
        }
        Ok(response)
    }

    async fn announce(&self, request: Request<Incoming>, lie: fn(u64) -> u64) -> Result<Response<Body>, Error> {
        let mut response = self.pass(request, None, Some(|_| Trouble::Lie)).await?;
        if let Some(length) = length(response.headers()).filter(|_| !response.body().is_end_stream()) {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(lie(length)));
        }
        Ok(response)
    }

    fn reset<T>(&self) -> Result<T, Error> {
        self.reset.store(true, Ordering::Relaxed);
        Err(io::Error::from(io::ErrorKind::ConnectionReset).into())
    }

    async fn hold<T>(&self) -> T {
        self.state.holding.send_replace(true);
        std::future::pending().await
    }
}

fn status(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

fn redirect(location: String) -> Result<Response<Body>, Error> {
    let mut response = status(StatusCode::TEMPORARY_REDIRECT, full(""));
    response.headers_mut().insert(LOCATION, HeaderValue::try_from(location)?);
    Ok(response)
}

/// Whether a fault of the request has something to strike: a body, or an authorisation.
fn meets(fault: &Fault, request: &Request<Incoming>) -> bool {
    match fault {
        Fault::CutRequest | Fault::StallRequest | Fault::FlipRequest => !request.body().is_end_stream(),
        Fault::SpoilAuthorization => request.headers().contains_key(AUTHORIZATION),
        _ => true,
    }
}

/// Whether a fault strikes the body of an answer, which there need not be.
fn is_of_answer(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::CutAnswer | Fault::StallAnswer | Fault::FlipAnswer | Fault::AnnounceLess | Fault::AnnounceMore
    )
}

/// Changes what is shown, and not by which scheme.
fn spoil(headers: &mut HeaderMap) {
    for shown in headers.get_all(AUTHORIZATION).iter().cloned().collect::<Vec<_>>() {
        let scheme = shown.to_str().unwrap_or_default().split(' ').next().unwrap_or_default();
        if let Ok(spoilt) = HeaderValue::try_from(format!("{scheme} c3BvaWx0OnNwb2lsdA==")) {
            headers.insert(AUTHORIZATION, spoilt);
        }
    }
}

/// Reads what a client is still sending, so that it gets to see the answer.
async fn drain(request: Request<Incoming>) {
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The middle of a body whose length is announced, the first byte of any other.
fn half(headers: &HeaderMap) -> u64 {
    length(headers).map_or(1, |length| length / 2)
}
