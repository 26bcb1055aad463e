//! URLs that requests are sent to. They may carry signatures, so they are never shown whole; where a `Location` leads
//! is decided here.

use std::fmt;

use oci::text::truncate;
use promotion::{Error, Name};
use url::Url;

use super::depth::Depth;

/// A URL that a request may go to: http or https, and without a user.
///
/// It may carry a signature, as the locations of uploads and of blobs in a storage do. So messages never show its
/// query.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RequestUrl(Url);

/// A URL of the API, with the longest name there is and a digest, is shorter, in characters.
const SHOWN: usize = 500;

impl RequestUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let url = Url::parse(text);
        Self::checked(url.map_err(|error| refused(format!("\"{}\" is no address: {error}", text.escape_debug())))?)
    }

    /// Where a request goes that was made of one of these.
    pub(super) fn of(request: &reqwest::Request) -> Self {
        Self(request.url().clone())
    }

    fn checked(url: Url) -> Result<Self, Error> {
        let url = Self(url);
        if !url.0.username().is_empty() || url.0.password().is_some() {
            return Err(refused(format!("{url} with a user name in it, which is not accepted")));
        }
        match url.0.scheme() {
            "https" | "http" if url.0.host().is_some() => Ok(url),
            _ => Err(refused(format!("{url}, which is not https"))),
        }
    }

    /// The URL itself, with whatever secret it carries.
    pub(crate) fn as_url(&self) -> &Url {
        &self.0
    }

    /// The host, with the port where it is not that of the scheme.
    pub(super) fn host(&self) -> String {
        let port = self.0.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}{port}", self.0.host_str().unwrap_or_default())
    }

    /// Another target of the same origin: a path, and what follows a `?` as the query, neither of which needs escaping.
    pub(super) fn with_target(&self, target: &str) -> Self {
        let mut url = self.0.clone();
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
        url.set_fragment(None);
        Self(url)
    }

    /// The same URL with more in its query.
    pub(crate) fn with_query<'a>(mut self, pairs: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        self.0.query_pairs_mut().extend_pairs(pairs);
        self
    }

    /// Where a `Location` leads, seen from the URL that answered with it, if it may be followed there.
    ///
    /// Refused are a step down from https to http, plain http out of this machine, an address with a user, and a step
    /// inwards: from a public host to an address that is loopback, private or link-local (where instance credentials
    /// are served).
    pub(crate) fn follow(&self, location: &str) -> Result<Self, Error> {
        let why = |reason: &str| refused(format!("{self} sends us on to {reason}"));
        let mut to = self.0.join(location).map_err(|_| why("something that is no address"))?;
        to.set_fragment(None);
        let to = Self::checked(to).map_err(|error| why(&error.to_string()))?;
        let (here, there) = (Depth::of(&self.0), Depth::of(&to.0));
        if self.0.scheme() == "https" && to.0.scheme() != "https" {
            return Err(why(&format!("{to}, from https down to http")));
        }
        if to.0.scheme() == "http" && here == Depth::Loopback && there != Depth::Loopback {
            return Err(why(&format!("{to}, out of this machine without encryption")));
        }
        if to.0.host() != self.0.host() && there > here {
            return Err(why(&format!("{to}, an internal address")));
        }
        Ok(to)
    }
}

fn refused(message: String) -> Error {
    Error::new(Name::UnexpectedAnswer, message)
}

/// Without the query, which may be a signature, and no more of it than helps.
impl fmt::Display for RequestUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = format!("{}://{}{}", self.0.scheme(), self.host(), self.0.path());
        f.write_str(&truncate(&whole, SHOWN))
    }
}

impl fmt::Debug for RequestUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_relative_or_absolute() {
        let from = RequestUrl::parse("https://a.example/v2/x/blobs/uploads/").unwrap();
        for (location, expected) in [
            ("/v2/x/blobs/uploads/1?s=2", "https://a.example/v2/x/blobs/uploads/1?s=2"),
            ("1", "https://a.example/v2/x/blobs/uploads/1"),
            ("https://b.example/1#f", "https://b.example/1"),
            ("//b.example/1", "https://b.example/1"),
        ] {
            assert_eq!(from.follow(location).unwrap().as_url().as_str(), expected);
        }
    }

    #[test]
    fn nobody_is_led_inwards_or_off_https() {
        for (from, to, allowed) in [
            ("https://a.example/", "http://a.example/", false),
            ("https://a.example/", "http://127.0.0.1/", false),
            ("https://a.example/", "https://127.0.0.1/", false),
            ("https://a.example/", "https://localhost/", false),
            ("https://a.example/", "https://10.1.2.3/", false),
            ("https://a.example/", "https://100.64.0.1/", false),
            ("https://a.example/", "https://169.254.169.254/latest/meta-data/", false),
            ("https://a.example/", "https://[fd00:ec2::254]/", false),
            ("https://a.example/", "https://[::ffff:10.1.2.3]/", false),
            ("https://a.example/", "https://0x7f000001/", false),
            ("https://a.example/", "https://localhost./", false),
            ("https://a.example/", "https://x.localhost./", false),
            ("https://a.example/", "https://127.0.0.1./", false),
            ("https://a.example/", "https://127.1/", false),
            ("https://a.example/", "https://0.0.0.0/", false),
            ("https://a.example/", "https://198.19.0.1/", false),
            ("https://a.example/", "https://[::]/", false),
            ("https://a.example/", "https://[::1]/", false),
            ("https://a.example/", "https://[::7f00:1]/", false),
            ("https://a.example/", "https://[fe80::1]/", false),
            ("https://a.example/", "https://[fd12::1]/", false),
            ("https://a.example/", "https://[64:ff9b::a9fe:a9fe]/", false),
            ("https://a.example/", "https://[2002:a00:1::]/", false),
            ("https://a.example/", "https://[2001:db8::1]/", true),
            ("https://a.example/", "https://[64:ff9b::808:808]/", true),
            ("https://a.example/", "https://u@b.example/", false),
            ("https://a.example/", "file:///etc/passwd", false),
            ("https://a.example/", "https://b.example/", true),
            ("https://10.0.0.1/", "https://10.0.0.2/", true),
            ("https://10.0.0.1/", "https://127.0.0.1/", false),
            ("http://127.0.0.1:1/", "http://127.0.0.1:2/", true),
            ("http://127.0.0.1:1/", "https://b.example/", true),
            ("http://127.0.0.1:1/", "https://10.0.0.1/", true),
            ("http://127.0.0.1:1/", "http://10.0.0.1/", false),
            ("http://a.example/", "http://b.example/", true),
            ("http://a.example/", "http://10.0.0.1/", false),
            ("http://10.0.0.1/", "http://127.0.0.1/", false),
            ("http://127.0.0.1:1/", "https://169.254.169.254/", false),
        ] {
            let result = RequestUrl::parse(from).unwrap().follow(to);
            assert_eq!(result.is_ok(), allowed, "{from} to {to}: {result:?}");
        }
    }

    #[test]
    fn neither_query_nor_user_is_shown() {
        let url = RequestUrl(Url::parse("https://u:p@a.example:444/p?X-Amz-Signature=1").unwrap());
        assert_eq!([url.to_string(), format!("{url:?}")], ["https://a.example:444/p", "https://a.example:444/p"]);
        let from = RequestUrl::parse("https://a.example/p?X-Amz-Signature=1").unwrap();
        let error = from.follow("http://b.example/q?X-Amz-Signature=2").unwrap_err().to_string();
        assert!(error.contains("https://a.example/p") && error.contains("http://b.example/q"), "{error}");
        assert!(!error.contains("Signature"), "{error}");
    }
}
