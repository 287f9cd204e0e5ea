//! Packets that read like a sentence, and their deliberate damage.
//!
//! ```
//! use groundplane_tests::packet::{Packet, flag};
//! let frame = Packet::tcp().from([2, 0, 0, 0, 0, 1], [10, 0, 0, 4], 1024).to([2, 0, 0, 0, 0, 2], [10, 0, 0, 5], 80);
//! assert_eq!(frame.flags(flag::SYN).build().len(), 14 + 20 + 20);
//! ```
//!
//! A packet is of the family its addresses are of. Bytes are put together by hand, so that a wrong one can stand
//! anywhere; [`parsed`] reads them back with etherparse, which knows nothing of this builder.

mod bytes;
mod geneve;
mod make;
pub mod parsed;

pub use bytes::checksum;
pub use geneve::GeneveOptions;
pub use make::solicited_node;
pub use parsed::{Address, Parsed};

use std::net::{IpAddr, Ipv4Addr};

/// TCP flags.
pub mod flag {
    pub const FIN: u8 = 1;
    pub const SYN: u8 = 2;
    pub const RST: u8 = 4;
    pub const PSH: u8 = 8;
    pub const ACK: u8 = 16;
}

pub mod ethertype {
    pub const IPV4: u16 = 0x0800;
    pub const ARP: u16 = 0x0806;
    pub const VLAN: u16 = 0x8100;
    pub const QINQ: u16 = 0x88a8;
    pub const IPV6: u16 = 0x86dd;
    pub const LLDP: u16 = 0x88cc;
}

/// The implicit router's MAC address (semantics 3.1), written out once more so that the tests notice if it changes.
pub const ROUTER: [u8; 6] = [0x02, 0x67, 0x70, 0, 0, 1];
/// The router's link-local addresses: the documented one, and the one made of its MAC address.
pub const ROUTER_LINK_LOCAL: [[u8; 16]; 2] = [
    [0xfe, 0x80, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x67, 0x70, 0xff, 0xfe, 0, 0, 1],
];
pub const BROADCAST: [u8; 6] = [0xff; 6];

/// A frame being described. [`Packet::build`] makes its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    source_mac: [u8; 6],
    destination_mac: [u8; 6],
    vlans: Vec<(u16, u16)>,
    body: Body,
    damage: Vec<Damage>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Body {
    Ip(Ip),
    Arp(Arp),
    Raw(u16, Vec<u8>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ip {
    src: IpAddr,
    dst: IpAddr,
    ttl: u8,
    dont_fragment: bool,
    fragment: Option<Fragment>,
    /// IPv4 only.
    options: Vec<u8>,
    /// IPv6 only.
    extensions: Vec<Extension>,
    transport: Transport,
    payload: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fragment {
    id: u32,
    /// In units of eight bytes.
    offset: u16,
    more: bool,
    /// How many extension headers stand before the fragment header.
    after: usize,
}

/// An IPv6 extension header, whose body is made up to a multiple of eight bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extension {
    HopByHop(Vec<u8>),
    Destination(Vec<u8>),
    Routing {
        kind: u8,
        segments_left: u8,
    },
    /// Any other number, with a body of the same form.
    Other(u8, Vec<u8>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Transport {
    Tcp {
        ports: (u16, u16),
        flags: u8,
        options: Vec<u8>,
    },
    Udp {
        ports: (u16, u16),
    },
    /// ICMP or ICMPv6, by the number.
    Icmp {
        protocol: u8,
        icmp_type: u8,
        code: u8,
        rest: [u8; 4],
    },
    Other(u8),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Arp {
    operation: u16,
    sender: ([u8; 6], [u8; 4]),
    target: ([u8; 6], [u8; 4]),
}

/// What is broken after the frame has been put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The frame ends after so many bytes.
    Truncate(usize),
    /// The version nibble of the IP header.
    IpVersion(u8),
    /// The header length nibble of the IPv4 header, in words.
    IpHeaderLength(u8),
    /// Total length of IPv4, payload length of IPv6.
    IpTotalLength(u16),
    IpChecksum,
    /// The data offset nibble of the TCP header, in words.
    TcpDataOffset(u8),
    UdpLength(u16),
    /// The checksum of TCP, UDP or ICMP, by the protocol number.
    TransportChecksum(u8, u16),
    /// One byte, counted from the start of the frame; nothing if the frame is shorter.
    Byte(usize, u8),
}

impl Packet {
    /// Where it comes from. A protocol without ports ignores the port.
    #[must_use]
    pub fn from(self, mac: [u8; 6], ip: impl Into<IpAddr>, port: u16) -> Self {
        self.from_mac(mac).ip_from(ip, port)
    }

    /// Where it goes to. A protocol without ports ignores the port.
    #[must_use]
    pub fn to(self, mac: [u8; 6], ip: impl Into<IpAddr>, port: u16) -> Self {
        self.to_mac(mac).ip_to(ip, port)
    }

    #[must_use]
    pub fn from_mac(mut self, mac: [u8; 6]) -> Self {
        self.source_mac = mac;
        self
    }

    #[must_use]
    pub fn to_mac(mut self, mac: [u8; 6]) -> Self {
        self.destination_mac = mac;
        self
    }

    #[must_use]
    pub fn ip_from(self, ip: impl Into<IpAddr>, port: u16) -> Self {
        self.with_ip(|header| {
            header.src = ip.into();
            header.transport.set_ports(|ports| ports.0 = port);
        })
    }

    #[must_use]
    pub fn ip_to(self, ip: impl Into<IpAddr>, port: u16) -> Self {
        self.with_ip(|header| {
            header.dst = ip.into();
            header.transport.set_ports(|ports| ports.1 = port);
        })
    }

    #[must_use]
    pub fn flags(self, new: u8) -> Self {
        self.with_ip(|ip| {
            if let Transport::Tcp { flags, .. } = &mut ip.transport {
                *flags = new;
            }
        })
    }

    /// TCP options, made up to whole words with end-of-list.
    #[must_use]
    pub fn tcp_options(self, new: &[u8]) -> Self {
        self.with_ip(|ip| {
            if let Transport::Tcp { options, .. } = &mut ip.transport {
                *options = new.iter().copied().take(40).collect();
                options.resize(options.len().next_multiple_of(4), 0);
            }
        })
    }

    /// The MSS option of a SYN.
    #[must_use]
    pub fn mss(self, mss: u16) -> Self {
        let [high, low] = mss.to_be_bytes();
        self.tcp_options(&[2, 4, high, low])
    }

    #[must_use]
    pub fn payload(self, bytes: &[u8]) -> Self {
        self.with_ip(|ip| ip.payload = bytes.to_vec())
    }

    /// No more of the payload than this; an ICMP error then quotes less than it ought to.
    #[must_use]
    pub fn truncate_payload(self, len: usize) -> Self {
        self.with_ip(|ip| ip.payload.truncate(len))
    }

    /// The MTU that an ICMP error tells of.
    #[must_use]
    pub fn mtu(self, mtu: u32) -> Self {
        self.with_ip(|ip| {
            if let Transport::Icmp { rest, .. } = &mut ip.transport {
                *rest = mtu.to_be_bytes();
            }
        })
    }

    /// TTL or hop limit.
    #[must_use]
    pub fn ttl(self, ttl: u8) -> Self {
        self.with_ip(|ip| ip.ttl = ttl)
    }

    #[must_use]
    pub fn dont_fragment(self) -> Self {
        self.with_ip(|ip| ip.dont_fragment = true)
    }

    /// A fragment, its offset in units of eight bytes. A later one consists of the payload alone. In IPv6 the fragment
    /// header follows the extension headers that were named before.
    #[must_use]
    pub fn fragment(self, id: u32, offset: u16, more: bool) -> Self {
        self.with_ip(|ip| {
            let after = ip.extensions.len();
            ip.fragment = Some(Fragment {
                id,
                offset: offset & 0x1fff,
                more,
                after,
            });
        })
    }

    /// IPv4 options, made up to whole words with end-of-list.
    #[must_use]
    pub fn options(self, options: &[u8]) -> Self {
        self.with_ip(|ip| {
            ip.options = options.iter().copied().take(40).collect();
            ip.options.resize(ip.options.len().next_multiple_of(4), 0);
        })
    }

    /// One more IPv6 extension header, inside of those before it.
    #[must_use]
    pub fn extension(self, extension: Extension) -> Self {
        self.with_ip(|ip| ip.extensions.push(extension))
    }

    /// A VLAN tag in the bytes, outside of those before it.
    #[must_use]
    pub fn vlan(mut self, tpid: u16, id: u16) -> Self {
        self.vlans.insert(0, (tpid, id));
        self
    }

    #[must_use]
    pub fn damaged(mut self, damage: Damage) -> Self {
        self.damage.push(damage);
        self
    }

    /// The bytes, with correct checksums but for the damage.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        bytes::build(self)
    }

    fn with_ip(mut self, change: impl FnOnce(&mut Ip)) -> Self {
        if let Body::Ip(ip) = &mut self.body {
            change(ip);
        }
        self
    }
}

impl Ip {
    fn of(transport: Transport) -> Self {
        Self {
            src: Ipv4Addr::UNSPECIFIED.into(),
            dst: Ipv4Addr::UNSPECIFIED.into(),
            ttl: 64,
            dont_fragment: false,
            fragment: None,
            options: Vec::new(),
            extensions: Vec::new(),
            transport,
            payload: Vec::new(),
        }
    }

    fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|fragment| fragment.offset > 0)
    }
}

impl Extension {
    fn number(&self) -> u8 {
        match self {
            Self::HopByHop(_) => 0,
            Self::Routing { .. } => 43,
            Self::Destination(_) => 60,
            Self::Other(number, _) => *number,
        }
    }
}

impl Transport {
    fn set_ports(&mut self, set: impl FnOnce(&mut (u16, u16))) {
        if let Self::Tcp { ports, .. } | Self::Udp { ports } = self {
            set(ports);
        }
    }

    fn number(&self) -> u8 {
        match self {
            Self::Tcp { .. } => 6,
            Self::Udp { .. } => 17,
            Self::Icmp { protocol, .. } => *protocol,
            Self::Other(number) => *number,
        }
    }
}
