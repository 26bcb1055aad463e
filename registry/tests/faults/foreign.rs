use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A server of another party: it accepts everything, and remembers what it was sent.
pub(crate) struct Foreign {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Foreign {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}/elsewhere", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(vec![]));
        let hearing = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let hearing = Arc::clone(&hearing);
                std::thread::spawn(move || answer(stream, &hearing));
            }
        });
        Self { url, heard }
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Nobody came with anything to show, or to give.
    pub(crate) fn assert_was_told_nothing(&self) {
        let heard = self.heard.lock().unwrap();
        assert!(!heard.is_empty(), "nobody was led there");
        for request in heard.iter() {
            let head = request.to_ascii_lowercase();
            assert!(!head.contains("authorization:") && !head.contains("x-amz-security-token"), "{request}");
            assert!(head.starts_with("get ") || head.starts_with("head "), "{request}");
        }
    }
}

/// One request per connection.
fn answer(mut stream: TcpStream, heard: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let head: Vec<_> = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    // A client that gave up before it asked has sent nothing.
    if head.is_empty() {
        return;
    }
    heard.lock().unwrap().push(head.join("\n"));
    let body = if head.first().is_some_and(|line| line.starts_with("HEAD")) { "" } else { "{}" };
    let _ =
        stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{body}").as_bytes());
}
