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

    /// Whose policies count for it: for a session the role, without its path; for others themselves.
    #[must_use]
    pub fn principal(&self) -> String {
        match self.arn.split([':', '/']).collect::<Vec<_>>().as_slice() {
            ["arn", partition, "sts", _, account, "assumed-role", role, ..] => {
                format!("arn:{partition}:iam::{account}:role/{role}")
            }
            _ => self.arn.clone(),
        }
    }

    /// The account's root, which as a principal of a policy stands for the account.
    pub(crate) fn account_arn(&self) -> String {
        let partition = self.arn.split(':').nth(1).unwrap_or_default();
        format!("arn:{partition}:iam::{}:root", self.account)
    }
}

/// The ARN of a role as if the role had no path; any other ARN as it is.
pub(crate) fn without_path(arn: &str) -> String {
    match arn.split_once(":role/") {
        Some((account, role)) => format!("{account}:role/{}", role.rsplit('/').next().unwrap_or_default()),
        None => arn.to_owned(),
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
