//! Frames read back for assertions, by etherparse.

use anyhow::{Context, Result, ensure};
use etherparse::{NetSlice, SlicedPacket, TransportSlice};

/// What a test asks of a frame that came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    pub source_mac: [u8; 6],
    pub destination_mac: [u8; 6],
    pub ethertype: u16,
    /// Addresses of the IPv4 header, or of the sender and target of ARP.
    pub src: [u8; 4],
    pub dst: [u8; 4],
    pub ttl: u8,
    pub protocol: u8,
    /// Ports, or for ICMP (type, code) and identifier as they stand in a flow key.
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
            Some(NetSlice::Ipv4(ip)) => parsed.read_ipv4(ip.header(), &sliced)?,
            Some(NetSlice::Arp(_)) => parsed.read_arp(frame)?,
            _ => {}
        }
        Ok(parsed)
    }

    fn read_ipv4(&mut self, header: etherparse::Ipv4HeaderSlice<'_>, sliced: &SlicedPacket<'_>) -> Result<()> {
        ensure!(super::bytes::checksum(header.slice()) == 0, "wrong IP checksum");
        (self.src, self.dst) = (header.source(), header.destination());
        (self.ttl, self.protocol) = (header.ttl(), header.protocol().0);
        match &sliced.transport {
            Some(TransportSlice::Tcp(tcp)) => {
                let sum = tcp.calc_checksum_ipv4(header.source(), header.destination())?;
                ensure!(sum == tcp.checksum(), "wrong TCP checksum");
                self.ports = (tcp.source_port(), tcp.destination_port());
                self.tcp_flags = tcp.slice().get(13).copied().unwrap_or_default();
                self.payload = tcp.payload().to_vec();
            }
            Some(TransportSlice::Udp(udp)) => {
                let sum =
                    udp.to_header()
                        .calc_checksum_ipv4_raw(header.source(), header.destination(), udp.payload())?;
                ensure!(sum == udp.checksum(), "wrong UDP checksum");
                self.ports = (udp.source_port(), udp.destination_port());
                self.payload = udp.payload().to_vec();
            }
            Some(TransportSlice::Icmpv4(icmp)) => {
                ensure!(super::bytes::checksum(icmp.slice()) == 0, "wrong ICMP checksum");
                let [high, low, ..] = icmp.bytes5to8();
                let type_code = u16::from_be_bytes([icmp.type_u8(), icmp.code_u8()]);
                self.ports = (type_code, u16::from_be_bytes([high, low]));
                self.payload = icmp.payload().to_vec();
            }
            _ => {}
        }
        Ok(())
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
        (self.src, self.dst) = (sender[6..].try_into()?, target[6..].try_into()?);
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
    use super::super::{Damage, Packet, flag};
    use super::*;

    const A: ([u8; 6], [u8; 4]) = ([2, 0, 0, 0, 0, 1], [10, 0, 0, 4]);
    const B: ([u8; 6], [u8; 4]) = ([2, 0, 0, 0, 0, 2], [10, 0, 1, 5]);

    fn between(packet: Packet) -> Packet {
        packet.from(A.0, A.1, 40_000).to(B.0, B.1, 443)
    }

    #[test]
    fn what_was_said_is_what_is_read() {
        let parsed = Parsed::read(&between(Packet::tcp()).flags(flag::SYN).payload(b"odd").ttl(7).build()).unwrap();
        assert_eq!(
            (parsed.source_mac, parsed.src, parsed.destination_mac, parsed.dst),
            (A.0, A.1, B.0, B.1)
        );
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
        assert_eq!((parsed.arp, parsed.src, parsed.dst), (Some((1, A.0, [0; 6])), A.1, B.1));
    }
}
