//! Registry tokens: what GetAuthorizationToken gives out and `/v2` asks for.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::callers::Caller;
use crate::digest::hex;
use crate::lock::lock;

/// What a token says, sealed with the double's own key so that it cannot be made up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) caller: Caller,
    pub(crate) region: String,
    pub(crate) expires: u64,
    serial: u64,
}

#[derive(Debug)]
pub(crate) struct Tokens {
    key: hmac::Key,
    serial: AtomicU64,
    expired: Mutex<BTreeSet<u64>>,
}

impl Tokens {
    pub(crate) fn new(secret: &str) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
            serial: AtomicU64::new(1),
            expired: Mutex::default(),
        }
    }

    /// `authorizationToken`: base64 of `AWS:password`.
    pub(crate) fn issue(&self, caller: &Caller, region: &str, expires: u64) -> String {
        let serial = self.serial.fetch_add(1, Ordering::SeqCst);
        let claims = Claims { caller: caller.clone(), region: region.to_owned(), expires, serial };
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims).unwrap_or_default());
        STANDARD.encode(format!("AWS:{payload}.{}", self.sign(&payload)))
    }

    /// What a `Basic` credential says, if this double made it.
    pub(crate) fn open(&self, basic: &str) -> Option<Claims> {
        let pair = String::from_utf8(STANDARD.decode(basic).ok()?).ok()?;
        let (payload, seal) = pair.strip_prefix("AWS:")?.rsplit_once('.')?;
        if seal != self.sign(payload) {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    /// Lets one token expire now.
    pub(crate) fn expire(&self, claims: &Claims) {
        lock(&self.expired).insert(claims.serial);
    }

    /// Lets every token given out so far expire now.
    pub(crate) fn expire_all(&self) {
        lock(&self.expired).extend(1..self.serial.load(Ordering::SeqCst));
    }

    pub(crate) fn is_expired(&self, claims: &Claims, now: u64) -> bool {
        claims.expires <= now || lock(&self.expired).contains(&claims.serial)
    }

    /// A signature over any text, also used for the URLs of the S3 listener.
    pub(crate) fn sign(&self, text: &str) -> String {
        hex(hmac::sign(&self.key, text.as_bytes()).as_ref())
    }
}
