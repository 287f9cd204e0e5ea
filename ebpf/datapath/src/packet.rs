//! A packet as the datapath sees it: only the fields that matter, already known to make sense.

use groundplane_abi::flow::FlowKey;
use groundplane_abi::fragment::FragmentKey;
use groundplane_abi::security_group::Selector;
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, Ip, Mac, Port};

/// An IP packet in an Ethernet frame.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct Packet<I> {
    /// Length of the frame.
    pub len: u32,
    pub src: I,
    pub dst: I,
    /// Ports, or what stands in their place (see [`FlowKey`]). Zeros for all fragments but the first.
    pub src_port: Port,
    pub dst_port: Port,
    pub src_mac: Mac,
    pub dst_mac: Mac,
    pub protocol: u8,
    pub tcp_flags: u8,
    /// [`packet_flag`] bits.
    pub flags: u8,
    /// Length of the IP header, with options or extension headers.
    pub header_len: u8,
    /// What a fragment has in common with the others of its packet.
    pub identification: u32,
    /// Length of the IP packet; of the largest one, if it will be segmented.
    pub size: u16,
    pub ttl: u8,
    pub reserved: u8,
}

pub mod packet_flag {
    /// A fragment, first or later.
    pub const FRAGMENT: u8 = 1;
    /// A fragment without the transport header: its ports are absent.
    pub const LATER_FRAGMENT: u8 = 2;
    /// The IP header has options, or extension headers other than a fragment's.
    pub const OPTIONS: u8 = 4;
    /// An ICMP error, which speaks of another packet.
    pub const ICMP_ERROR: u8 = 8;
    /// ARP or neighbour discovery: for the platform itself.
    pub const NEIGHBOR: u8 = 16;
    /// The packet that an ICMP error speaks of is known.
    pub const QUOTES: u8 = 32;
    /// It can't be fragmented on its way. No IPv6 packet can.
    pub const DONT_FRAGMENT: u8 = 64;
    /// Judged by itself each time, without a flow entry. Semantics 7.6: an error is no part of the flow it speaks of;
    /// 7.7: nobody knows whose a fragment is whose first one wasn't seen.
    pub const UNCACHED: u8 = LATER_FRAGMENT | ICMP_ERROR;
}

pub mod tcp_flag {
    pub const FIN: u8 = 1;
    pub const SYN: u8 = 2;
    pub const RST: u8 = 4;
    pub const ACK: u8 = 16;
    /// What changes a connection's state, and so leaves the fast path.
    pub const STATE: u8 = FIN | SYN | RST;
}

impl<I: Ip> Packet<I> {
    #[inline(always)]
    #[must_use]
    pub const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// What the packet is recognised by, coming in by a device.
    #[inline(always)]
    #[must_use]
    pub fn key(&self, device: Device) -> FlowKey<I> {
        FlowKey::new(device, self.protocol, self.src, self.dst, self.src_port, self.dst_port)
    }

    /// What a group's rule asks for beside the address.
    #[inline(always)]
    #[must_use]
    pub fn selector(&self) -> Selector {
        if self.has(packet_flag::LATER_FRAGMENT) {
            Selector::absent(self.protocol)
        } else {
            selector::<I>(self.protocol, self.src_port, self.dst_port)
        }
    }

    /// A TCP segment that opens a connection.
    #[must_use]
    pub const fn opens(&self) -> bool {
        self.tcp_flags & (tcp_flag::SYN | tcp_flag::ACK | tcp_flag::RST) == tcp_flag::SYN
    }
}

/// What the fragments of one packet are recognised by, whose key this is but for the ports.
#[inline(always)]
pub(crate) fn fragment_key<I: Ip>(key: &FlowKey<I>, identification: u32) -> FragmentKey<I> {
    FragmentKey {
        device: key.device(),
        identification,
        src: key.src(),
        dst: key.dst(),
        protocol: u32::from(key.protocol()),
    }
}

/// The selector of a packet with these ports, or what stands in their place.
#[inline(always)]
pub(crate) fn selector<I: Ip>(protocol: u8, src_port: Port, dst_port: Port) -> Selector {
    if protocol == I::ICMP {
        Selector::new(protocol, src_port.0)
    } else if has_ports(protocol) {
        Selector::new(protocol, dst_port.0)
    } else {
        Selector::new(protocol, [0; 2])
    }
}

pub(crate) const fn has_ports(protocol: u8) -> bool {
    protocol == protocol::TCP || protocol == protocol::UDP
}
