use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// How far inside a network a host is. A server there may send us as far in as itself, but no further; none may send us
/// to link-local addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Depth {
    Public,
    Private,
    Loopback,
    LinkLocal,
}

impl Depth {
    /// That of a URL's host. Only addresses written as such are judged: a name may resolve to a private address by
    /// right, as those of ECR and S3 do behind VPC endpoints.
    pub(super) fn of(url: &Url) -> Self {
        match url.host() {
            Some(Host::Ipv4(address)) => depth_of_v4(address),
            Some(Host::Ipv6(address)) => depth_of_v6(address),
            // A dot at the end says that the name is complete. More of them make no name, and are judged as one all the
            // same.
            Some(Host::Domain(name)) => depth_of_name(name.trim_end_matches('.')),
            None => Self::LinkLocal,
        }
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
        // 100.64.0.0/10 is shared address space (RFC 6598).
        () if address.is_private() || (first == 100 && second & 0xc0 == 64) => Depth::Private,
        // 198.18.0.0/15 is for measurements within a network (RFC 2544).
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
