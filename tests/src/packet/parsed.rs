//! Frames read back for assertions, by etherparse.

use anyhow::{Context, Result, ensure};
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use std::net::{IpAddr, Ipv4Addr};

const GENEVE_PORT: u16 = 6081;

/// An address of either family, which compares with the bytes a test writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(pub IpAddr);

impl Default for Address {
    fn default() -> Self {
        Self(Ipv4Addr::UNSPECIFIED.into())
    }
}

impl<const N: usize> PartialEq<[u8; N]> for Address
where
    [u8; N]: Into<IpAddr> + Copy,
{
    fn eq(&self, bytes: &[u8; N]) -> bool {
        self.0 == (*bytes).into()
    }
}

impl From<Address> for IpAddr {
    fn from(address: Address) -> Self {
        address.0
    }
}

/// What a test asks of a frame that came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    pub source_mac: [u8; 6],
    pub destination_mac: [u8; 6],
    pub ethertype: u16,
    /// Addresses of the IP header, or of the sender and target of ARP.
    pub src: Address,
    pub dst: Address,
    /// TTL or hop limit.
    pub ttl: u8,
    /// The transport's, behind all extension headers.
    pub protocol: u8,
    /// Ports, or for ICMP and ICMPv6 (type, code) and identifier as they stand in a flow key.
    pub ports: (u16, u16),
    pub tcp_flags: u8,
    /// ARP's operation and its two MAC addresses.
    pub arp: Option<(u16, [u8; 6], [u8; 6])>,
    pub payload: Vec<u8>,
}

impl Parsed {
    /// Reads a frame; an error if it isn't well-formed or a checksum is wrong.
    pub fn read(frame: &[u8]) -> Result<Self> {
        let sliced = SlicedPacket::from_ethernet(frame).context("no well-formed frame")?;
        let ethernet = Ethernet::read(frame).context("no Ethernet header")?;
        let mut parsed = Self {
            source_mac: ethernet.source,
            destination_mac: ethernet.destination,
            ethertype: ethernet.ethertype,
            ..Self::default()
        };
        match &sliced.net {
            Some(NetSlice::Ipv4(ip)) => {
                let header = ip.header();
                ensure!(super::bytes::checksum(header.slice()) == 0, "wrong IP checksum");
                (parsed.ttl, parsed.protocol) = (header.ttl(), header.protocol().0);
                parsed.src = Address(header.source_addr().into());
                parsed.dst = Address(header.destination_addr().into());
                let addresses = [header.source(), header.destination()].concat();
                parsed.read_transport(sliced.transport.as_ref(), &addresses)?;
            }
            Some(NetSlice::Ipv6(ip)) => {
                let header = ip.header();
                (parsed.ttl, parsed.protocol) = (header.hop_limit(), ip.payload().ip_number.0);
                parsed.src = Address(header.source_addr().into());
                parsed.dst = Address(header.destination_addr().into());
                let addresses = [header.source(), header.destination()].concat();
                parsed.read_transport(sliced.transport.as_ref(), &addresses)?;
            }
            Some(NetSlice::Arp(_)) => parsed.read_arp(frame)?,
            _ => {}
        }
        Ok(parsed)
    }

    fn read_transport(&mut self, transport: Option<&TransportSlice<'_>>, addresses: &[u8]) -> Result<()> {
        let sums = |bytes: &[u8], protocol: u8| {
            let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
            super::bytes::checksum(&[addresses, &[0, protocol], &len, bytes].concat()) == 0
        };
        match transport {
            Some(TransportSlice::Tcp(tcp)) => {
                ensure!(sums(tcp.slice(), 6), "wrong TCP checksum");
                self.ports = (tcp.source_port(), tcp.destination_port());
                self.tcp_flags = tcp.slice().get(13).copied().unwrap_or_default();
                self.payload = tcp.payload().to_vec();
            }
            Some(TransportSlice::Udp(udp)) => {
                // A Gateway Load Balancer writes none (semantics 16.2); nobody else leaves it out.
                let is_geneve = udp.checksum() == 0 && udp.destination_port() == GENEVE_PORT;
                let is_right = udp.checksum() != 0 && sums(udp.slice(), 17);
                ensure!(is_geneve || is_right, "wrong UDP checksum");
                self.ports = (udp.source_port(), udp.destination_port());
                self.payload = udp.payload().to_vec();
            }
            Some(TransportSlice::Icmpv4(icmp)) => {
                ensure!(super::bytes::checksum(icmp.slice()) == 0, "wrong ICMP checksum");
                self.read_icmp(icmp.slice());
            }
            Some(TransportSlice::Icmpv6(icmp)) => {
                ensure!(sums(icmp.slice(), 58), "wrong ICMPv6 checksum");
                self.read_icmp(icmp.slice());
            }
            _ => {}
        }
        Ok(())
    }

    fn read_icmp(&mut self, message: &[u8]) {
        if let [icmp_type, code, _, _, high, low, _, _, payload @ ..] = message {
            let type_code = u16::from_be_bytes([*icmp_type, *code]);
            self.ports = (type_code, u16::from_be_bytes([*high, *low]));
            self.payload = payload.to_vec();
        }
    }

    fn read_arp(&mut self, frame: &[u8]) -> Result<()> {
        let arp: [u8; 28] = frame.get(14..42).context("ARP ends early")?.try_into()?;
        let [0, 1, 8, 0, 6, 4, high, low, rest @ ..] = arp else {
            anyhow::bail!("ARP for other than Ethernet and IPv4");
        };
        let (sender, target) = rest.split_at(10);
        self.arp = Some((
            u16::from_be_bytes([high, low]),
            sender[..6].try_into()?,
            target[..6].try_into()?,
        ));
        let address = |bytes: &[u8]| -> Result<_> { Ok(Address(<[u8; 4]>::try_from(bytes)?.into())) };
        (self.src, self.dst) = (address(&sender[6..])?, address(&target[6..])?);
        Ok(())
    }
}

struct Ethernet {
    destination: [u8; 6],
    source: [u8; 6],
    ethertype: u16,
}

impl Ethernet {
    fn read(frame: &[u8]) -> Option<Self> {
        let (destination, rest) = frame.split_first_chunk()?;
        let (source, rest) = rest.split_first_chunk()?;
        let (ethertype, _) = rest.split_first_chunk()?;
        Some(Self {
            destination: *destination,
            source: *source,
            ethertype: u16::from_be_bytes(*ethertype),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Damage, Extension, Packet, flag};
    use super::*;

    const A: ([u8; 6], [u8; 4]) = ([2, 0, 0, 0, 0, 1], [10, 0, 0, 4]);
    const B: ([u8; 6], [u8; 4]) = ([2, 0, 0, 0, 0, 2], [10, 0, 1, 5]);

    fn between(packet: Packet) -> Packet {
        packet.from(A.0, A.1, 40_000).to(B.0, B.1, 443)
    }

    #[test]
    fn what_was_said_is_what_is_read() {
        let parsed = Parsed::read(&between(Packet::tcp()).flags(flag::SYN).payload(b"odd").ttl(7).build()).unwrap();
        assert_eq!((parsed.source_mac, parsed.destination_mac), (A.0, B.0));
        assert_eq!(parsed.src, A.1);
        assert_eq!(parsed.dst, B.1);
        assert_eq!(
            (parsed.ports, parsed.tcp_flags, parsed.ttl, parsed.protocol),
            ((40_000, 443), flag::SYN, 7, 6)
        );
        assert_eq!(parsed.payload, b"odd");
    }

    #[test]
    fn checksums_are_right_in_every_protocol() {
        let udp = between(Packet::udp()).payload(b"query");
        for packet in [
            udp.clone(),
            between(Packet::ping(9)),
            between(Packet::icmp_error(3, 4, &udp)),
            between(Packet::protocol(47)),
        ] {
            Parsed::read(&packet.build()).unwrap();
        }
        let options = between(Packet::udp()).options(&[7, 7, 4, 0, 0, 0, 0]);
        Parsed::read(&options.build()).unwrap();
    }

    #[test]
    fn damage_is_seen() {
        let ping = between(Packet::ping(1));
        assert!(Parsed::read(&ping.clone().damaged(Damage::IpChecksum).build()).is_err());
        assert!(Parsed::read(&ping.clone().damaged(Damage::IpHeaderLength(4)).build()).is_err());
        assert_eq!(ping.damaged(Damage::Truncate(20)).build().len(), 20);
    }

    #[test]
    fn arp_reads_back() {
        let parsed = Parsed::read(&Packet::arp_request(A.0, A.1, B.1).build()).unwrap();
        assert_eq!(parsed.arp, Some((1, A.0, [0; 6])));
        assert_eq!(parsed.src, A.1);
        assert_eq!(parsed.dst, B.1);
    }

    const A6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    const B6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2];

    fn between6(packet: Packet) -> Packet {
        packet.from(A.0, A6, 40_000).to(B.0, B6, 443)
    }

    #[test]
    fn ipv6_reads_back_with_its_checksums_and_behind_its_extension_headers() {
        let udp = between6(Packet::udp()).payload(b"query");
        let extended = between6(Packet::tcp())
            .extension(Extension::HopByHop(vec![5, 2, 0, 0]))
            .extension(Extension::Destination(vec![1; 9]))
            .payload(b"odd");
        for (packet, protocol, ports) in [
            (udp.clone(), 17, (40_000, 443)),
            (between6(Packet::ping6(9)), 58, (128 << 8, 9)),
            (between6(Packet::icmp6_error(2, 0, &udp).mtu(1280)), 58, (2 << 8, 0)),
            (extended, 6, (40_000, 443)),
            (between6(Packet::protocol(47)), 47, (0, 0)),
        ] {
            let parsed = Parsed::read(&packet.build()).unwrap();
            assert_eq!((parsed.protocol, parsed.ports), (protocol, ports));
            assert_eq!(parsed.src, A6);
            assert_eq!(parsed.dst, B6);
        }
        let wrong = udp.damaged(Damage::Byte(14 + 8, 0x21));
        assert!(Parsed::read(&wrong.build()).is_err(), "the sum covers the addresses");
    }

    #[test]
    fn a_fragment_is_the_header_and_what_it_carries() {
        let first = between6(Packet::udp()).payload(&[7; 16]).fragment(0x1234_5678, 0, true);
        let later = between6(Packet::udp())
            .payload(&[7; 16])
            .fragment(0x1234_5678, 3, false);
        assert_eq!(first.build().len(), 14 + 40 + 8 + 8 + 16);
        assert_eq!(later.build()[14 + 40..][..8], [17, 0, 0, 24, 0x12, 0x34, 0x56, 0x78]);
        assert_eq!(Parsed::read(&later.build()).unwrap().protocol, 17);
    }

    #[test]
    fn discovery_reads_back() {
        for packet in [
            Packet::neighbour_solicitation(A.0, A6, B6),
            Packet::duplicate_address_detection(A.0, A6),
            Packet::neighbour_advertisement(A.0, A6, (B.0, B6)),
            Packet::router_solicitation(A.0, A6),
        ] {
            let parsed = Parsed::read(&packet.build()).unwrap();
            assert_eq!((parsed.protocol, parsed.ttl), (58, 255));
        }
    }
}
