//! The function's process and what Lambda sends it. Whatever that is, it is answered by a stable name, and the process
//! goes on to the next event.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod interface;
mod repeated;
#[path = "../../../../registry/tests/hostile/server.rs"]
#[allow(dead_code, reason = "the tests of registries use all of it")]
mod server;

use interface::{Sent, answers};

fn event(event: impl Into<Vec<u8>>) -> Sent {
    Sent { event: event.into(), deadline: "9999999999999".into(), ..Sent::default() }
}

/// An event that says what it lacks once it is read.
fn with_headers(headers: impl Into<Vec<u8>>) -> Sent {
    Sent { headers: headers.into(), ..event("{}") }
}

#[test]
fn an_event_that_cannot_be_read_is_invalid_input() {
    let mut events: Vec<Vec<u8>> = [
        r#"{"ignored": 1e400}"#,
        r#"{"ignored": "\ud800"}"#,
        r#"{"ignored": ["\udc00x"]}"#,
        r#"{"ignored": "\ud800\ud800"}"#,
        "",
        "{",
        "nonsense",
        r#"{} {}"#,
        "\u{feff}{}",
        "null",
        "[]",
        "1e999999999",
    ]
    .iter()
    .map(|event| event.as_bytes().to_vec())
    .collect();
    for depth in [127, 128, 100_000] {
        events.push(format!(r#"{{"ignored": {}{}}}"#, "[".repeat(depth), "]".repeat(depth)).into_bytes());
    }
    events.push(b"{\"ignored\": \"\xff\xfe\"}".to_vec());
    let count = events.len();
    let (answers, _) = answers(events.into_iter().map(event).collect(), &[]);
    assert_eq!(answers.len(), count);
    for answer in answers {
        assert_eq!((answer.kind.as_str(), &answer.body["errorType"]), ("error", &"InvalidInput".into()), "{answer:?}");
        assert!(answer.body["errorMessage"].as_str().unwrap().starts_with("the event"), "{answer:?}");
    }
}

#[test]
fn headers_that_others_write_do_not_end_the_process() {
    let mut sent = vec![
        with_headers("lambda-runtime-client-context: {\r\n"),
        with_headers("lambda-runtime-client-context: \r\n"),
        with_headers("lambda-runtime-client-context: \"\\ud800\"\r\n"),
        with_headers(b"lambda-runtime-client-context: \xff\r\n".to_vec()),
        with_headers("lambda-runtime-cognito-identity: nonsense\r\n"),
        with_headers(b"lambda-runtime-cognito-identity: {\"identity_id\": \xfe}\r\n".to_vec()),
        with_headers(b"lambda-runtime-trace-id: \xff\r\nlambda-runtime-invocation-id: \xff\r\n".to_vec()),
    ];
    for deadline in ["", "soon", "-1", "18446744073709551615", "1"] {
        sent.push(Sent { deadline: deadline.into(), ..event("{}") });
    }
    let count = sent.len();
    let (answers, _) = answers(sent, &[]);
    assert_eq!(answers.len(), count);
    for answer in answers {
        assert_eq!(answer.body["errorType"], "InvalidInput", "{answer:?}");
        assert!(answer.body["errorMessage"].as_str().unwrap().contains("missing field"), "{answer:?}");
    }
}
