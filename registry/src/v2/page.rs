use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, LINK};
use promotion::{Error, Name};
use reqwest::RequestBuilder;

use super::{Authenticate, Permission, V2};
use crate::http::{AuthorizedClient, Failure, FinalResponse, Party, RequestUrl, next_page};

/// No page of a list is longer than this, and no list of referrers: registries that ignore `n` answer with everything
/// at once. A survey awaits thirty-two at a time.
pub(super) const PAGE_BYTES: usize = 4 << 20;

/// One page of a list.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) body: Bytes,
    /// Where the list goes on.
    pub(super) next: Option<RequestUrl>,
    pub(super) url: RequestUrl,
    /// Who gave it.
    pub(super) by: Party,
}

impl<A: Authenticate> V2<A> {
    /// A page of a list: the one that the page before it led to, or the first one at this target. It is asked for in
    /// this media type.
    pub(super) async fn page(
        &self,
        permission: Permission<'_>,
        accept: &'static str,
        first: &str,
        next: Option<RequestUrl>,
    ) -> Result<Result<Page, Failure>, Error> {
        let next = &next;
        let get = |client: AuthorizedClient| async move {
            let url = next.clone().unwrap_or_else(|| client.at(first));
            client.page(url, accept, "listing").await
        };
        self.authenticator.send(permission, get).await
    }
}

/// Whether a list could not be had, for a reason that is no outage and says nothing of what is on it: a denial, also by
/// a token server, an answer that makes no sense, or none of another host that the registry leads to.
pub(super) fn is_unclear(error: &Error) -> bool {
    error.is_inconclusive()
        || !error.is_temporary() && !matches!(error.name(), Name::RegistryUnavailable | Name::InvalidInput)
}

impl AuthorizedClient {
    /// Gets a page of a list and learns where the next one is (RFC 8288: `Link: <...>; rel="next"`). What the link says
    /// is the registry's own; it is followed by the rules of redirects.
    async fn page(&self, url: RequestUrl, accept: &str, doing: &str) -> Result<Page, Failure> {
        let accepting = |request: RequestBuilder| request.header(ACCEPT, accept);
        let FinalResponse { response, url, by } =
            self.get(Method::GET, url, doing, Party::Elsewhere, accepting).await?;
        let links = response.headers().get_all(LINK).iter().filter_map(|link| link.to_str().ok());
        let next = links.filter_map(next_page).next().map(|link| url.follow(&link)).transpose()?;
        if next.as_ref() == Some(&url) {
            let why = format!("{doing} {url}: the next page is said to be the same one");
            return Err(Error::new(Name::UnexpectedAnswer, why).into());
        }
        let body = self.client().read_whole(response, doing, &url, PAGE_BYTES).await?.map_err(|_| {
            let why = format!("{doing} {url}: more than {PAGE_BYTES} bytes in one page");
            Error::new(Name::UnexpectedAnswer, why)
        })?;
        Ok(Page { body, next, url, by })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::loopback::Loopback;

    #[tokio::test]
    async fn a_foreign_page_gets_no_credential_and_the_same_page_twice_is_an_error() {
        let elsewhere = Loopback::answering(["200 OK\n\n{}"]);
        let answer = format!("200 OK\nlink: <{}/more?x=1>; rel=\"next\"\n\n{{}}", elsewhere.address);
        let server = Loopback::answering([answer.as_str(), "200 OK\nlink: <HERE/again>; rel=\"next\"\n\n{}"]);
        let client = server.client();
        let first = client.page(client.at("/v2/a/tags/list"), "application/json", "listing").await.unwrap();
        let second = client.page(first.next.unwrap(), "application/json", "listing").await.unwrap();
        assert!(second.next.is_none());
        assert!(server.requests().concat().contains("authorization: "));
        assert!(!elsewhere.requests().concat().contains("authorization: "));
        match client.page(client.at("/again"), "application/json", "listing").await {
            Err(Failure::Failed(error)) => assert!(!error.is_temporary(), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}
