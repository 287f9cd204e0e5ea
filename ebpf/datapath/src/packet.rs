//! A packet as the datapath sees it: only the fields that matter, already known to make sense.

use groundplane_abi::flow::FlowKey;
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, Ip4, Mac, Port};

/// An IPv4 packet in an Ethernet frame.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct Packet {
    /// Length of the frame.
    pub len: u32,
    pub src: Ip4,
    pub dst: Ip4,
    /// Ports, or what stands in their place (see [`FlowKey`]). Zeros for all fragments but the first.
    pub src_port: Port,
    pub dst_port: Port,
    pub src_mac: Mac,
    pub dst_mac: Mac,
    pub protocol: u8,
    pub tcp_flags: u8,
    /// [`packet_flag`] bits.
    pub flags: u8,
    /// Length of the IP header.
    pub header_len: u8,
}

pub mod packet_flag {
    /// A fragment, first or later.
    pub const FRAGMENT: u8 = 1;
    /// A fragment without the transport header: its ports are absent.
    pub const LATER_FRAGMENT: u8 = 2;
    /// The IP header has options.
    pub const OPTIONS: u8 = 4;
    /// An ICMP error, which speaks of another packet.
    pub const ICMP_ERROR: u8 = 8;
    /// No IPv4 packet at all; only the MACs have a meaning.
    pub const ARP: u8 = 16;
    /// Judged by itself each time, without a flow entry. Semantics 7.7: fragments take a slow path; 7.6: an error is
    /// no part of the flow it speaks of.
    pub const UNCACHED: u8 = FRAGMENT | OPTIONS | ICMP_ERROR;
}

pub mod tcp_flag {
    pub const FIN: u8 = 1;
    pub const SYN: u8 = 2;
    pub const RST: u8 = 4;
    pub const ACK: u8 = 16;
    /// What changes a connection's state, and so leaves the fast path.
    pub const STATE: u8 = FIN | SYN | RST;
}

impl Packet {
    #[inline(always)]
    #[must_use]
    pub const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// What the packet is recognised by, coming in by a device.
    #[inline(always)]
    #[must_use]
    pub const fn key(&self, device: Device) -> FlowKey {
        FlowKey::new(device, self.protocol, self.src, self.dst, self.src_port, self.dst_port)
    }

    /// Whether a rule can ask for its destination port.
    #[must_use]
    pub const fn has_ports(&self) -> bool {
        (self.protocol == protocol::TCP || self.protocol == protocol::UDP) && !self.has(packet_flag::LATER_FRAGMENT)
    }

    /// A TCP segment that opens a connection.
    #[must_use]
    pub const fn opens(&self) -> bool {
        self.tcp_flags & (tcp_flag::SYN | tcp_flag::ACK | tcp_flag::RST) == tcp_flag::SYN
    }
}
