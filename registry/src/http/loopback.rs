//! A server on this machine that answers what a test wrote down, for answers that no well-behaved registry gives.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use super::{AuthorizedClient, Client, Credential, Origin};

#[derive(Clone)]
pub(crate) struct Loopback {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Loopback {
    /// Answers one request per connection, in this order; `HERE` in an answer stands for its own address.
    pub(crate) fn answering<const N: usize>(answers: [&str; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let answers = answers.map(|answer| answer.replace("HERE", &address));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut request = String::new();
                while !request.ends_with("\r\n\r\n") && reader.read_line(&mut request).unwrap() > 0 {}
                let length = request.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
                let mut body = vec![0; length.parse().unwrap()];
                let _ = reader.read_exact(&mut body);
                seen.lock().unwrap().push(request + &String::from_utf8_lossy(&body));
                let (head, body) = answer.split_once("\n\n").unwrap_or((&answer, ""));
                let _ = write!(stream, "HTTP/1.1 {}\r\nconnection: close\r\n\r\n{body}", head.replace('\n', "\r\n"));
            }
        });
        Self { address, requests }
    }

    /// A client that shows this server a password.
    pub(crate) fn client(&self) -> AuthorizedClient {
        let credential = Credential::new(Origin::parse(&self.address).unwrap(), "Basic c2VjcmV0").unwrap();
        AuthorizedClient::new(Client::for_tests(), credential)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}
