//! What passes the proxy, what it counts, and each of its faults as a client and as the registry see them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use proxy::{Fault, Link, Proxy, Rule};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Answers with what it was sent, and remembers it.
struct Echo {
    host: String,
    arrived: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let echo = Self { host, arrived: Arc::default(), connections: Arc::default() };
        let (arrived, connections) = (Arc::clone(&echo.arrived), Arc::clone(&echo.connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *connections.lock().unwrap() += 1;
                let arrived = Arc::clone(&arrived);
                let service = service_fn(move |request| answer(Arc::clone(&arrived), request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        echo
    }

    fn arrived(&self) -> Vec<String> {
        std::mem::take(&mut self.arrived.lock().unwrap())
    }
}

async fn answer(
    arrived: Arc<Mutex<Vec<String>>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let line = format!("{} {} {}", request.method(), request.uri(), request.headers()["host"].to_str().unwrap());
    let body = request.into_body().collect().await;
    let body = body.map_or("cut".into(), |body| String::from_utf8_lossy(&body.to_bytes()).into_owned());
    let text = format!("{line} {body}");
    arrived.lock().unwrap().push(text.clone());
    Ok(Response::new(Full::from(text)))
}

fn client() -> Client {
    Client::builder()
        .no_proxy()
        .retry(reqwest::retry::never())
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

async fn put(proxy: &Proxy, body: &str) -> reqwest::Result<(StatusCode, String)> {
    let url = format!("http://{}/v2/app/blobs/uploads/1?digest=x", proxy.host());
    let response = client().request(Method::PUT, url).body(body.to_owned()).send().await?;
    Ok((response.status(), response.text().await?))
}

#[tokio::test]
async fn requests_pass_as_they_came_and_are_counted() {
    let echo = Echo::start().await;
    let proxy = Proxy::start(&echo.host).await;
    let (client, host) = (client(), proxy.host());
    for (method, path) in [("GET", "/v2/"), ("GET", "/v2/app/manifests/1"), ("HEAD", "/v2/app/blobs/sha256:0")] {
        let request = client.request(method.parse().unwrap(), format!("http://{host}{path}")).body("abc");
        let text = request.send().await.unwrap().text().await.unwrap();
        let expected = format!("{method} {path} {host} abc");
        assert_eq!(text, if method == "HEAD" { "" } else { &expected });
        assert_eq!(echo.arrived(), [expected]);
    }
    assert_eq!(*echo.connections.lock().unwrap(), 1, "a connection of the client is one to the registry");
    let reply = client.get(format!("http://{host}/.proxy/requests")).send().await.unwrap().text().await.unwrap();
    let down = "GET /v2/ ".len() + "GET /v2/app/manifests/1 ".len() + 2 * (host.len() + " abc".len());
    let expected = json!({
        "requests": 3, "by_kind": { "GET ping": 1, "GET tag": 1, "HEAD blob": 1 }, "bytes_up": 9, "bytes_down": down,
    });
    assert_eq!(serde_json::from_str::<Value>(&reply).unwrap(), expected);
    client.delete(format!("http://{host}/.proxy/requests")).send().await.unwrap();
    let nothing = json!({ "requests": 0, "by_kind": {}, "bytes_up": 0, "bytes_down": 0 });
    assert_eq!(proxy.overview(), nothing);
}

#[tokio::test]
async fn latency_is_for_each_request_and_bandwidth_for_each_connection() {
    let echo = Echo::start().await;
    let link = Link { latency: Duration::from_millis(40), bandwidth: Some(1_000_000) };
    let proxy = Proxy::open(&echo.host, link).await.unwrap();
    let begin = Instant::now();
    put(&proxy, "").await.unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(40));
    let (begin, body) = (Instant::now(), "x".repeat(100_000));
    let (status, text) = put(&proxy, &body).await.unwrap();
    assert!(status.is_success() && text.ends_with(&body));
    // 40 ms, and 100 ms in each direction less the slack.
    assert!(begin.elapsed() >= Duration::from_millis(230), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn who_asks_for_a_blob_is_sent_on_to_the_storage() {
    let registry = Echo::start().await;
    let proxy = Proxy::open_with_storage(&registry.host, "storage.example", Link::default()).await.unwrap();
    for (method, path, stored) in [
        (Method::GET, "/v2/app/blobs/sha256:00", true),
        (Method::HEAD, "/v2/app/blobs/sha256:00", false),
        (Method::GET, "/v2/app/manifests/sha256:00", false),
    ] {
        let url = format!("http://{}{path}", proxy.host());
        let answer = client().request(method.clone(), url).send().await.unwrap();
        let to = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        assert_eq!(to, stored.then(|| format!("http://storage.example{path}")), "{method} {path}");
        assert_eq!(registry.arrived().len(), usize::from(!stored), "{method} {path}");
    }
    assert_eq!(proxy.struck(), 0);
}

#[tokio::test]
async fn each_fault_is_seen_by_those_that_it_is_for() {
    let echo = Echo::start().await;
    let proxy = Proxy::start(&echo.host).await;
    let whole = format!("PUT /v2/app/blobs/uploads/1?digest=x {} abcdef", proxy.host());
    let flipped = whole.replace("def", "eef");
    let gone = || Err::<(StatusCode, String), ()>(());
    for (fault, seen, arrived) in [
        (Fault::status(503), Ok((StatusCode::SERVICE_UNAVAILABLE, String::new())), vec![]),
        (Fault::Redirect("http://x.example/".into()), Ok((StatusCode::TEMPORARY_REDIRECT, String::new())), vec![]),
        (Fault::Reset, gone(), vec![]),
        (Fault::Delay(Duration::from_millis(1)), Ok((StatusCode::OK, whole.clone())), vec![whole.clone()]),
        (Fault::LoseAnswer, gone(), vec![whole.clone()]),
        (Fault::Twice, Ok((StatusCode::OK, whole.clone())), vec![whole.clone(), whole.clone()]),
        (Fault::FlipRequest, Ok((StatusCode::OK, flipped.clone())), vec![flipped]),
        (Fault::CutAnswer, gone(), vec![whole.clone()]),
        (Fault::AnnounceLess, Ok((StatusCode::OK, whole[..whole.len() - 1].to_owned())), vec![whole.clone()]),
        (Fault::AnnounceMore, gone(), vec![whole.clone()]),
    ] {
        proxy.fail(Rule::once("PUT upload", fault.clone()));
        assert_eq!(put(&proxy, "abcdef").await.map_err(drop), seen, "{fault:?}");
        assert_eq!(echo.arrived(), arrived, "{fault:?}");
        assert_eq!(put(&proxy, "abcdef").await.unwrap(), (StatusCode::OK, whole.clone()), "once, after {fault:?}");
        echo.arrived();
    }
    proxy.fail(Rule::once("PUT upload", Fault::CutRequest));
    assert!(put(&proxy, "abcdef").await.is_err());
    proxy.fail(Rule::once("PUT upload", Fault::FlipAnswer));
    let (_, text) = put(&proxy, "abcdef").await.unwrap();
    assert!(text != whole && text.len() == whole.len(), "{text}");
}

#[tokio::test]
async fn what_was_written_is_not_seen_for_so_many_looks() {
    let echo = Echo::start().await;
    let proxy = Proxy::start(&echo.host).await;
    let ask = async |method: Method, path: &str| {
        let url = format!("http://{}{path}", proxy.host());
        client().request(method, url).send().await.unwrap().status().as_u16()
    };
    proxy.fail(Rule::always("PUT tag", Fault::SeenLate(2)));
    for (method, path, expected) in [
        (Method::GET, "/v2/app/manifests/1", 200),
        (Method::PUT, "/v2/app/manifests/1", 200),
        (Method::GET, "/v2/app/manifests/2", 200),
        (Method::HEAD, "/v2/app/manifests/1", 404),
        (Method::PUT, "/v2/app/manifests/1", 200),
        (Method::GET, "/v2/app/manifests/1", 404),
        (Method::GET, "/v2/app/manifests/1", 200),
    ] {
        assert_eq!(ask(method.clone(), path).await, expected, "{method} {path}");
    }
    assert_eq!(echo.arrived().iter().filter(|line| line.starts_with("PUT")).count(), 2);
}

#[tokio::test]
async fn what_is_held_back_is_told_of_and_nothing_else_waits() {
    let echo = Echo::start().await;
    let proxy = Proxy::start(&echo.host).await;
    for (fault, arrives) in [(Fault::Hang, 0), (Fault::HoldAnswer, 1)] {
        proxy.fail(Rule { skip: 1, ..Rule::once("*", fault.clone()) });
        put(&proxy, "a").await.unwrap();
        echo.arrived();
        tokio::select! {
            answer = put(&proxy, "b") => panic!("{fault:?} was answered: {answer:?}"),
            () = proxy.holding() => {}
        }
        assert_eq!(echo.arrived().len(), arrives, "{fault:?}");
        proxy.heal();
        put(&proxy, "c").await.unwrap();
    }
    for fault in [Fault::StallRequest, Fault::StallAnswer] {
        proxy.fail(Rule::once("PUT upload", fault.clone()));
        let mut stalled = Box::pin(put(&proxy, "abcdef"));
        tokio::select! {
            answer = &mut stalled => panic!("{fault:?} was answered: {answer:?}"),
            other = client().get(format!("http://{}/v2/", proxy.host())).send() => assert!(other.is_ok(), "{fault:?}"),
        }
    }
}
