use bytes::Bytes;
use http::Method;
use http::header::LINK;
use promotion::{Error, Name};
use url::Url;

use super::client::{Client, Credential};
use super::failure::Failure;
use super::link::next_page;
use super::origin::{follow, shown};
use super::redirect::{Answer, get};
use super::whole::whole;

/// No page of a list is longer than this, and no list of referrers: registries that do not heed `n` answer with everything at once. A survey awaits
/// thirty-two at a time.
pub(crate) const PAGE_BYTES: usize = 4 << 20;

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) body: Bytes,
    /// Where the list goes on.
    pub(crate) next: Option<Url>,
    pub(crate) url: Url,
}

/// Gets a page of a list and learns where the next one is (RFC 8288: `Link: <...>; rel="next"`). What stands in the link is the registry's own; it
/// is followed by the rules of redirects.
pub(crate) async fn page(client: &Client, credential: &Credential, url: Url, doing: &str) -> Result<Page, Failure> {
    let Answer { response, url } = get(client, Method::GET, url, Some(credential), doing, |request| request).await?;
    let links = response.headers().get_all(LINK).iter().filter_map(|link| link.to_str().ok());
    let next = links.filter_map(next_page).next().map(|link| follow(&url, &link)).transpose()?;
    if next.as_ref() == Some(&url) {
        let why = format!("{doing} {}: the next page is said to be the same one", shown(&url));
        return Err(Error::new(Name::RegistryUnavailable, why).permanent().into());
    }
    let body = whole(client, response, doing, &url, PAGE_BYTES).await?.map_err(|_| {
        let why = format!("{doing} {}: more than {PAGE_BYTES} bytes in one page", shown(&url));
        Error::new(Name::RegistryUnavailable, why).permanent()
    })?;
    Ok(Page { body, next, url })
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
        let (client, credential) = (Client::for_tests(), server.credential());
        let first = page(&client, &credential, credential.origin().at("/v2/a/tags/list"), "listing").await.unwrap();
        let second = page(&client, &credential, first.next.unwrap(), "listing").await.unwrap();
        assert!(second.next.is_none());
        assert!(server.requests().concat().contains("authorization: "));
        assert!(!elsewhere.requests().concat().contains("authorization: "));
        match page(&client, &credential, credential.origin().at("/again"), "listing").await {
            Err(Failure::Failed(error)) => assert!(!error.is_temporary(), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}
