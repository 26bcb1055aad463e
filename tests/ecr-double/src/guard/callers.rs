//! Callers: whom an access key id stands for.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::lock::lock;
use crate::names::is_account;

/// Who sends a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The access key id that signed, or that asked for the token.
    pub access_key_id: String,
    /// The account it belongs to.
    pub account: String,
    /// The principal, as IAM would print it: a root user, a user, or an assumed role with its session.
    pub arn: String,
}

impl Caller {
    /// An account's root user.
    #[must_use]
    pub fn root(account: &str) -> Self {
        Self {
            access_key_id: account.to_owned(),
            account: account.to_owned(),
            arn: format!("arn:aws:iam::{account}:root"),
        }
    }

    /// A session of a role. `name` may also be a whole ARN.
    #[must_use]
    pub fn named(access_key_id: &str, account: &str, name: &str) -> Self {
        let arn = if name.starts_with("arn:") {
            name.to_owned()
        } else {
            format!("arn:aws:sts::{account}:assumed-role/{name}/session")
        };
        Self { access_key_id: access_key_id.to_owned(), account: account.to_owned(), arn }
    }

    /// The name of the role, or the last part of another kind of ARN.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.arn.split_once(":assumed-role/") {
            Some((_, role_and_session)) => role_and_session.split('/').next().unwrap_or_default(),
            None => self.arn.rsplit([':', '/']).next().unwrap_or_default(),
        }
    }

    /// Whether an ARN, account, name or key, possibly with wildcards, means this caller.
    #[must_use]
    pub fn is(&self, pattern: &str) -> bool {
        let role = format!("arn:aws:iam::{}:role/{}", self.account, self.name());
        [self.arn.as_str(), &self.account, self.name(), &self.access_key_id, &role]
            .into_iter()
            .any(|known| crate::names::wildcard(pattern, known))
    }
}

/// The configured callers, and those that STS has given out.
#[derive(Debug, Default)]
pub(crate) struct Callers(Mutex<BTreeMap<String, Caller>>);

impl Callers {
    pub(crate) fn set(&self, caller: Caller) {
        lock(&self.0).insert(caller.access_key_id.clone(), caller);
    }

    pub(crate) fn known(&self, access_key_id: &str) -> Option<Caller> {
        let set = lock(&self.0).get(access_key_id).cloned();
        set.or_else(|| is_account(access_key_id).then(|| Caller::root(access_key_id)))
    }
}
