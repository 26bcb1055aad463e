//! A file of logins gives a login or says what is wrong with it, and never what is secret in it.

#![no_main]

use fuzz::{Login, assert_fit, login};
use libfuzzer_sys::fuzz_target;

/// Stands where secrets are in the seeds; what is found in a message was quoted.
const SECRET: &str = "s3cr3t";

fuzz_target!(|file: &[u8]| {
    for host in ["registry.example", "docker.io", "127.0.0.1:5000", "[::1]"] {
        match login(file, host) {
            Err(error) => {
                let error = error.to_string();
                // The keys of entries are quoted, which are names of registries.
                assert!(!error.contains(SECRET) || quoted_key(file), "{error}");
                assert_fit(error);
            }
            Ok((helper, login)) => {
                if let Some(helper) = helper {
                    assert!(!helper.is_empty() && !helper.contains(['/', '\\', ' ', '\0']), "{helper:?}");
                }
                if let Some(Login::Basic { user, password, .. }) = &login {
                    let shown = format!("{login:?}");
                    assert!(
                        password.len() < SECRET.len()
                            || user.contains(password.as_str())
                            || !shown.contains(password.as_str())
                            || "Some(Login( of config.json".contains(password.as_str())
                    );
                }
            }
        }
    }
});

/// Whether the word stands outside of values, where it may be repeated.
fn quoted_key(file: &[u8]) -> bool {
    fn has(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Object(fields) => fields.iter().any(|(key, value)| key.contains(SECRET) || has(value)),
            serde_json::Value::Array(values) => values.iter().any(has),
            _ => false,
        }
    }
    serde_json::from_slice(file).is_ok_and(|value| has(&value))
}
