//! What is accepted as a name can stand in a path and in a message, and is itself when it is read again.

#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use fuzz::{Address, assert_fit};
use libfuzzer_sys::fuzz_target;
use oci::{Digest, Registry, Repository, Tag};

/// Reads a text, and what it was read as once more.
fn read<T>(text: &str) -> Option<T>
where
    T: FromStr<Err: Display + Debug> + Display + PartialEq + Debug,
{
    match text.parse::<T>() {
        Ok(read) => {
            let shown = read.to_string();
            assert!(!shown.is_empty() && shown.len() <= 300 && shown.bytes().all(|byte| byte.is_ascii_graphic()));
            assert_eq!(shown.parse::<T>().expect("what was read"), read);
            Some(read)
        }
        Err(invalid) => {
            assert_fit(invalid);
            None
        }
    }
}

fn is_loopback(url: &url::Url) -> bool {
    match url.host().expect("a host") {
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.to_canonical().is_loopback(),
        url::Host::Domain(name) => matches!(name.trim_end_matches('.').rsplit('.').next(), Some("localhost")),
    }
}

fuzz_target!(|text: &str| {
    if let Some(repository) = read::<Repository>(text) {
        assert_eq!(repository.as_str(), text);
        assert!(
            text.split('/').all(|part| !matches!(part, "" | "." | "..")) && !text.contains(['?', '#', '%', '@', ':'])
        );
    }
    if let Some(tag) = read::<Tag>(text) {
        assert_eq!(tag.as_str(), text);
        assert!(text.len() <= 128 && !text.starts_with(['.', '-']) && !text.contains(['/', '?', '#', '%', '@', ':']));
    }
    if let Some(digest) = read::<Digest>(text) {
        assert_eq!((digest.to_string().as_str(), digest.hex().len()), (text, 64));
    }
    if let Some(registry) = read::<Registry>(text) {
        assert!(!registry.as_str().contains(['/', '@', '?', '#', '\\']));
    }
    if let Some(address) = read::<Address>(text) {
        assert!(!text.contains('@'));
        let url = url::Url::parse(&format!("https://{}/v2/", address.registry())).expect("an address");
        // Where it is not written, only what is on this machine is spoken to without TLS.
        let is_plain = match text.split_once("://") {
            Some((scheme, _)) => scheme == "http",
            None => is_loopback(&url),
        };
        assert_eq!(address.is_plain(), is_plain);
        assert!(url.username().is_empty() && url.path() == "/v2/" && url.query().is_none());
    }
});
