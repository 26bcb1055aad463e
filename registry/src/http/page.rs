use bytes::Bytes;
use http::Method;
use http::header::LINK;
use promotion::{Error, Name};
use url::Url;

use super::client::{Client, Credential};
use super::failure::Failure;
use super::origin::{follow, shown};
use super::redirect::{Answer, get};
use super::whole::whole;

/// No page of a list is longer than this: registries that do not heed `n` answer with everything at once.
const PAGE_BYTES: usize = 16 << 20;

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
    let next = links.filter_map(next).next().map(|link| follow(&url, &link)).transpose()?;
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

/// The target of the first link whose relation is `next`.
fn next(header: &str) -> Option<String> {
    let mut rest = header;
    loop {
        let (_, after) = rest.split_once('<')?;
        let (target, after) = after.split_once('>')?;
        let parameters = after.split_once('<').map_or(after, |(parameters, _)| parameters);
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let Some((name, value)) = parameter.split_once('=') else {
                return false;
            };
            let value = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel")
                && value.split_ascii_whitespace().any(|relation| relation.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target.trim().to_owned());
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::loopback::Loopback;

    #[test]
    fn finds_the_next_page() {
        for (header, expected) in [
            (r#"</v2/a/tags/list?n=2&last=b>; rel="next""#, Some("/v2/a/tags/list?n=2&last=b")),
            ("<x>;rel=next", Some("x")),
            (r#"<x>; title="y"; REL="prev Next""#, Some("x")),
            (r#"<a>; rel="prev", <b>; rel="next""#, Some("b")),
            (r#"<a>; rel="prev""#, None),
            ("<a>", None),
            ("a; rel=next", None),
            ("<a; rel=next", None),
            ("", None),
        ] {
            assert_eq!(next(header).as_deref(), expected, "{header}");
        }
    }

    #[tokio::test]
    async fn a_foreign_page_gets_no_credential_and_the_same_page_twice_is_an_error() {
        let elsewhere = Loopback::answering(["200 OK\n\n{}"]);
        let answer = format!("200 OK\nlink: <{}/more?x=1>; rel=\"next\"\n\n{{}}", elsewhere.address);
        let server = Loopback::answering([answer.as_str(), "200 OK\nlink: <HERE/again>; rel=\"next\"\n\n{}"]);
        let (client, credential) = (Client::patient(), server.credential());
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
