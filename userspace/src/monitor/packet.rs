//! The few words that tell which packet it was.

use groundplane_abi::Port;
use groundplane_abi::event::Event;
use groundplane_abi::wire::protocol;
use serde::Serialize;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A packet, as far as it was understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Packet {
    /// Length of the frame.
    pub len: u32,
    /// By name if it is one that everybody knows.
    pub protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dst: Option<IpAddr>,
    #[serde(flatten)]
    pub selector: Selector,
}

/// What a protocol has beside addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Selector {
    Ports { src_port: u16, dst_port: u16 },
    Icmp { icmp_type: u8, icmp_code: u8 },
    None {},
}

impl From<&Event> for Packet {
    fn from(event: &Event) -> Self {
        let address = |bytes: [u8; 16]| -> Option<IpAddr> {
            let [a, b, c, d, ..] = bytes;
            match event.version {
                4 => Some(Ipv4Addr::from([a, b, c, d]).into()),
                6 => Some(Ipv6Addr::from(bytes).into()),
                _ => None,
            }
        };
        let number = |Port(bytes): Port| u16::from_be_bytes(bytes);
        let (protocol, selector) = match (event.version, event.protocol) {
            (4 | 6, protocol::TCP | protocol::UDP) => (
                if event.protocol == protocol::TCP { "tcp" } else { "udp" }.to_owned(),
                Selector::Ports {
                    src_port: number(event.src_port),
                    dst_port: number(event.dst_port),
                },
            ),
            (4, protocol::ICMP) | (6, protocol::ICMPV6) => {
                let Port([icmp_type, icmp_code]) = event.src_port;
                let name = if event.version == 4 { "icmp" } else { "icmpv6" };
                (name.to_owned(), Selector::Icmp { icmp_type, icmp_code })
            }
            (4 | 6, other) => (format!("protocol {other}"), Selector::None {}),
            _ => ("frame".to_owned(), Selector::None {}),
        };
        Self {
            len: event.len,
            protocol,
            src: address(event.src),
            dst: address(event.dst),
            selector,
        }
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.protocol)?;
        if let (Some(src), Some(dst)) = (self.src, self.dst) {
            match self.selector {
                Selector::Ports { src_port, dst_port } => {
                    write!(f, " {} > {}", with_port(src, src_port), with_port(dst, dst_port))?;
                }
                Selector::Icmp { icmp_type, icmp_code } => {
                    write!(f, " {src} > {dst} type {icmp_type} code {icmp_code}")?;
                }
                Selector::None {} => write!(f, " {src} > {dst}")?,
            }
        }
        write!(f, " len {}", self.len)
    }
}

fn with_port(address: IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(address, port).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(version: u8, protocol: u8) -> String {
        let mut event = Event {
            len: 98,
            version,
            protocol,
            src_port: Port([8, 0]),
            dst_port: Port([0, 53]),
            ..Event::default()
        };
        event.src[..4].copy_from_slice(&[10, 0, 1, 10]);
        event.dst[15] = 1;
        Packet::from(&event).to_string()
    }

    #[test]
    fn a_packet_is_told_in_the_way_of_its_protocol() {
        assert_eq!(words(4, 17), "udp 10.0.1.10:2048 > 0.0.0.0:53 len 98");
        assert_eq!(words(4, 1), "icmp 10.0.1.10 > 0.0.0.0 type 8 code 0 len 98");
        assert_eq!(words(6, 58), "icmpv6 a00:10a:: > ::1 type 8 code 0 len 98");
        assert_eq!(words(6, 6), "tcp [a00:10a::]:2048 > [::1]:53 len 98");
        assert_eq!(words(4, 47), "protocol 47 10.0.1.10 > 0.0.0.0 len 98");
        assert_eq!(words(0, 0), "frame len 98");
    }
}
