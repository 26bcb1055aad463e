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

/// Whether a host may be spoken to without TLS though that is not written, and whether it has to be.
fn loopback(url: &url::Url) -> (bool, bool) {
    match url.host().expect("a host") {
        url::Host::Ipv4(address) => (address.is_loopback(), address.is_loopback()),
        // An address of this machine may stand within another one.
        url::Host::Ipv6(address) => {
            let holds = address.segments().iter().any(|segment| segment >> 8 == 127);
            (address.is_loopback() || holds, address.is_loopback())
        }
        url::Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            let is_loopback = name == "localhost" || name.ends_with(".localhost");
            (is_loopback, is_loopback)
        }
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
        // Where it is not written, what is on this machine is spoken to without TLS, and nothing else.
        match text.split_once("://") {
            Some((scheme, _)) => assert_eq!(address.is_plain(), scheme == "http"),
            None => {
                let (may_be, is) = loopback(&url);
                assert!(if address.is_plain() { may_be } else { !is });
            }
        }
        assert!(url.username().is_empty() && url.path() == "/v2/" && url.query().is_none());
    }
});
