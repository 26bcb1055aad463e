//! The identity policies of roles and users. Whoever has none is allowed nothing, except an account's root.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::Value;

use super::callers::without_path;
use super::document::{Document, Kind};
use crate::lock::lock;

/// By the ARN of the role or user, without a role's path, which the ARN of a session lacks as well.
#[derive(Debug, Default)]
pub(crate) struct Identities(Mutex<BTreeMap<String, Vec<Document>>>);

impl Identities {
    /// Gives a role or user these policies in place of those it had.
    ///
    /// # Errors
    /// What in them the double does not know.
    pub(crate) fn set(&self, principal: &str, documents: &[Value]) -> Result<(), String> {
        let is_identity = [":role/", ":user/"].iter().any(|kind| principal.contains(kind));
        if !principal.starts_with("arn:") || !is_identity {
            return Err(format!("{principal} is not the ARN of a role or a user"));
        }
        let read = documents.iter().map(|document| Document::read(document, Kind::Identity));
        let read = read.collect::<Result<_, _>>().map_err(|why| format!("a policy of {principal}: {why}"))?;
        lock(&self.0).insert(without_path(principal), read);
        Ok(())
    }

    pub(crate) fn of(&self, principal: &str) -> Vec<Document> {
        lock(&self.0).get(principal).cloned().unwrap_or_default()
    }
}
