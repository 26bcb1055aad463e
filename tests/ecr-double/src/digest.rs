//! SHA-256 digests in the `sha256:<hex>` form.

use std::fmt::Write as _;

use aws_lc_rs::digest::{Context, SHA256, digest};

/// The digest of bytes held in memory.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    prefixed(digest(&SHA256, bytes).as_ref())
}

/// Whether `text` is a well-formed `sha256:` digest: 64 lower-case hex digits.
#[must_use]
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f')))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

fn prefixed(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(bytes))
}

/// A digest in the making. Cloning keeps a point to fall back to when a body breaks off.
#[derive(Clone)]
pub(crate) struct Hasher(Context);

impl Hasher {
    pub(crate) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn digest(&self) -> String {
        prefixed(self.0.clone().finish().as_ref())
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}
