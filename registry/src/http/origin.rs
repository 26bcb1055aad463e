use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use promotion::{Error, Name};
use url::{Host, Url};

use oci::text::truncate;

/// Where a request goes: scheme, host and port. A credential belongs to one of these.
///
/// Plain http is accepted to a loopback address, where tests and emulators are, and where a user wrote it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Origin(Url);

impl Origin {
    /// The origin of a registry's address; its path is dropped.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let origin = Self::parse_any(text)?;
        if origin.is_plain() && depth(&origin.0) != Depth::Loopback {
            return Err(refused(format!(
                "{origin}, which is not encrypted (plain http is accepted on a loopback address only)"
            )));
        }
        Ok(origin)
    }

    fn parse_any(text: &str) -> Result<Self, Error> {
        let url =
            Url::parse(text).map_err(|error| refused(format!("\"{}\" is no address: {error}", text.escape_debug())))?;
        Self::of(&url)
    }

    /// The origin of a registry as a user wrote it, who may have meant plain http.
    pub(crate) fn written(scheme: &str, host: &str) -> Result<Self, Error> {
        Self::parse_any(&format!("{scheme}://{host}"))
    }

    /// Whether it is spoken to without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// The origin of a URL.
    pub(crate) fn of(url: &Url) -> Result<Self, Error> {
        check(url)?;
        let mut origin = url.clone();
        origin.set_path("");
        origin.set_query(None);
        origin.set_fragment(None);
        Ok(Self(origin))
    }

    /// An address under this origin. `path` is made of parts that need no escaping, such as repository names and digests.
    pub(crate) fn at(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(path);
        url
    }

    /// Host, and the port where it is not the scheme's own.
    pub(crate) fn authority(&self) -> &str {
        self.0.authority()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.0.authority())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A URL for messages: never its query, which may be a signature, and no more of it than helps.
pub(crate) fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let whole = format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path());
    truncate(&whole, SHOWN)
}

/// A URL of the API, with the longest name there is and a digest, is shorter, in characters.
const SHOWN: usize = 500;

/// Where a `Location` leads, seen from the URL that answered with it, if it may be followed there.
///
/// Refused are a step down from https to http, plain http out of this machine, an address with a user, and a step inwards: from a public host to an address that is
/// loopback, private or link-local (where instance credentials are served). Only addresses written as such are judged: a name may resolve to a
/// private address by right, as those of ECR and S3 do behind VPC endpoints.
pub(crate) fn follow(from: &Url, location: &str) -> Result<Url, Error> {
    let why = |reason: &str| refused(format!("{} sends us on to {reason}", shown(from)));
    let mut to = from.join(location).map_err(|_| why("something that is no address"))?;
    to.set_fragment(None);
    check(&to).map_err(|error| why(&error.to_string()))?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(why(&format!("{}, from https down to http", shown(&to))));
    }
    if to.scheme() == "http" && depth(from) == Depth::Loopback && depth(&to) != Depth::Loopback {
        return Err(why(&format!("{}, out of this machine without encryption", shown(&to))));
    }
    if to.host() != from.host() && depth(&to) > depth(from) {
        return Err(why(&format!("{}, an internal address", shown(&to))));
    }
    Ok(to)
}

fn check(url: &Url) -> Result<(), Error> {
    let address = shown(url);
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(format!("{address} with a user name in it, which is not accepted")));
    }
    match url.scheme() {
        "https" | "http" if url.host().is_some() => Ok(()),
        _ => Err(refused(format!("{address}, which is not https"))),
    }
}

fn refused(message: String) -> Error {
    Error::new(Name::RegistryUnavailable, message).permanent()
}

/// How far inside a host is. Who is there may send us as far in as that, but no further; nobody sends us to link-local addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Depth {
    Public,
    Private,
    Loopback,
    LinkLocal,
}

fn depth(url: &Url) -> Depth {
    match url.host() {
        Some(Host::Ipv4(address)) => depth_of_v4(address),
        Some(Host::Ipv6(address)) => depth_of_v6(address),
        // A dot at the end says that the name is whole.
        Some(Host::Domain(name)) => depth_of_name(name.strip_suffix('.').unwrap_or(name)),
        None => Depth::LinkLocal,
    }
}

fn depth_of_name(name: &str) -> Depth {
    match name {
        "localhost" => Depth::Loopback,
        name if name.ends_with(".localhost") => Depth::Loopback,
        name => name.parse().map_or(Depth::Public, |address| match address {
            IpAddr::V4(address) => depth_of_v4(address),
            IpAddr::V6(address) => depth_of_v6(address),
        }),
    }
}

fn depth_of_v4(address: Ipv4Addr) -> Depth {
    let [first, second, ..] = address.octets();
    match () {
        () if address.is_loopback() => Depth::Loopback,
        // 0.0.0.0/8 is "this host on this network" (RFC 6890).
        () if address.is_link_local() || first == 0 || address.is_broadcast() => Depth::LinkLocal,
        // 100.64.0.0/10 is shared address space (RFC 6598), 198.18.0.0/15 is for measurements within a network (RFC 2544).
        () if address.is_private() || (first == 100 && second & 0xc0 == 64) => Depth::Private,
        () if first == 198 && second & 0xfe == 18 => Depth::Private,
        () => Depth::Public,
    }
}

fn depth_of_v6(address: Ipv6Addr) -> Depth {
    // ::ffff:a.b.c.d and ::a.b.c.d (RFC 4291), 64:ff9b::a.b.c.d behind NAT64 (RFC 6052), 2002:ab:cd:: (6to4, RFC 3056).
    let embedded = match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            Some((high, low))
        }
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some((high, low)),
        _ => None,
    };
    if let Some((high, low)) = embedded {
        return depth_of_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    }
    // fd00:ec2::254 serves instance credentials as 169.254.169.254 does.
    let metadata = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match () {
        () if address.is_loopback() => Depth::Loopback,
        () if address.is_unicast_link_local() || address.is_unspecified() || address == metadata => Depth::LinkLocal,
        () if address.is_unique_local() => Depth::Private,
        () => Depth::Public,
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

    #[test]
    fn locations_are_relative_or_absolute() {
        let from = Url::parse("https://a.example/v2/x/blobs/uploads/").unwrap();
        for (location, expected) in [
            ("/v2/x/blobs/uploads/1?s=2", "https://a.example/v2/x/blobs/uploads/1?s=2"),
            ("1", "https://a.example/v2/x/blobs/uploads/1"),
            ("https://b.example/1#f", "https://b.example/1"),
            ("//b.example/1", "https://b.example/1"),
        ] {
            assert_eq!(follow(&from, location).unwrap().as_str(), expected);
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
            let result = follow(&Url::parse(from).unwrap(), to);
            assert_eq!(result.is_ok(), allowed, "{from} to {to}: {result:?}");
        }
    }

    #[test]
    fn messages_show_no_query() {
        let from = Url::parse("https://a.example/p?X-Amz-Signature=1").unwrap();
        let error = follow(&from, "http://b.example/q?X-Amz-Signature=2").unwrap_err().to_string();
        assert!(error.contains("https://a.example/p") && error.contains("http://b.example/q"), "{error}");
        assert!(!error.contains("Signature"), "{error}");
    }
}
