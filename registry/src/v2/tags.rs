use std::borrow::Cow;
use std::fmt;

use oci::{Repository, Tag};
use promotion::Error;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::page::{Page, is_unclear};
use super::{Authenticate, Permission, V2};

/// A repository with more pages of tags than this is asked for each tag instead.
const PAGES: usize = 20;
/// The media type of a list of tags.
const JSON: &str = "application/json";
/// What ECR takes at most, and a page of 128 KiB at the longest.
const TAGS: usize = 1000;

/// A repository with more tags than this that begin alike is asked for each tag instead: ECR holds no more images.
const FOUND: usize = 100_000;

impl<A: Authenticate> V2<A> {
    /// The tags that begin like this (section "Listing Tags" of the distribution specification).
    ///
    /// None wherever there is no list to be had: if that takes too many requests, if the registry lists none, does not
    /// let this login list them (harbor#16310), refuses how it is asked (quay.io answers 413 to more than a hundred at a
    /// time, go-containerregistry#1963), or answers with something else. Each tag can be asked for instead.
    pub(crate) async fn tags(&self, repository: &Repository, prefix: &str) -> Result<Option<Vec<Tag>>, Error> {
        let path = &self.path(repository);
        let permission = Permission::PullManifest(path);
        let operation = self.operation(permission, repository, "listing tags".into());
        let first = format!("/v2/{path}/tags/list?n={TAGS}");
        let (mut found, mut next) = (Vec::new(), None);
        for _ in 0..PAGES {
            let Page { body, next: more, url, .. } = match self.page(permission, JSON, &first, next).await? {
                Ok(page) => page,
                Err(failure) => {
                    let error = operation.failed(failure);
                    if !is_unclear(&error) {
                        return Err(error);
                    }
                    tracing::debug!(%error, "tags are asked for one by one");
                    return Ok(None);
                }
            };
            let mut json = serde_json::Deserializer::from_slice(&body);
            if let Err(error) = (List { prefix, found: &mut found }).deserialize(&mut json) {
                tracing::debug!(%url, %error, "no list of tags: they are asked for one by one");
                return Ok(None);
            }
            next = more;
            if found.len() > FOUND {
                return Ok(None);
            }
            if next.is_none() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// The body of a page, of which only the tags with the prefix are kept, and never all: a page may hold millions.
struct List<'a> {
    prefix: &'a str,
    found: &'a mut Vec<Tag>,
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tags")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut is_list = false;
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            if key == "tags" {
                is_list = true;
                map.next_value_seed(Tags { prefix: self.prefix, found: self.found })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if is_list { Ok(()) } else { Err(A::Error::missing_field("tags")) }
    }
}

struct Tags<'a> {
    prefix: &'a str,
    found: &'a mut Vec<Tag>,
}

impl<'de> DeserializeSeed<'de> for Tags<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Tags<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tags, or null")
    }

    /// What a registry that is written in Go may say for none.
    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut tags: A) -> Result<(), A::Error> {
        while let Some(tag) = tags.next_element::<Cow<'_, str>>()? {
            if tag.starts_with(self.prefix) && self.found.len() <= FOUND {
                self.found.extend(tag.parse());
            }
        }
        Ok(())
    }
}
