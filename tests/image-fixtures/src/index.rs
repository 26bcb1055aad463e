use serde_json::{Value, json};

use crate::content::{Content, odd};
use crate::media_type::{DOCKER_LIST, OCI_INDEX};
use crate::with;

/// Builds an index.
#[derive(Debug, Clone)]
#[must_use]
pub struct Index {
    media_type: &'static str,
    entries: Vec<Value>,
    children: Content,
    more: Value,
}

impl Index {
    /// An index of nothing.
    pub fn new() -> Self {
        Self { media_type: OCI_INDEX, entries: Vec::new(), children: Content::default(), more: json!({}) }
    }

    /// An index of these, each with the platform that it is for, such as `linux/amd64`.
    pub fn of<'a>(children: impl IntoIterator<Item = (&'a str, &'a Content)>) -> Self {
        children.into_iter().fold(Self::new(), |index, (name, child)| index.child(child, platform(name)))
    }

    /// The same in Docker's media types.
    pub fn docker(self) -> Self {
        Self { media_type: DOCKER_LIST, ..self }
    }

    /// With one more child, and these members in its entry.
    pub fn child(mut self, child: &Content, members: Value) -> Self {
        self.children = self.children.and(child);
        self.entry(child.descriptor(), members)
    }

    /// With one more entry, for what is put by itself if at all.
    pub fn entry(mut self, descriptor: Value, members: Value) -> Self {
        self.entries.push(with(descriptor, members));
        self
    }

    /// With more fields.
    pub fn with(self, fields: Value) -> Self {
        Self { more: with(self.more, fields), ..self }
    }

    /// The index.
    pub fn build(self) -> Content {
        let fields = json!({ "schemaVersion": 2, "mediaType": self.media_type, "manifests": self.entries });
        let index = Content::new(self.media_type, odd(&with(fields, self.more)).into_bytes(), []);
        self.children.and(&index)
    }
}

/// What an entry says of a platform, such as `linux/amd64`; nothing of none.
pub fn platform(name: &str) -> Value {
    match name.split_once('/') {
        Some((os, architecture)) => json!({ "platform": { "os": os, "architecture": architecture } }),
        None => json!({}),
    }
}
