//! How packets leave the host: a fact of the host, as guests are, and nothing that AWS knows.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A way between the internet gateways of the configuration and what is outside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uplink {
    pub name: String,
    pub kind: UplinkKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UplinkKind {
    /// A link to the host itself, which goes on from there under the host's own addresses.
    Host {
        /// The host's, by which guests see it; likewise below.
        address: Ipv4Addr,
        ipv6_address: Ipv6Addr,
    },
    /// A device that is there, behind which the internet is.
    Device {
        device: String,
        announce: Announce,
        xdp: Xdp,
        /// What leaves by it, whatever else there is. If nothing is said, what leaves by no other.
        destinations: Vec<IpNet>,
    },
}

/// How whoever is outside knows where public addresses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announce {
    /// Who asks for one by ARP or neighbour discovery is answered.
    Arp,
    /// Somebody routes them here, and nobody is answered.
    Route,
}

/// Whether what certainly is dropped is dropped by an XDP program, before the kernel has anything to do with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Xdp {
    #[default]
    Off,
    /// By the device's driver.
    Native,
    /// By the kernel, for drivers that can't: later, and so for less gain.
    Generic,
}

impl Xdp {
    /// The document's words.
    pub(crate) const WORDS: [(&str, Self); 3] =
        [("off", Self::Off), ("native", Self::Native), ("generic", Self::Generic)];

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Native => "native",
            Self::Generic => "generic",
        }
    }
}

/// Where the host is unless the document says otherwise. Both are out of the blocks for benchmarks (RFC 2544, RFC
/// 5180), which nobody on the internet has: an internet gateway lets no private address in (semantics 9.3).
pub const HOST_ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
pub const HOST_IPV6_ADDRESS: Ipv6Addr = Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 1);
