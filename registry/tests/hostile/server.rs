//! A server that answers whatever a test tells it to, and remembers all that it was sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What was asked, as much of it as decides the answer.
#[allow(dead_code, reason = "each of the test programs that have this server reads some of it")]
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: String,
    /// How many requests came before this one.
    pub(crate) nth: usize,
}

/// What is answered.
pub(crate) enum Answer {
    /// Status and headers, an empty line, and the body.
    Text(String),
    /// The same in bytes.
    Bytes(Vec<u8>),
    /// Status and headers, and then this again and again until nobody reads any more.
    Endless(String, Vec<u8>),
}

impl From<&str> for Answer {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Answer {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

pub(crate) struct Hostile {
    /// `127.0.0.1:PORT`
    pub(crate) host: String,
    shared: Arc<Shared>,
}

struct Shared {
    seen: Mutex<Vec<String>>,
    sent: AtomicU64,
    ended: AtomicBool,
}

impl Hostile {
    pub(crate) fn start<A: Into<Answer>>(answer: impl Fn(&Asked) -> A + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let shared =
            Arc::new(Shared { seen: Mutex::default(), sent: AtomicU64::new(0), ended: AtomicBool::new(false) });
        let (answer, served) = (Arc::new(answer), Arc::clone(&shared));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if served.ended.load(Ordering::Relaxed) {
                    return;
                }
                let (answer, served) = (Arc::clone(&answer), Arc::clone(&served));
                // A client that hangs up has seen enough.
                std::thread::spawn(move || served.serve(stream, |asked| answer(asked).into()));
            }
        });
        Self { host, shared }
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.host)
    }

    /// All requests, heads and bodies.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// The first line of each request, without the version.
    pub(crate) fn lines(&self) -> Vec<String> {
        let first = |request: &String| request.lines().next().unwrap_or_default().replace(" HTTP/1.1", "");
        self.seen().iter().map(first).collect()
    }

    /// How many bytes of bodies it could send.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(&self.host);
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream, answer: impl Fn(&Asked) -> Answer) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        let mut body = vec![0; length.parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        let mut words = head.split(' ').map(str::to_owned);
        let (method, path) = (words.next()?, words.next()?);
        let body = String::from_utf8_lossy(&body).into_owned();
        let nth = {
            let mut seen = self.seen.lock().unwrap();
            seen.push(head.clone() + &body);
            seen.len() - 1
        };
        match answer(&Asked { method, path, head, body, nth }) {
            Answer::Text(text) => self.whole(&mut stream, text.as_bytes()),
            Answer::Bytes(bytes) => self.whole(&mut stream, &bytes),
            Answer::Endless(head, piece) => {
                self.head(&mut stream, head.as_bytes())?;
                loop {
                    stream.write_all(&piece).ok()?;
                    self.sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
                }
            }
        }
    }

    fn whole(&self, stream: &mut TcpStream, answer: &[u8]) -> Option<()> {
        let end = answer.windows(2).position(|pair| pair == b"\n\n").unwrap_or(answer.len());
        let (head, body) = answer.split_at(end);
        let body = body.get(2..).unwrap_or_default();
        self.head(stream, head)?;
        stream.write_all(body).ok()?;
        self.sent.fetch_add(body.len() as u64, Ordering::Relaxed);
        Some(())
    }

    fn head(&self, stream: &mut TcpStream, head: &[u8]) -> Option<()> {
        let head = String::from_utf8_lossy(head).replace('\n', "\r\n");
        stream.write_all(format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n").as_bytes()).ok()
    }
}
