//! Packets that read like a sentence, and their deliberate damage.
//!
//! ```
//! use groundplane_tests::packet::{Packet, flag};
//! let frame = Packet::tcp().from([2, 0, 0, 0, 0, 1], [10, 0, 0, 4], 1024).to([2, 0, 0, 0, 0, 2], [10, 0, 0, 5], 80);
//! assert_eq!(frame.flags(flag::SYN).build().len(), 14 + 20 + 20);
//! ```
//!
//! Bytes are put together by hand, so that a wrong one can stand anywhere; [`parsed`] reads them back with etherparse,
//! which knows nothing of this builder.

mod bytes;
pub mod parsed;

pub use parsed::Parsed;

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
    Ipv4(Ipv4),
    Arp(Arp),
    Ipv6([u8; 16], [u8; 16]),
    Raw(u16, Vec<u8>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ipv4 {
    src: [u8; 4],
    dst: [u8; 4],
    ttl: u8,
    id: u16,
    dont_fragment: bool,
    more_fragments: bool,
    /// In units of eight bytes.
    fragment_offset: u16,
    options: Vec<u8>,
    transport: Transport,
    payload: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Transport {
    Tcp { ports: (u16, u16), flags: u8 },
    Udp { ports: (u16, u16) },
    Icmp { icmp_type: u8, code: u8, rest: [u8; 4] },
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
    /// The header length nibble of the IP header, in words.
    IpHeaderLength(u8),
    IpTotalLength(u16),
    IpChecksum,
    /// The data offset nibble of the TCP header, in words.
    TcpDataOffset(u8),
    UdpLength(u16),
    /// One byte, counted from the start of the frame; nothing if the frame is shorter.
    Byte(usize, u8),
}

impl Packet {
    #[must_use]
    pub fn tcp() -> Self {
        Self::ip(Transport::Tcp {
            ports: (0, 0),
            flags: flag::ACK,
        })
    }

    #[must_use]
    pub fn udp() -> Self {
        Self::ip(Transport::Udp { ports: (0, 0) })
    }

    /// An echo request with an identifier.
    #[must_use]
    pub fn ping(identifier: u16) -> Self {
        Self::icmp(8, 0, identifier)
    }

    #[must_use]
    pub fn pong(identifier: u16) -> Self {
        Self::icmp(0, 0, identifier)
    }

    /// Any ICMP message; the identifier stands in the first half of the header's second word.
    #[must_use]
    pub fn icmp(icmp_type: u8, code: u8, identifier: u16) -> Self {
        let [high, low] = identifier.to_be_bytes();
        Self::ip(Transport::Icmp {
            icmp_type,
            code,
            rest: [high, low, 0, 1],
        })
    }

    /// An ICMP error that quotes what caused it: IP header and eight bytes more.
    #[must_use]
    pub fn icmp_error(icmp_type: u8, code: u8, quoted: &Self) -> Self {
        let quoted = quoted.build();
        let quote = quoted.get(14..quoted.len().min(14 + 20 + 8)).unwrap_or_default();
        Self::ip(Transport::Icmp {
            icmp_type,
            code,
            rest: [0; 4],
        })
        .payload(quote)
    }

    /// Any other protocol over IPv4.
    #[must_use]
    pub fn protocol(number: u8) -> Self {
        Self::ip(Transport::Other(number))
    }

    /// A whole IP packet inside another one.
    #[must_use]
    pub fn ip_in_ip(inner: &Self) -> Self {
        let inner = inner.build();
        Self::ip(Transport::Other(4)).payload(inner.get(14..).unwrap_or_default())
    }

    /// Who has `wanted`? Asked by broadcast.
    #[must_use]
    pub fn arp_request(mac: [u8; 6], ip: [u8; 4], wanted: [u8; 4]) -> Self {
        Self::arp(1, (mac, ip), ([0; 6], wanted)).to_mac(BROADCAST)
    }

    /// Has anybody the address I am about to take? (RFC 5227)
    #[must_use]
    pub fn arp_probe(mac: [u8; 6], wanted: [u8; 4]) -> Self {
        Self::arp_request(mac, [0; 4], wanted)
    }

    #[must_use]
    pub fn arp_reply(sender: ([u8; 6], [u8; 4]), target: ([u8; 6], [u8; 4])) -> Self {
        Self::arp(2, sender, target).to_mac(target.0)
    }

    #[must_use]
    pub fn ipv6(src: [u8; 16], dst: [u8; 16]) -> Self {
        Self::of(Body::Ipv6(src, dst))
    }

    /// Any other ethertype.
    #[must_use]
    pub fn ethertype(number: u16, bytes: &[u8]) -> Self {
        Self::of(Body::Raw(number, bytes.to_vec()))
    }

    /// Where it comes from. A protocol without ports ignores the port.
    #[must_use]
    pub fn from(self, mac: [u8; 6], ip: [u8; 4], port: u16) -> Self {
        self.from_mac(mac).ip_from(ip, port)
    }

    /// Where it goes to. A protocol without ports ignores the port.
    #[must_use]
    pub fn to(self, mac: [u8; 6], ip: [u8; 4], port: u16) -> Self {
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
    pub fn ip_from(mut self, ip: [u8; 4], port: u16) -> Self {
        if let Body::Ipv4(header) = &mut self.body {
            header.src = ip;
            header.transport.set_ports(|ports| ports.0 = port);
        }
        self
    }

    #[must_use]
    pub fn ip_to(mut self, ip: [u8; 4], port: u16) -> Self {
        if let Body::Ipv4(header) = &mut self.body {
            header.dst = ip;
            header.transport.set_ports(|ports| ports.1 = port);
        }
        self
    }

    #[must_use]
    pub fn flags(self, new: u8) -> Self {
        self.with_ip(|ip| {
            if let Transport::Tcp { flags, .. } = &mut ip.transport {
                *flags = new;
            }
        })
    }

    #[must_use]
    pub fn payload(self, bytes: &[u8]) -> Self {
        self.with_ip(|ip| ip.payload = bytes.to_vec())
    }

    #[must_use]
    pub fn ttl(self, ttl: u8) -> Self {
        self.with_ip(|ip| ip.ttl = ttl)
    }

    #[must_use]
    pub fn dont_fragment(self) -> Self {
        self.with_ip(|ip| ip.dont_fragment = true)
    }

    /// A fragment. The first one (offset 0) starts with the transport header, a later one is payload alone. The offset
    /// counts eights.
    #[must_use]
    pub fn fragment(self, id: u16, offset: u16, more: bool) -> Self {
        self.with_ip(|ip| (ip.id, ip.fragment_offset, ip.more_fragments) = (id, offset & 0x1fff, more))
    }

    /// IP options as they stand on the wire; padded to a whole word with "end of list", and cut at forty bytes.
    #[must_use]
    pub fn options(self, options: &[u8]) -> Self {
        self.with_ip(|ip| {
            ip.options = options.iter().copied().take(40).collect();
            ip.options.resize(ip.options.len().next_multiple_of(4), 0);
        })
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

    fn ip(transport: Transport) -> Self {
        Self::of(Body::Ipv4(Ipv4 {
            src: [0; 4],
            dst: [0; 4],
            ttl: 64,
            id: 0,
            dont_fragment: false,
            more_fragments: false,
            fragment_offset: 0,
            options: Vec::new(),
            transport,
            payload: Vec::new(),
        }))
    }

    fn arp(operation: u16, sender: ([u8; 6], [u8; 4]), target: ([u8; 6], [u8; 4])) -> Self {
        Self::of(Body::Arp(Arp {
            operation,
            sender,
            target,
        }))
        .from_mac(sender.0)
    }

    fn of(body: Body) -> Self {
        Self {
            source_mac: [0; 6],
            destination_mac: ROUTER,
            vlans: Vec::new(),
            body,
            damage: Vec::new(),
        }
    }

    fn with_ip(mut self, change: impl FnOnce(&mut Ipv4)) -> Self {
        if let Body::Ipv4(ip) = &mut self.body {
            change(ip);
        }
        self
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
            Self::Icmp { .. } => 1,
            Self::Tcp { .. } => 6,
            Self::Udp { .. } => 17,
            Self::Other(number) => *number,
        }
    }
}
