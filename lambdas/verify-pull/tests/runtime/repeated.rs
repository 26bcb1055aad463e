//! Services of AWS that repeat what they were shown: it is neither in the answer nor in the log.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::event;
use crate::interface::answers;
use crate::server::{Asked, Hostile};

const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SESSION_TOKEN: &str = "s3ssion/t0ken+of=the/function";
const PASSWORD: &str = "of-an-endp0int";
const EXTERNAL_ID: &str = "3xternal+id:of@targets";

fn percent(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A refusal that shows what was sent: the signature, the token, and whatever else is known to the function.
fn refusal(asked: &Asked) -> String {
    let signature = asked.head.split("Signature=").nth(1).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let [token, id] = [SESSION_TOKEN, EXTERNAL_ID].map(|secret| format!("{secret}\r\n{}", percent(secret)));
    let message = format!("you sent {signature} {token} {id} {SECRET_KEY} \u{202e}\u{ad}\nFAKE line");
    let xml = format!("<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>");
    let xml = if asked.method == "POST" { format!("<ErrorResponse>{xml}</ErrorResponse>") } else { xml };
    format!("403 Forbidden\ncontent-type: text/xml\n\n{xml}")
}

/// The release, for who reads it.
fn release(asked: &Asked) -> String {
    if asked.method == "POST" {
        return refusal(asked);
    }
    "200 OK\n\n{\"images\":[{\"repository\":\"myapp\",\"tag\":\"1\"}]}".to_owned()
}

#[test]
fn what_aws_repeats_is_neither_answered_nor_logged() {
    let event_of = |id: &str| {
        event(format!(
            r#"{{"env":"dev","repo":"myapp","sk":"1","s3_bucket":"artifacts","s3_key":"myapp/main/42.0a1b2c3/","external_id":{id}}}"#
        ))
    };
    for (answer, service) in [(refusal as fn(&Asked) -> String, "reading s3://"), (release, "asking STS")] {
        let server = Hostile::start(answer);
        let address = server.address().replace("http://", &format!("http://ann:{PASSWORD}@"));
        let variables = [
            ("AWS_ENDPOINT_URL", address.as_str()),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_SESSION_TOKEN", SESSION_TOKEN),
            ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
        ];
        let (answers, logged) = answers(vec![event_of(&format!("\"{EXTERNAL_ID}\""))], &variables);
        let said = answers[0].body["errorMessage"].as_str().unwrap();
        assert!(said.contains(service) && said.contains("you sent [...] [...] [...]"), "{said}");
        assert!(logged.contains("you sent [...]") && logged.contains("http://[...]@127.0.0.1"), "{logged}");
        for shown in [said, &logged] {
            for secret in [SECRET_KEY, SESSION_TOKEN, EXTERNAL_ID, PASSWORD] {
                assert!(!shown.contains(secret) && !shown.contains(&percent(secret)), "{secret}: {shown}");
            }
            assert!(!shown.contains(['\u{202e}', '\u{ad}']) && !shown.contains("\nFAKE"), "{shown}");
        }
    }
    let (answers, logged) = answers(vec![event_of("9876543210")], &[]);
    assert!(!format!("{answers:?}{logged}").contains("9876543210"), "{answers:?} {logged}");
}
