//! A next page is in the header, and leads neither off https nor inwards.

#![no_main]

use std::net::{Ipv4Addr, Ipv6Addr};

use fuzz::{assert_fit, next_page};
use libfuzzer_sys::fuzz_target;
use url::Host;

fuzz_target!(|header: &str| {
    match next_page("https://registry.example/v2/app/tags/list?n=1000&last=a", header) {
        None => {}
        Some(Err(error)) => assert_fit(error),
        Some(Ok(url)) => {
            assert!(header.contains('<') && header.contains('>') && header.to_ascii_lowercase().contains("next"));
            assert!(url.scheme() == "https" && url.username().is_empty() && url.password().is_none());
            match url.host() {
                Some(Host::Ipv4(address)) => assert_outside(address),
                Some(Host::Ipv6(address)) => {
                    assert!(!address.is_loopback() && !address.is_unspecified() && !address.is_unicast_link_local());
                    assert!(
                        !address.is_unique_local() && address != Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
                    );
                    address.to_ipv4_mapped().into_iter().for_each(assert_outside);
                }
                Some(Host::Domain(name)) => {
                    let name = name.trim_end_matches('.');
                    assert!(name != "localhost" && !name.ends_with(".localhost"), "{url}");
                }
                None => panic!("{url}"),
            }
        }
    }
});

fn assert_outside(address: Ipv4Addr) {
    assert!(!address.is_loopback() && !address.is_private() && !address.is_link_local() && !address.is_unspecified());
}
