//! What is written as one word and means more: blocks and addresses of one family or of either.

use groundplane_abi::Mac;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A kind of value with its notation.
pub(super) trait Notation: Sized {
    /// What is expected of the text, as in "CidrBlock must be …".
    const EXPECTED: &'static str;

    fn read(text: &str) -> Option<Self>;
}

/// Host bits of a block are cleared without a word, as AWS does (semantics 2.1).
impl Notation for Ipv4Net {
    const EXPECTED: &'static str = "an IPv4 block such as 10.0.0.0/16";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(|block: Self| block.trunc())
    }
}

impl Notation for Ipv6Net {
    const EXPECTED: &'static str = "an IPv6 block such as 2001:db8:a::/56";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(|block: Self| block.trunc())
    }
}

impl Notation for IpNet {
    const EXPECTED: &'static str = "a block such as 10.0.0.0/16 or 2001:db8:a::/56";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(|block: Self| block.trunc())
    }
}

impl Notation for Ipv4Addr {
    const EXPECTED: &'static str = "an IPv4 address such as 10.0.1.10";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Notation for Ipv6Addr {
    const EXPECTED: &'static str = "an IPv6 address such as 2001:db8:a:1::10";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Notation for Mac {
    const EXPECTED: &'static str = "a MAC address such as 02:00:00:00:00:01";

    fn read(text: &str) -> Option<Self> {
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|part| part.len() == 2)?;
            *byte = u8::from_str_radix(part, 16).ok()?;
        }
        parts.next().is_none().then_some(Self(bytes))
    }
}

/// The number of an IP protocol, or all of them (semantics 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Protocol(pub(super) Option<u8>);

impl Protocol {
    pub(super) const ICMP: Self = Self(Some(1));
    pub(super) const TCP: Self = Self(Some(6));
    pub(super) const UDP: Self = Self(Some(17));
    pub(super) const ICMPV6: Self = Self(Some(58));
}

impl Notation for Protocol {
    const EXPECTED: &'static str = "tcp, udp, icmp, icmpv6, the number of a protocol, or -1 for all";

    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "-1" => Self(None),
            "icmp" => Self::ICMP,
            "tcp" => Self::TCP,
            "udp" => Self::UDP,
            "icmpv6" => Self::ICMPV6,
            number => Self(Some(number.parse().ok()?)),
        })
    }
}
