//! What has arrived, held against what was sent.

use crate::packet::{Packet, Parsed, flag};
use crate::scenario::Flow;
use crate::scenario::expected::{Seen, Told};
use crate::topology::{Topology, address};
use anyhow::{Result, ensure};
use std::ops::{Range, RangeInclusive};

/// The ports that a NAT gateway chooses from (semantics 10.2).
const NAT_PORTS: RangeInclusive<u16> = 1024..=65535;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
/// ICMP 3/4, as [`Parsed`] tells it.
const TOO_LARGE: u16 = 3 << 8 | 4;
/// Where in a frame ICMP 3/4 tells the MTU.
const MTU: Range<usize> = 40..42;
/// What stands before the IP header.
pub(super) const ETHERNET: usize = 14;

/// A packet at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) at: String,
    /// The middleboxes it has come by.
    pub(super) through: Vec<String>,
    pub(super) frame: Vec<u8>,
}

impl Arrival {
    pub(super) fn read(&self) -> Result<Parsed> {
        Parsed::read(&self.frame)
    }

    /// Whether it has come to whom it is for, by these middleboxes.
    pub(super) fn ensure_came(&self, to: &str, through: Option<&str>) -> Result<()> {
        let is_way = self.at == to && self.through.iter().map(String::as_str).eq(through);
        ensure!(is_way, "it comes to {} by way of {:?}", self.at, self.through);
        Ok(())
    }

    /// What isn't translated arrives as it was sent, but for its MAC addresses, and what is says the same.
    pub(super) fn ensure_says(&self, sent: &Packet) -> Result<()> {
        let frame = sent.build();
        let (sent, arrived) = (Parsed::read(&frame)?, self.read()?);
        if (sent.src, sent.dst) == (arrived.src, arrived.dst) {
            let same = self.frame.get(ETHERNET..) == frame.get(ETHERNET..);
            ensure!(same, "the IP packet was changed on its way");
        }
        // An ICMP error quotes addresses, which are translated as well.
        if !is_error(&sent) {
            let said = |parsed: &Parsed| (parsed.protocol, parsed.tcp_flags, parsed.payload.clone());
            ensure!(said(&sent) == said(&arrived), "what it says was changed: {arrived:?}");
        }
        Ok(())
    }

    /// The server sees the client, or what stands for it.
    pub(super) fn ensure_seen(&self, sent: &Packet, seen: Option<Seen>) -> Result<()> {
        let (sent, arrived) = (Parsed::read(&sent.build())?, self.read()?);
        let expected = seen.map_or(sent.src.0, |seen| address(seen.address));
        let is_seen = match seen {
            // Of a fragment the ports aren't read.
            Some(Seen { keeps_port: false, .. }) if arrived.ports != (0, 0) => NAT_PORTS.contains(&port(&arrived)),
            Some(Seen { keeps_port: false, .. }) => true,
            _ => port(&arrived) == port(&sent),
        };
        ensure!(arrived.src.0 == expected && is_seen, "it comes from {arrived:?}");
        Ok(())
    }

    /// The client hears whom it has spoken to, at its own address and port.
    pub(super) fn ensure_answers(&self, flow: &Flow, topology: &Topology) -> Result<()> {
        let arrived = self.read()?;
        let ends = (flow.server_address(topology), flow.client_address(topology));
        ensure!(ends == (arrived.src.0, arrived.dst.0), "it comes from {arrived:?}");
        let has_port = arrived.ports != (0, 0) && !is_error(&arrived);
        let has_ports = has_port && !matches!(arrived.protocol, ICMP | ICMPV6);
        let is_port = !has_port || arrived.ports.1 == flow.client_port();
        let is_port = is_port && (!has_ports || arrived.ports.0 == flow.port);
        ensure!(is_port, "it comes to {arrived:?}");
        Ok(())
    }
}

/// The source port, or the identifier of a ping.
pub(super) fn port(parsed: &Parsed) -> u16 {
    let (first, second) = parsed.ports;
    if matches!(parsed.protocol, ICMP | ICMPV6) {
        second
    } else {
        first
    }
}

/// Of IPv4, and about what was too large.
pub(super) fn is_error(parsed: &Parsed) -> bool {
    parsed.protocol == ICMP && parsed.ports.0 == TOO_LARGE
}

/// Whether the sender of what was dropped is told this, and nothing if it is `None`.
pub(super) fn is_told_so(told: Option<Told>, sent: &Packet, answer: Option<&[u8]>) -> Result<bool> {
    let (Some(told), Some(answer)) = (told, answer) else {
        return Ok(told.is_none() && answer.is_none());
    };
    let (sent, parsed) = (Parsed::read(&sent.build())?, Parsed::read(answer)?);
    if parsed.dst != sent.src {
        return Ok(false);
    }
    Ok(match told {
        Told::Reset => {
            let is_reset = parsed.tcp_flags & flag::RST != 0;
            is_reset && parsed.src == sent.dst && parsed.ports == (sent.ports.1, sent.ports.0)
        }
        // The MTU is the second half of the header's second word.
        Told::Mtu(mtu) => is_error(&parsed) && answer.get(MTU) == Some(&mtu.to_be_bytes()),
    })
}
