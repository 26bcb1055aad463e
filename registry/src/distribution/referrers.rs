use oci::{Descriptor, Digest, Repository};
use promotion::{Error, Name, Referrers};
use serde::{Deserialize, Deserializer};

use super::Distribution;
use crate::http::{Failure, PAGE_BYTES, Page, Party, Refusal, shown};
use crate::operation::Endpoint as _;

/// More pages than this are no list, but a loop.
const PAGES: usize = 100;

impl Distribution {
    /// The manifests whose subject is this one, if the registry keeps a list (section "Listing Referrers" of the distribution specification:
    /// it answers 404 if it does not, and an empty index if there are none). Whether it does is remembered.
    pub(super) async fn list_referrers(&self, repository: &Repository, subject: Digest) -> Result<Referrers, Error> {
        if self.0.unlisted.contains(repository) {
            return Ok(Referrers::Unlisted);
        }
        let operation =
            self.endpoint().operation("read", Some(repository), format!("listing what refers to {subject}"));
        let path = &self.path(repository);
        let (mut found, mut bytes) = (Vec::new(), 0);
        let mut next = Some(self.at(&format!("/v2/{path}/referrers/{subject}")));
        for _ in 0..PAGES {
            let Some(url) = next else {
                return Ok(Referrers::Listed(found));
            };
            let listed = self.page(path, &url).await;
            let Page { body, next: more, url } = match listed {
                Ok(page) => page,
                Err(Failure::Refused(refusal)) if found.is_empty() && is_unlisted(&refusal) => {
                    if !matches!(refusal.code.as_str(), "NAME_UNKNOWN" | "MANIFEST_UNKNOWN") {
                        self.0.unlisted.insert(repository);
                    }
                    return Ok(Referrers::Unlisted);
                }
                Err(failure) => return Err(operation.failed(failure)),
            };
            bytes += body.len();
            if bytes > PAGE_BYTES {
                let why = format!("the list has more than {PAGE_BYTES} bytes on its pages");
                return Err(operation.error(Name::RegistryUnavailable, &why).permanent());
            }
            let descriptors = index(&body).ok_or_else(|| {
                let why = format!(
                    "{} answers with something that is no index of SHA-256 digests, so that nobody can say what refers to the image",
                    shown(&url)
                );
                operation.error(Name::RegistryUnavailable, &why).permanent()
            })?;
            found.extend(descriptors);
            next = more;
        }
        let why = format!("the list goes on after {PAGES} pages");
        Err(operation.error(Name::RegistryUnavailable, &why).permanent())
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
