//! What packets there are.

use super::{Arp, BROADCAST, Body, Ip, Packet, ROUTER, Transport, flag};

pub(super) const ICMP: u8 = 1;
pub(super) const ICMPV6: u8 = 58;

impl Packet {
    #[must_use]
    pub fn tcp() -> Self {
        Self::ip(Transport::Tcp {
            ports: (0, 0),
            flags: flag::ACK,
            options: Vec::new(),
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

    #[must_use]
    pub fn ping6(identifier: u16) -> Self {
        Self::icmp6(128, 0, identifier)
    }

    #[must_use]
    pub fn pong6(identifier: u16) -> Self {
        Self::icmp6(129, 0, identifier)
    }

    /// Any ICMP message; the identifier stands in the first half of the header's second word.
    #[must_use]
    pub fn icmp(icmp_type: u8, code: u8, identifier: u16) -> Self {
        let [high, low] = identifier.to_be_bytes();
        Self::message(ICMP, (icmp_type, code), [high, low, 0, 1])
    }

    /// Any ICMPv6 message, likewise.
    #[must_use]
    pub fn icmp6(icmp_type: u8, code: u8, identifier: u16) -> Self {
        let [high, low] = identifier.to_be_bytes();
        Self::message(ICMPV6, (icmp_type, code), [high, low, 0, 1])
    }

    /// An ICMP error that quotes what caused it: IP header and eight bytes more (RFC 792).
    #[must_use]
    pub fn icmp_error(icmp_type: u8, code: u8, quoted: &Self) -> Self {
        let packet = quoted.network_bytes();
        let header = packet.first().map_or(20, |byte| usize::from(byte & 15) * 4);
        let quote = packet.get(..packet.len().min(header + 8)).unwrap_or_default();
        Self::message(ICMP, (icmp_type, code), [0; 4]).payload(quote)
    }

    /// An ICMPv6 error that quotes as much as fits into 1280 bytes (RFC 4443).
    #[must_use]
    pub fn icmp6_error(icmp_type: u8, code: u8, quoted: &Self) -> Self {
        let packet = quoted.network_bytes();
        let quote = packet.get(..packet.len().min(1280 - 40 - 8)).unwrap_or_default();
        Self::message(ICMPV6, (icmp_type, code), [0; 4]).payload(quote)
    }

    /// Any other protocol.
    #[must_use]
    pub fn protocol(number: u8) -> Self {
        Self::ip(Transport::Other(number))
    }

    /// A whole IP packet inside another one.
    #[must_use]
    pub fn ip_in_ip(inner: &Self) -> Self {
        Self::protocol(4).payload(&inner.network_bytes())
    }

    /// An IPv6 header and nothing behind it.
    #[must_use]
    pub fn ipv6(src: [u8; 16], dst: [u8; 16]) -> Self {
        const NO_NEXT_HEADER: u8 = 59;
        Self::protocol(NO_NEXT_HEADER).ip_from(src, 0).ip_to(dst, 0)
    }

    /// Any other ethertype.
    #[must_use]
    pub fn ethertype(number: u16, bytes: &[u8]) -> Self {
        Self::of(Body::Raw(number, bytes.to_vec()))
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

    /// Who has `wanted`? Asked of the addresses that end like it, with the asker's own MAC (RFC 4861 section 4.3).
    #[must_use]
    pub fn neighbour_solicitation(mac: [u8; 6], ip: [u8; 16], wanted: [u8; 16]) -> Self {
        let option = [&[1, 1][..], &mac].concat();
        Self::discovery(135, [0; 4], &[&wanted[..], &option].concat())
            .from(mac, ip, 0)
            .to_group(solicited_node(wanted))
    }

    /// Has anybody the address I am about to take? (RFC 4862 section 5.4.2)
    #[must_use]
    pub fn duplicate_address_detection(mac: [u8; 6], wanted: [u8; 16]) -> Self {
        Self::discovery(135, [0; 4], &wanted)
            .from(mac, [0; 16], 0)
            .to_group(solicited_node(wanted))
    }

    /// I have `ip` (RFC 4861 section 4.4): solicited, and to override what was known before.
    #[must_use]
    pub fn neighbour_advertisement(mac: [u8; 6], ip: [u8; 16], to: ([u8; 6], [u8; 16])) -> Self {
        let option = [&[2, 1][..], &mac].concat();
        Self::discovery(136, [0x60, 0, 0, 0], &[&ip[..], &option].concat())
            .from(mac, ip, 0)
            .to(to.0, to.1, 0)
    }

    /// Is there a router? (RFC 4861 section 4.1)
    #[must_use]
    pub fn router_solicitation(mac: [u8; 6], ip: [u8; 16]) -> Self {
        let all_routers = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
        let option = [&[1, 1][..], &mac].concat();
        Self::discovery(133, [0; 4], &option)
            .from(mac, ip, 0)
            .to_group(all_routers)
    }

    /// To an IPv6 multicast group, by the MAC address that belongs to it (RFC 2464).
    #[must_use]
    pub fn to_group(self, group: [u8; 16]) -> Self {
        let [.., a, b, c, d] = group;
        self.to([0x33, 0x33, a, b, c, d], group, 0)
    }

    /// A message of neighbour discovery, whose hop limit shows that no router has passed it on.
    fn discovery(icmp_type: u8, rest: [u8; 4], body: &[u8]) -> Self {
        Self::message(ICMPV6, (icmp_type, 0), rest).payload(body).ttl(255)
    }

    fn message(protocol: u8, (icmp_type, code): (u8, u8), rest: [u8; 4]) -> Self {
        Self::ip(Transport::Icmp {
            protocol,
            icmp_type,
            code,
            rest,
        })
    }

    fn ip(transport: Transport) -> Self {
        Self::of(Body::Ip(Ip::of(transport)))
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

    /// What stands behind the Ethernet header.
    fn network_bytes(&self) -> Vec<u8> {
        self.build().split_off(14)
    }
}

/// The multicast group that whoever has an address listens to (RFC 4291 section 2.7.1).
#[must_use]
pub fn solicited_node(address: [u8; 16]) -> [u8; 16] {
    let [.., a, b, c] = address;
    [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]
}
