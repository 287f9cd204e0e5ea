//! What differs between IPv4 and IPv6 in the datapath. Everything else is generic over it.

use crate::packet::Packet;
use crate::verdict::{Answer, Verdict};
use crate::walk::Walk;
use crate::{Frame, TablesOf};
use groundplane_abi::eni::SubnetEntry;
use groundplane_abi::flow::FlowKey;
use groundplane_abi::{Device, DropReason, Ip};

/// What the fast path needs of a packet.
#[derive(Clone, Copy, Debug)]
pub struct Glance<I: Ip> {
    pub key: FlowKey<I>,
    /// The first words of the frame, in which its MACs are.
    pub head: [u64; 2],
}

/// An address family, as the datapath needs it.
pub trait Family: Ip {
    /// A quick look at a frame that came in by a device: whether it is the kind that established connections consist of.
    ///
    /// TCP and UDP without options, whole, with nothing wrong: what `parse` would say of the same frame, in a fraction of
    /// its instructions, since whole words are loaded at fixed places and everything else is left to `parse`.
    fn glance(frame: &impl Frame, device: Device) -> Option<Glance<Self>>;

    /// Reads the IP header, and how long the packet is behind it.
    fn parse_header(frame: &impl Frame, packet: &mut Packet<Self>) -> Result<u32, DropReason>;
    /// The packet that begins at an offset, of which an ICMP error quotes no more than the beginning. Without a device.
    fn parse_quote(frame: &impl Frame, offset: u32) -> Option<FlowKey<Self>>;
    /// Whether the options of a header of this length let the packet go on.
    fn check_options(frame: &impl Frame, header_len: u8) -> Result<(), DropReason>;

    /// Services that bypass groups, NACLs and routes (semantics 3.3).
    fn is_link_local_service(packet: &Packet<Self>, place: &SubnetEntry) -> bool;
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
}
