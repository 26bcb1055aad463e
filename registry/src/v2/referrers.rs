use oci::{Digest, ListedDescriptor, MediaType, Repository};
use promotion::{Error, Name, ReferrerList, Referrers};
use serde::{Deserialize, Deserializer};

use super::page::{PAGE_BYTES, Page, is_unclear};
use super::{Authenticate, Permission, V2};
use crate::Side;
use crate::error_kind::ErrorKind;
use crate::http::{Failure, Party, Refusal};
use crate::operation::Endpoint as _;

/// More pages than this are no list, but a loop.
const PAGES: usize = 100;

impl<A: Authenticate> V2<A> {
    /// The manifests whose subject is this one, if the registry keeps a list (section "Listing Referrers" of the
    /// distribution specification: it answers 404 if it does not, and an empty index if there are none). Whether it
    /// does is remembered.
    ///
    /// What registries answer that keep none, beside 404 and 405: Artifactory 406 (go-containerregistry#1962), Harbor
    /// 2.7 401 without a challenge (harbor#18305), registry.k8s.io and ghcr.io a redirect to a web page (oras-go#633,
    /// artifacthub/hub#4785). quay.io keeps one, and answers 400 or 404 where it does not have the subject
    /// (quay#3071): a target is asked again once it has.
    pub(crate) async fn referrers(&self, repository: &Repository, subject: Digest) -> Result<Referrers, Error> {
        if self.unlisted.contains(repository) {
            return Ok(Referrers::Unlisted);
        }
        let path = &self.path(repository);
        let permission = Permission::PullManifest(path);
        let operation = self.operation(permission, repository, format!("listing what refers to {subject}"));
        let unclear = |why: &str| Ok(Referrers::Unclear(operation.error(Name::UnexpectedAnswer, why)));
        let first = format!("/v2/{path}/referrers/{subject}");
        let (mut found, mut bytes, mut next) = (ReferrerList::default(), 0, None);
        for nth in 0..PAGES {
            let is_first = nth == 0;
            let accept = MediaType::OciIndex.as_str();
            let Page { body, next: more, by, .. } = match self.page(permission, accept, &first, next).await? {
                Ok(page) => page,
                Err(Failure::Refused(refusal)) if is_first && keeps_none(&refusal) => {
                    return Ok(self.none_kept(repository, &refusal));
                }
                Err(failure) => {
                    let error = operation.failed(failure);
                    return if is_unclear(&error) { Ok(Referrers::Unclear(error)) } else { Err(error) };
                }
            };
            bytes += body.len();
            if bytes > PAGE_BYTES {
                return unclear(&format!("the list has more than {PAGE_BYTES} bytes on its pages"));
            }
            match index(&body) {
                Some(entries) => entries.into_iter().for_each(|entry| found.push(entry)),
                // A web page, say.
                None if is_first => return Ok(Referrers::Unlisted),
                None => return unclear("a page of the list is no index"),
            }
            next = more;
            if next.is_none() {
                // An empty answer of another host says nothing of what this registry has.
                let is_none = by == Party::Elsewhere && found == ReferrerList::default();
                return Ok(if is_none { Referrers::Unlisted } else { Referrers::Listed(found) });
            }
        }
        unclear(&format!("the list goes on after {PAGES} pages"))
    }

    /// What it means that there is no list. A source has the subject, so nothing else can be missing there.
    fn none_kept(&self, repository: &Repository, refusal: &Refusal) -> Referrers {
        let may_lack_subject = refusal.by == Party::Registry && matches!(refusal.status, 400 | 404);
        if may_lack_subject && self.authenticator.endpoint().side() != Side::Source {
            return Referrers::UnlistedOrAbsent;
        }
        let is_of_one = matches!(refusal.code.as_str(), "NAME_UNKNOWN" | "MANIFEST_UNKNOWN" | "MANIFEST_INVALID");
        if !is_of_one {
            self.unlisted.insert(repository);
        }
        Referrers::Unlisted
    }
}

/// Whether this says that there is no such list. A denial or a failure does not; what another host says of it, whatever
/// that is, does.
fn keeps_none(refusal: &Refusal) -> bool {
    let kind = ErrorKind::of(refusal);
    match refusal.status {
        _ if kind.is_outage() || kind == ErrorKind::PullLimit || kind == ErrorKind::NeedsTls => false,
        _ if refusal.by != Party::Registry => true,
        400 | 404 | 405 | 406 | 501 => true,
        401 => refusal.challenges.is_empty(),
        _ => refusal.code == "UNSUPPORTED",
    }
}

/// What is read of an index. A registry that is written in Go may say `null` for none.
#[derive(Deserialize)]
struct Index {
    #[serde(deserialize_with = "or_none")]
    manifests: Vec<ListedDescriptor>,
}

fn or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ListedDescriptor>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn index(body: &[u8]) -> Option<Vec<ListedDescriptor>> {
    serde_json::from_slice(body).ok().map(|Index { manifests }| manifests)
}
