use oci::{Descriptor, Digest, Repository};
use promotion::{Error, Name, Referrers};
use serde::{Deserialize, Deserializer};

use super::page::{PAGE_BYTES, Page};
use super::{Authenticate, Permission, V2};
use crate::http::{Failure, Party, Refusal};

/// More pages than this are no list, but a loop.
const PAGES: usize = 100;

impl<A: Authenticate> V2<A> {
    /// The manifests whose subject is this one, if the registry keeps a list (section "Listing Referrers" of the
    /// distribution specification: it answers 404 if it does not, and an empty index if there are none). Whether it
    /// does is remembered.
    pub(crate) async fn referrers(&self, repository: &Repository, subject: Digest) -> Result<Referrers, Error> {
        if self.unlisted.contains(repository) {
            return Ok(Referrers::Unlisted);
        }
        let path = &self.path(repository);
        let permission = Permission::PullManifest(path);
        let operation = self.operation(permission, repository, format!("listing what refers to {subject}"));
        let unexpected = |why: &str| operation.error(Name::UnexpectedAnswer, why);
        let first = format!("/v2/{path}/referrers/{subject}");
        let (mut found, mut bytes, mut next) = (Vec::new(), 0, None);
        for _ in 0..PAGES {
            let Page { body, next: more, url } = match self.page(permission, &first, next).await? {
                Ok(page) => page,
                Err(Failure::Refused(refusal)) if found.is_empty() && is_unlisted(&refusal) => {
                    if !matches!(refusal.code.as_str(), "NAME_UNKNOWN" | "MANIFEST_UNKNOWN") {
                        self.unlisted.insert(repository);
                    }
                    return Ok(Referrers::Unlisted);
                }
                Err(failure) => return Err(operation.failed(failure)),
            };
            bytes += body.len();
            if bytes > PAGE_BYTES {
                return Err(unexpected(&format!("the list has more than {PAGE_BYTES} bytes on its pages")));
            }
            let descriptors = index(&body).ok_or_else(|| {
                unexpected(&format!(
                    "{url} answers with something that is no index of SHA-256 digests, so that what refers to the image \
                     cannot be known"
                ))
            })?;
            found.extend(descriptors);
            next = more;
            if next.is_none() {
                return Ok(Referrers::Listed(found));
            }
        }
        Err(unexpected(&format!("the list goes on after {PAGES} pages")))
    }
}

/// Whether this says that there is no such list. A denial or a failure does not.
fn is_unlisted(refusal: &Refusal) -> bool {
    refusal.by == Party::Registry
        && (matches!(refusal.status, 404 | 405) || (refusal.code == "UNSUPPORTED" && refusal.status != 401))
}

/// What is read of an index. A registry that is written in Go may say `null` for none.
#[derive(Deserialize)]
struct Index {
    #[serde(deserialize_with = "or_none")]
    manifests: Vec<Descriptor>,
}

fn or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Descriptor>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn index(body: &[u8]) -> Option<Vec<Descriptor>> {
    serde_json::from_slice(body).ok().map(|Index { manifests }| manifests)
}
