//! NAT gateways and their mappings (semantics 10).

use crate::flow::FlowKey;
use crate::{Ip, Ip4, Ip6};

/// Addresses of a NAT gateway, one primary and seven secondary.
pub const NAT_ADDRESSES: u32 = 8;

/// A NAT gateway, known by its ENI ([`crate::eni::EniKey`]).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct NatEntry<I> {
    /// How many of the addresses count.
    pub len: u32,
    /// The primary one first.
    pub addresses: [I; NAT_ADDRESSES as usize],
}

/// Mappings of one address to one destination at a time (semantics 10.4).
pub const MAPPINGS: u32 = 55_000;

/// A mapping, and a row for each direction.
///
/// The row for answers has the key of an answer as it arrives at the ENI of the NAT gateway; that row is the
/// reservation of address and port. The other has the key of the packet as the NAT gateway gets it from inside, its
/// device moved to a range of its own by [`crate::Device::of_mapping`]. How long a mapping lives is told by the flow
/// entry of its connection: the fast path, which alone sees most packets, touches nothing else.
///
/// It is read as flow entries are (see [`crate::flow::FlowEntry`]).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct BindingEntry<I: Ip> {
    pub key: FlowKey<I>,
    /// Different for any two insertions on this host since boot.
    pub stamp: u64,
    /// The key of the connection's first packet at its own ENI.
    pub flow: FlowKey<I>,
    /// What becomes of the packet, as it would be recognised if it came in by the ENI of the component that it leaves:
    /// the NAT gateway itself; or for a load balancer's answers the node, or the endpoint that the client has spoken
    /// to.
    pub becomes: FlowKey<I>,
    /// The low half of the clock when it was made.
    pub born: u32,
    /// One of [`crate::flow::state`].
    pub state: u32,
    pub stamp_end: u64,
}

plain_of!(
    NatEntry<Ip4> = 4 + 8 * 4,
    NatEntry<Ip6> = 4 + 8 * 16,
    BindingEntry<Ip4> = 16 + 8 + 16 + 16 + 4 + 4 + 8,
    BindingEntry<Ip6> = 40 + 8 + 40 + 40 + 4 + 4 + 8,
);
