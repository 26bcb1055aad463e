//! Lambda's runtime interface, as the function's process sees it: events that a test wrote down, with the headers it
//! likes, and the answers that come.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use serde_json::Value;

/// An event, and the headers that come with it beside those that always do.
#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) event: Vec<u8>,
    pub(crate) headers: Vec<u8>,
    /// What is said of when the invocation ends.
    pub(crate) deadline: String,
}

/// What an event was answered with.
#[derive(Debug)]
pub(crate) struct Answered {
    /// `response` or `error`.
    pub(crate) kind: String,
    pub(crate) body: Value,
}

/// Gives these events to the function, one after the other, and gives its answers and what it logs. The process is the
/// same for all, and ends because the interface does.
pub(crate) fn answers(events: Vec<Sent>, variables: &[(&str, &str)]) -> (Vec<Answered>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut function = Command::new(env!("CARGO_BIN_EXE_verify-pull"))
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr().unwrap().to_string())
        .env("AWS_REGION", "eu-west-1")
        .envs(variables.iter().copied())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = function.stderr.take().unwrap();
    let logged = std::thread::spawn(move || {
        let mut logged = String::new();
        stderr.read_to_string(&mut logged).map(|_| logged).unwrap()
    });
    let count = events.len();
    let mut events: VecDeque<Sent> = events.into();
    let mut answers = Vec::new();
    while answers.len() < count {
        serve(listener.accept().unwrap().0, &mut events, &mut answers);
    }
    drop(listener);
    assert!(!function.wait().unwrap().success(), "without an interface there is nothing to serve");
    (answers, logged.join().unwrap())
}

/// Answers the one request of a connection.
fn serve(stream: TcpStream, events: &mut VecDeque<Sent>, answers: &mut Vec<Answered>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    // An invocation id comes back as it was given, whatever it is.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head).unwrap() == 0 {
            return;
        }
    }
    let head = String::from_utf8_lossy(&head);
    let length = head.to_ascii_lowercase();
    let length =
        length.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let parts: Vec<_> = path.trim_start_matches("/2018-06-01/runtime/invocation/").split('/').collect();
    match *parts.as_slice() {
        ["next"] => {
            let Some(sent) = events.pop_front() else { return };
            give(&stream, &sent, answers.len());
        }
        [id, kind] => {
            assert_eq!(id, format!("request-{}", answers.len()), "the answer is to the event that waits for it");
            answers.push(Answered { kind: kind.to_owned(), body: serde_json::from_slice(&body).unwrap() });
            write!(&stream, "HTTP/1.1 202 Accepted\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").unwrap();
        }
        _ => panic!("{path}"),
    }
}

fn give(mut stream: &TcpStream, sent: &Sent, number: usize) {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\nlambda-runtime-aws-request-id: request-{number}\r\nlambda-runtime-deadline-ms: {}\r\n\
         lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-west-1:111122223333:function:verify-pull\r\n\
         content-length: {}\r\n",
        sent.deadline,
        sent.event.len()
    )
    .into_bytes();
    answer.extend_from_slice(&sent.headers);
    answer.extend_from_slice(b"\r\n");
    answer.extend_from_slice(&sent.event);
    stream.write_all(&answer).unwrap();
}
