//! URLs that requests are sent to. They may carry signatures, so they are never shown whole; where a `Location` leads
//! is decided here.

use std::fmt;

use oci::text::{sanitize, sanitize_line, truncate};
use oci::{Digest, Secrets};
use promotion::{Error, Name};
use url::Url;

use super::depth::Depth;

/// A URL that a request may go to: http or https, and without a user.
///
/// It may carry a signature, as the locations of uploads and of blobs in a storage do. So messages never show its
/// query.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RequestUrl {
    url: Url,
    /// How far inside a network it may lead at most, beside as far as it is itself.
    inwards: Depth,
    /// Those of its query, if another server wrote it.
    secrets: Secrets,
    /// What is shown of it where a secret is repeated before its query. A URL is taken apart at characters that a secret
    /// may have in it, and parts of one are not known.
    shown: Option<Box<str>>,
}

/// A URL of the API, with the longest name there is and a digest, is shorter, in characters.
const SHOWN: usize = 500;

impl RequestUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let url = Url::parse(text);
        let url = url.map_err(|error| refused(format!("\"{}\" is no address: {error}", sanitize_line(text))))?;
        Self::checked(url, text)
    }

    /// A URL that was read from this text.
    fn checked(url: Url, text: &str) -> Result<Self, Error> {
        let url = Self { url, inwards: Depth::Public, secrets: Secrets::default(), shown: shown(text) };
        if !url.url.username().is_empty() || url.url.password().is_some() {
            return Err(refused(format!("{url} with a user name in it, which is not accepted")));
        }
        match url.url.scheme() {
            "https" | "http" if url.url.host().is_some() => Ok(url),
            _ => Err(refused(format!("{url}, which is not https"))),
        }
    }

    /// The same, which may lead to private addresses, as that of a registry with its storage in the same network.
    pub(super) fn leading_inwards(self) -> Self {
        Self { inwards: Depth::Private, ..self }
    }

    /// The same, which may lead no further inside than it is: what a user allows is allowed to requests, and is no part
    /// of where they go.
    pub(super) fn leading_nowhere(self) -> Self {
        Self { inwards: Depth::Public, ..self }
    }

    /// The URL itself, with whatever secret it carries.
    pub(crate) fn as_url(&self) -> &Url {
        &self.url
    }

    /// The host, with the port where it is not that of the scheme.
    pub(super) fn host(&self) -> String {
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}{port}", self.url.host_str().unwrap_or_default())
    }

    /// Another target of the same origin: a path, and what follows a `?` as the query, neither of which needs escaping.
    pub(super) fn with_target(&self, target: &str) -> Self {
        let mut url = self.url.clone();
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
        url.set_fragment(None);
        Self { url, inwards: self.inwards, secrets: Secrets::default(), shown: None }
    }

    /// The same URL with more in its query.
    pub(crate) fn with_query<'a>(mut self, pairs: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        self.url.query_pairs_mut().extend_pairs(pairs);
        self
    }

    /// Where a `Location` leads, seen from the URL that answered with it, if it may be followed there.
    ///
    /// Refused are a step down from https to http, plain http out of this machine, an address with a user, and a step
    /// inwards: from a public host to an address that is loopback, private or link-local (where instance credentials
    /// are served).
    pub(crate) fn follow(&self, location: &str) -> Result<Self, Error> {
        let why = |reason: &str| refused(format!("{self} sends us on to {reason}"));
        let mut to = self.url.join(location).map_err(|_| why("something that is no address"))?;
        to.set_fragment(None);
        let to = Self::checked(to, location).map_err(|error| why(&error.to_string()))?;
        let (here, there) = (Depth::of(&self.url), Depth::of(&to.url));
        if self.url.scheme() == "https" && to.url.scheme() != "https" {
            return Err(why(&format!("{to}, from https down to http")));
        }
        if to.url.scheme() == "http" && here == Depth::Loopback && there != Depth::Loopback {
            return Err(why(&format!("{to}, out of this machine without encryption")));
        }
        if to.url.host() != self.url.host() && there > here.max(self.inwards) {
            let advice = match there {
                Depth::Private => " (the command line allows it with --allow-private-redirects)",
                _ => "",
            };
            return Err(why(&format!("{to}, an internal address{advice}")));
        }
        let secrets =
            Secrets::of(to.url.query_pairs().filter(|(name, value)| is_secret(name, value)).map(|(_, value)| value));
        Ok(Self { inwards: self.inwards, secrets, ..to })
    }
}

/// What the words of a query are called that open something: `X-Amz-Signature`, `sig`, `Policy`, `_state`, `__token__`.
const OPENING: [&str; 9] = ["auth", "credential", "hmac", "key", "policy", "secret", "sig", "state", "token"];

/// What is written there for all to see, however long it is.
const PUBLIC: [&str; 9] = [
    "artifactType",
    "digest",
    "from",
    "last",
    "mount",
    "scope",
    "service",
    "X-Amz-SignedHeaders",
    "X-Goog-SignedHeaders",
];

/// The shortest of what opens something, and of what only that can be, in bytes.
const SECRET: (usize, usize) = (8, 32);

/// Whether a part of a query of others opens something, as far as that can be seen.
fn is_secret(name: &str, value: &str) -> bool {
    let opens = OPENING.iter().any(|word| name.to_ascii_lowercase().contains(word));
    let least = if opens { SECRET.0 } else { SECRET.1 };
    value.len() >= least && !PUBLIC.contains(&name) && value.parse::<Digest>().is_err()
}

/// What is shown of an address up to its query, if a secret is repeated there.
fn shown(text: &str) -> Option<Box<str>> {
    let path = |text: &str| text.split(['?', '#']).next().unwrap_or_default().to_owned();
    let hidden = path(&sanitize(text));
    (hidden != path(text)).then(|| sanitize_line(&hidden).into())
}

fn refused(message: String) -> Error {
    Error::new(Name::UnexpectedAnswer, message)
}

/// Without the query, which may be a signature, and no more of it than helps.
impl fmt::Display for RequestUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shown {
            Some(shown) => f.write_str(shown),
            None => {
                let whole = format!("{}://{}{}", self.url.scheme(), self.host(), self.url.path());
                f.write_str(&truncate(&whole, SHOWN))
            }
        }
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
    fn a_registry_may_lead_to_private_addresses_where_a_user_says_so_and_no_further() {
        let storage = "http://10.0.0.5:9000/bucket/blob";
        let from = RequestUrl::parse("http://registry.example/v2/x/blobs/y").unwrap();
        let refused = from.follow(storage).unwrap_err().to_string();
        assert!(refused.contains("an internal address") && refused.contains("--allow-private-redirects"), "{refused}");
        let from = from.leading_inwards();
        // Also from there on, as from one page of a list to the next.
        let next = from.follow("http://registry.example/next").unwrap().follow(storage).unwrap();
        assert_eq!(next.to_string(), storage);
        for inside in ["http://127.0.0.1/", "http://169.254.169.254/latest/", "http://[fd00:ec2::254]/"] {
            let refused = from.follow(inside).unwrap_err().to_string();
            assert!(!refused.contains("--allow"), "{refused}");
        }
        let from = RequestUrl::parse("https://registry.example/").unwrap().leading_inwards();
        assert!(from.follow(storage).unwrap_err().to_string().contains("from https down to http"));
    }

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
            ("https://a.example/", "https://x.localhost.../", false),
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
        let url = RequestUrl {
            url: Url::parse("https://u:p@a.example:444/p?X-Amz-Signature=1").unwrap(),
            inwards: Depth::Public,
            secrets: Secrets::default(),
            shown: None,
        };
        assert_eq!([url.to_string(), format!("{url:?}")], ["https://a.example:444/p", "https://a.example:444/p"]);
        let from = RequestUrl::parse("https://a.example/p?X-Amz-Signature=1").unwrap();
        let error = from.follow("http://b.example/q?X-Amz-Signature=2").unwrap_err().to_string();
        assert!(error.contains("https://a.example/p") && error.contains("http://b.example/q"), "{error}");
        assert!(!error.contains("Signature"), "{error}");
    }
}
