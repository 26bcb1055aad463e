//! The shape of a Signature Version 4 header. The signature itself is not verified.

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use crate::refusal::Refusal;

pub(crate) struct Scope {
    pub(crate) access_key_id: String,
    pub(crate) region: String,
}

/// Reads the credential scope: `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/ecr/aws4_request, SignedHeaders=...,
/// Signature=...`.
pub(crate) fn scope(headers: &HeaderMap) -> Result<Scope, Refusal> {
    let Some(header) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
        return Err(Refusal::new("MissingAuthenticationTokenException", "Missing Authentication Token"));
    };
    let incomplete =
        || Refusal::new("IncompleteSignatureException", "Authorization header is not a complete signature");
    let fields = header.strip_prefix("AWS4-HMAC-SHA256").ok_or_else(incomplete)?;
    let field = |name: &str| {
        fields
            .split(',')
            .map(str::trim)
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
            .ok_or_else(incomplete)
    };
    let signature = field("Signature")?;
    if signature.len() != 64 || !signature.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(incomplete());
    }
    field("SignedHeaders")?.split(';').find(|name| *name == "host").ok_or_else(incomplete)?;
    if headers.get("x-amz-date").or_else(|| headers.get("date")).is_none() {
        return Err(incomplete());
    }
    let credential: Vec<&str> = field("Credential")?.split('/').collect();
    let [key, date, region, service, "aws4_request"] = credential.as_slice() else {
        return Err(incomplete());
    };
    if *service != "ecr" {
        return Err(Refusal::new(
            "InvalidSignatureException",
            "Credential should be scoped to correct service: 'ecr'.",
        ));
    }
    if key.is_empty() || region.is_empty() || date.len() != 8 {
        return Err(incomplete());
    }
    Ok(Scope { access_key_id: (*key).to_owned(), region: (*region).to_owned() })
}
