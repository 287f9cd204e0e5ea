//! What differs between IPv4 and IPv6 in the datapath. Everything else is generic over it.

use crate::filter::Knock;
use crate::packet::Packet;
use crate::translate::Translation;
use crate::verdict::{Answer, Verdict};
use crate::walk::Walk;
use crate::{Frame, TablesOf};
use groundplane_abi::eni::SubnetEntry;
use groundplane_abi::flow::FlowKey;
use groundplane_abi::{Device, DropReason, Ip, Ip4};

/// What the fast path needs of a packet.
#[derive(Clone, Copy, Debug)]
pub struct Glance<I: Ip> {
    pub key: FlowKey<I>,
    /// The first words of the frame, in which its MACs are.
    pub head: [u64; 2],
    /// Length of the IP packet, and of its headers.
    pub total_len: u32,
    pub headers_len: u32,
    pub ttl: u8,
}

/// An address family, as the datapath needs it.
pub trait Family: Ip {
    /// The error that a packet is too big, and the one that its TTL has run out: type and code.
    const TOO_BIG: [u8; 2];
    const HOP_LIMIT: [u8; 2];
    /// The largest MSS that fits a component on the path (semantics 23).
    const COMPONENT_MSS: u16;

    /// A quick look at a frame that came in by a device: whether it is the kind that established connections consist
    /// of.
    ///
    /// TCP and UDP without options, whole, with nothing wrong: what `parse` would say of the same frame, in a fraction
    /// of its instructions, since whole words are loaded at fixed places and everything else is left to `parse`.
    fn glance(frame: &impl Frame, device: Device) -> Option<Glance<Self>>;

    /// The same for the filter in front of an uplink: what may be the first packet of a flow, and nothing that `parse`
    /// would refuse.
    fn knock(frame: &impl Frame) -> Option<Knock<Self>>;

    /// Reads the IP header, and how long the packet is behind it.
    fn parse_header(frame: &impl Frame, packet: &mut Packet<Self>) -> Result<u32, DropReason>;
    /// The packet that begins at an offset, of which an ICMP error quotes no more than the beginning. Without a device.
    fn parse_quote(frame: &impl Frame, offset: u32) -> Option<FlowKey<Self>>;
    /// Whether the options of a header of this length let the packet go on.
    fn check_options(frame: &impl Frame, header_len: u8) -> Result<(), DropReason>;

    /// Services that bypass groups, NACLs and routes (semantics 3.3).
    fn is_link_local_service(packet: &Packet<Self>, place: &SubnetEntry) -> bool;
    /// The implicit router's address in a subnet.
    fn router(place: &SubnetEntry) -> Self;
    /// Why an internet gateway lets a packet to this address not out, if it doesn't (semantics 9.2).
    fn check_outside_destination(address: Self) -> Result<(), DropReason>;
    /// Why it lets a packet from this address not in (semantics 9.3).
    fn check_outside_source(address: Self) -> Result<(), DropReason>;
    /// Whether a NAT gateway takes a packet to this address.
    fn leads_to_ip4(address: Self) -> bool;
    /// The same packet in IPv4, at the ENI of a NAT gateway.
    fn in_ip4(key: &FlowKey<Self>) -> FlowKey<Ip4>;
    /// A number in which both directions of a flow agree about its addresses.
    fn sum(address: Self) -> u32;
    /// A number that tells addresses apart, also those that somebody chooses who doesn't know the seed.
    fn hashed(address: Self, seed: u64) -> u32;
    /// Whether an address is the implicit router's in this subnet.
    fn is_router(address: Self, place: &SubnetEntry) -> bool;
    /// A VPC has no broadcast and no multicast, and some addresses nobody can have.
    fn check_addresses(packet: &Packet<Self>, place: &SubnetEntry) -> Result<(), DropReason>;

    /// The answer to a packet for which there are neither groups nor NACLs: ARP, neighbour discovery.
    fn answer_neighbor<T: TablesOf<Self>>(
        tables: &T,
        frame: &impl Frame,
        walk: &mut Walk<Self>,
    ) -> Result<Answer, DropReason>;
    /// Turns a frame into its answer, in place.
    fn write_answer(frame: &mut impl Frame, verdict: &Verdict) -> Option<()>;
    /// Turns a frame into the ICMP error about it, in place.
    fn write_error(frame: &mut impl Frame, what: [u8; 2], source: Self, verdict: &Verdict) -> Option<()>;
    /// Turns a TCP segment into the reset that answers it, in place.
    fn write_reset(frame: &mut impl Frame, verdict: &Verdict) -> Option<()>;
    /// Gives a packet the addresses and ports with which it leaves.
    fn translate(frame: &mut impl Frame, translation: &Translation<Self>) -> Option<()>;
    /// The same for the packet that an ICMP error, whose header is at an offset, quotes.
    fn translate_quote(frame: &mut impl Frame, icmp: u32, quoted: &FlowKey<Self>) -> Option<()>;
}
