//! The one HTTP client: each request is sent once and counted, and a credential goes to its own origin only.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderValue};
use oci::Secrets;
use promotion::Error;
use reqwest::{RequestBuilder, Response};

use super::clients::Clients;
use super::logged::Logged;
use super::origin::Origin;
use super::request_url::RequestUrl;
use super::timeouts::Timeouts;
use super::transport::{first_contact, timed_out, transport};
use crate::Network;

/// Sends requests, once each, and counts them.
///
/// Clones share the connections; [`Client::with_own_count`] starts a count of its own.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    inner: Arc<Clients>,
    sent: Arc<AtomicU64>,
    contact: Arc<Contact>,
    /// Whether https goes through a proxy.
    proxied: bool,
    timeouts: Timeouts,
}

/// Whether any server answered so far.
#[derive(Debug, Default)]
struct Contact {
    /// Whether an address at which no server answers is taken for a mistake until one does.
    is_doubted: bool,
    is_made: AtomicBool,
}

impl Client {
    /// A client that reaches servers like this.
    pub(crate) fn new(network: &Network, timeouts: Timeouts) -> Result<Self, Error> {
        Ok(Self {
            inner: Arc::new(Clients::new(network, timeouts)?),
            sent: Arc::default(),
            contact: Arc::default(),
            proxied: network.proxy.https.is_some(),
            timeouts,
        })
    }

    /// For tests that do not wait.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self::new(&Network::default(), Timeouts::default()).unwrap()
    }

    #[cfg(test)]
    pub(super) fn trusting(authority: &[u8]) -> Self {
        let inner = Arc::new(Clients::trusting(authority));
        Self { inner, sent: Arc::default(), contact: Arc::default(), proxied: false, timeouts: Timeouts::default() }
    }

    /// The same connections, and a count from zero.
    pub(crate) fn with_own_count(&self) -> Self {
        Self { sent: Arc::default(), contact: Arc::default(), ..self.clone() }
    }

    /// The same, for an address that a user typed: until a server has answered, an unknown name or a closed port is not
    /// tried again.
    pub(crate) fn distrusting_address(mut self) -> Self {
        self.contact = Arc::new(Contact { is_doubted: true, ..Contact::default() });
        self
    }

    /// The URL, from which this registry may lead inwards if a user has said so.
    pub(crate) fn leading(&self, url: RequestUrl) -> RequestUrl {
        if self.inner.may_lead_inwards(url.as_url()) { url.leading_inwards() } else { url }
    }

    /// How long this waits.
    pub(crate) fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// How many requests were sent.
    pub(crate) fn requests(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Counts a request that is sent by other means.
    pub(crate) fn count(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// A request, with the credential if it belongs to the origin of `url` and not otherwise.
    pub(crate) fn request(
        &self,
        method: http::Method,
        url: &RequestUrl,
        credential: Option<&Credential>,
    ) -> RequestBuilder {
        let request = self.inner.of(url.as_url()).request(method, url.as_url().clone());
        match credential {
            Some(credential) if Origin::of(url) == credential.origin => {
                credential.header.iter().fold(request, |request, header| request.header(AUTHORIZATION, header.clone()))
            }
            _ => request,
        }
    }

    /// Sends a request without a body and waits for the head of the answer.
    pub(crate) async fn send(&self, request: RequestBuilder, doing: &str, url: &RequestUrl) -> Result<Response, Error> {
        self.count();
        match within(self.timeouts.answer, self.execute(request, url)).await {
            Ok(Ok(answer)) => {
                self.contact.is_made.store(true, Ordering::Relaxed);
                Ok(answer)
            }
            Ok(Err(error)) => {
                let is_doubted = self.contact.is_doubted && !self.contact.is_made.load(Ordering::Relaxed);
                let by_proxy = self.proxied && url.as_url().scheme() == "https" && error.is_connect();
                let error = if is_doubted { first_contact(error, doing, url) } else { transport(error, doing, url) };
                Err(if by_proxy { error.context("with HTTPS_PROXY set") } else { error })
            }
            Err(timeout) => Err(timed_out(timeout, doing, url)),
        }
    }

    /// Sends a request whose own body decides how long it may take.
    pub(crate) async fn send_body(
        &self,
        request: RequestBuilder,
        url: &RequestUrl,
    ) -> Result<Response, reqwest::Error> {
        self.count();
        self.execute(request, url).await
    }

    async fn execute(&self, request: RequestBuilder, url: &RequestUrl) -> Result<Response, reqwest::Error> {
        let (client, request) = request.build_split();
        let request = request?;
        let logged = Logged::new(request.method().clone(), url.clone());
        let answer = client.execute(request).await;
        match &answer {
            Ok(answer) => logged.answered(answer.status().as_u16()),
            Err(_) => logged.failed(),
        }
        answer
    }
}

/// Waits this long and no longer; the error is the time that was given.
pub(super) async fn within<T>(timeout: Duration, future: impl Future<Output = T>) -> Result<T, Duration> {
    tokio::time::timeout(timeout, future).await.map_err(|_| timeout)
}

/// What opens a registry, if anything is needed, and the one origin it is for.
#[derive(Clone)]
pub(crate) struct Credential {
    origin: Origin,
    header: Option<HeaderValue>,
    /// Known as long as it is used.
    _secrets: Secrets,
}

impl Credential {
    /// The value of an `Authorization` header; none if it is no header value.
    pub(crate) fn new(origin: Origin, text: &str) -> Option<Self> {
        let mut header = HeaderValue::from_str(text).ok()?;
        header.set_sensitive(true);
        Some(Self { origin, _secrets: Secrets::of_header(text), header: Some(header) })
    }

    /// What opens a registry that is open.
    pub(crate) fn none(origin: Origin) -> Self {
        Self { origin, header: None, _secrets: Secrets::default() }
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential(for {})", self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_goes_to_its_origin_only_and_is_never_shown() {
        let origin = Origin::parse("https://a.example").unwrap();
        let credential = Credential::new(origin, "Basic c2VjcmV0").unwrap();
        assert!(!format!("{credential:?}").contains("c2VjcmV0"));
        let client = Client::for_tests();
        for (url, sent) in [
            ("https://a.example/v2/", true),
            ("https://a.example:443/v2/", true),
            ("https://a.example:444/v2/", false),
            ("http://a.example/v2/", false),
            ("https://b.a.example/v2/", false),
        ] {
            let url = RequestUrl::parse(url).unwrap();
            let request = client.request(http::Method::GET, &url, Some(&credential)).build().unwrap();
            assert_eq!(request.headers().contains_key(AUTHORIZATION), sent, "{url}");
            assert!(!format!("{request:?}").contains("c2VjcmV0"));
        }
    }
}
