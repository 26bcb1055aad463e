use std::fmt;

use promotion::{Error, Name};

use super::depth::Depth;
use super::request_url::RequestUrl;

/// Where a request goes: scheme, host and port. A credential belongs to one of these.
///
/// Plain http is accepted to a loopback address, where tests and emulators are, and where a user wrote it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Origin(RequestUrl);

impl Origin {
    /// The origin of the address that AWS gives of a registry; its path is dropped.
    ///
    /// Link-local addresses, where instance credentials are served, are refused: no registry is at one.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let origin = Self::of(&RequestUrl::parse(text)?);
        if Depth::of(origin.0.as_url()) == Depth::LinkLocal {
            return Err(Error::new(Name::UnexpectedAnswer, format!("{origin}, which is no address of a registry")));
        }
        if origin.is_plain() && Depth::of(origin.0.as_url()) != Depth::Loopback {
            let why = format!("{origin}, which is not encrypted (plain http is accepted on a loopback address only)");
            return Err(Error::new(Name::UnexpectedAnswer, why));
        }
        Ok(origin)
    }

    /// The origin of a registry as a user wrote it, who may have meant plain http.
    pub(crate) fn written(scheme: &str, host: &str) -> Result<Self, Error> {
        RequestUrl::parse(&format!("{scheme}://{host}")).map(|url| Self::of(&url))
    }

    /// The origin of a URL.
    pub(crate) fn of(url: &RequestUrl) -> Self {
        Self(url.with_target("").leading_nowhere())
    }

    /// Whether requests go there without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.0.as_url().scheme() == "http"
    }

    /// Whether it is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        Depth::of(self.0.as_url()) == Depth::Loopback
    }

    /// A URL of this origin. `target` is made of parts that need no escaping, such as repository names and digests.
    pub(crate) fn at(&self, target: &str) -> RequestUrl {
        self.0.with_target(target)
    }

    /// Host, and the port where it is not the scheme's own.
    pub(crate) fn authority(&self) -> &str {
        self.0.as_url().authority()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.as_url().scheme(), self.authority())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_only() {
        for text in [
            "https://111122223333.dkr.ecr.eu-west-1.amazonaws.com",
            "http://127.0.0.1:5000",
            "http://[::1]:80/x",
            "http://localhost:1",
        ] {
            assert!(Origin::parse(text).is_ok(), "{text}");
        }
        for text in [
            "http://example.com",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "http://127.0.0.1.example.com",
            "https://u:p@example.com",
            "https://169.254.169.254",
            "http://169.254.169.254/latest/meta-data/",
            "https://0xa9fea9fe:5000",
            "https://169.254.170.2.",
            "https://[fd00:ec2::254]",
            "https://[::ffff:169.254.169.254]",
            "https://[fe80::1]",
            "https://0.0.0.0",
            "",
            "x",
        ] {
            let error = Origin::parse(text).unwrap_err();
            assert!(!error.is_temporary() && !error.to_string().contains("u:p"), "{text}: {error}");
        }
        let origin = Origin::parse("https://example.com:443/v2/?x=1").unwrap();
        assert_eq!(origin.to_string(), "https://example.com");
        assert_eq!(origin.authority(), "example.com");
        assert_eq!(Origin::parse("http://127.0.0.1:5000").unwrap().authority(), "127.0.0.1:5000");
    }
}
