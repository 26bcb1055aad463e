//! A challenge leads only where credentials may go, and asks for scopes that are what they were when they are asked
//! for.

#![no_main]

use fuzz::{assert_fit, challenge, resources, token_server};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|header: &str| {
    let (realm, service, scope) = match challenge(header) {
        Ok(Some(bearer)) => bearer,
        Ok(None) => return assert!(header.to_ascii_lowercase().contains("basic")),
        Err(schemes) => return assert!(schemes.iter().map(String::len).sum::<usize>() <= header.len()),
    };
    assert!(realm.len() <= header.len() && header.to_ascii_lowercase().contains("bearer"));
    assert!([service, scope.clone()].into_iter().flatten().all(|text| !text.is_empty() && text.len() <= header.len()));
    let scope = resources(&scope.unwrap_or_default());
    assert_eq!(resources(&scope.join(" ")), scope);
    for registry in ["https://registry.example/v2/", "https://10.0.0.1/v2/", "http://127.0.0.1:5000/v2/"] {
        match token_server(registry, &realm) {
            Err(error) => assert_fit(error),
            Ok(url) => {
                assert!(matches!(url.scheme(), "http" | "https") && url.host().is_some() && url.fragment().is_none());
                assert!(url.username().is_empty() && url.password().is_none());
                assert!(!registry.starts_with("https") || url.scheme() == "https");
            }
        }
    }
});
