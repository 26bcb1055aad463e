use promotion::{Error, Name, Repository, Tag};
use serde::Deserialize;

use super::Distribution;
use crate::attempt::Scene as _;
use crate::http::{Failure, Page, Party, shown};

/// A repository with more pages of tags than this is asked for each tag instead.
const PAGES: usize = 20;
/// What ECR takes at most, and a page of 128 KiB at the longest.
const TAGS: usize = 1000;

#[derive(Deserialize)]
struct List {
    /// May be `null`, as registries that are written in Go say for none; an answer without it is no list.
    #[serde(deserialize_with = "Option::deserialize")]
    tags: Option<Vec<String>>,
}

impl Distribution {
    /// The tags that begin like this (section "Listing Tags" of the distribution specification), none if that takes too many requests or the registry
    /// does not list them.
    pub(super) async fn list_tags(&self, repository: &Repository, prefix: &str) -> Result<Option<Vec<Tag>>, Error> {
        let attempt = self.scene().attempt("read", Some(repository), "listing tags");
        let path = &self.path(repository);
        let mut found = Vec::new();
        let mut url = self.at(&format!("/v2/{path}/tags/list"));
        url.query_pairs_mut().append_pair("n", &TAGS.to_string());
        for _ in 0..PAGES {
            let listed = self.page(path, &url).await;
            let Page { body, next, url: told } = match listed {
                Ok(page) => page,
                Err(Failure::Refused(refusal)) if found.is_empty() && refusal.code == "NAME_UNKNOWN" => {
                    return Ok(Some(found));
                }
                // A registry that does not know the question has not said that there are none.
                Err(Failure::Refused(refusal))
                    if refusal.by == Party::Registry
                        && (matches!(refusal.status, 404 | 405) || refusal.code == "UNSUPPORTED") =>
                {
                    return Ok(None);
                }
                Err(failure) => return Err(attempt.failed(failure)),
            };
            let list: List = serde_json::from_slice(&body).map_err(|_| {
                let why = format!("{} answers with something that is no list of tags", shown(&told));
                attempt.error(Name::RegistryUnavailable, &why).permanent()
            })?;
            let tags = list.tags.unwrap_or_default();
            found.extend(tags.iter().filter(|tag| tag.starts_with(prefix)).filter_map(|tag| tag.parse().ok()));
            match next {
                Some(next) => url = next,
                None => return Ok(Some(found)),
            }
        }
        Ok(None)
    }
}
