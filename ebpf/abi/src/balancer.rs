//! Load balancers and the endpoints that lead to them (semantics 13, 14).

use crate::{Bank, Device, Ip4, Ip6, Port, ScopeId, TargetGroupId};
use bytemuck::{Pod, Zeroable};

/// Key of the table of listeners: a node, known by its ENI's device, and where it listens; a Gateway Load Balancer's,
/// which takes all packets, has neither port nor protocol.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct ListenerKey {
    pub bank: Bank,
    pub node: Device,
    pub port: Port,
    /// TCP or UDP.
    pub protocol: u8,
    pub reserved: u8,
}

/// A listener, as one node of its load balancer has it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct ListenerEntry {
    pub group: TargetGroupId,
    /// How many places the targets have that this node may choose; 0 if there is nobody to choose.
    pub places: u32,
    /// The zone whose targets these are; 0 if those of all zones are.
    pub zone: u16,
    /// [`listener_flag`] bits.
    pub flags: u16,
    /// After so many idle seconds a connection is forgotten.
    pub idle: u16,
    /// The scope of the load balancer's VPC.
    pub scope: ScopeId,
}

pub mod listener_flag {
    /// Targets see the client's address and port.
    pub const PRESERVES_CLIENT: u16 = 1;
    /// All that an address sends goes to one target.
    pub const STICKY: u16 = 2;
    /// What has the same addresses and protocol goes to one appliance.
    pub const WITHOUT_PORTS: u16 = 4;
    /// What has the same addresses does.
    pub const ADDRESSES_ALONE: u16 = 8;
    /// Targets are told the client by a header in front of the stream, which the agent writes: it stands between the
    /// two.
    pub const TELLS_CLIENT: u16 = 32;
    /// A flow gets another appliance when its own takes no more.
    pub const REBALANCES: u16 = 16;
}

/// How many places stand in a row.
pub const PLACES: u32 = 16;

/// Key of the table of places: a target group, one zone of it or all, and which of the rows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct PlacesKey {
    pub bank: Bank,
    pub group: TargetGroupId,
    pub zone: u16,
    pub row: u16,
}

/// A target in a place. Each has as many places as any other, and a hash of the packet chooses one; when a target goes,
/// few places change but its own (Maglev, NSDI 2016, section 3.4).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct Place<I> {
    pub address: I,
    /// By which answers to a client whose address is preserved are recognised where the target is (see [`crate::vpc`]).
    pub returns: Device,
    pub port: Port,
    pub reserved: u16,
}

/// A row of places.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct PlacesEntry<I> {
    pub places: [Place<I>; PLACES as usize],
}

/// Key of the table of targets: who is registered, whether or not it takes new connections.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[repr(C)]
pub struct TargetKey<I> {
    pub bank: Bank,
    pub group: TargetGroupId,
    pub address: I,
    pub port: Port,
    /// TCP or UDP.
    pub protocol: u8,
    pub reserved: u8,
}

/// A target whose connections go on.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct TargetEntry {
    pub reserved: u32,
}

/// An interface endpoint, or one of a Gateway Load Balancer, known by the ENI that it has in a subnet
/// ([`crate::eni::EniKey`]).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct EndpointEntry {
    /// The node that it leads to; none if the service has none in its zone.
    pub node: Device,
    /// [`endpoint_flag`] bits.
    pub flags: u32,
}

pub mod endpoint_flag {
    /// Packets pass in no other state.
    pub const AVAILABLE: u32 = 1;
    /// The node's groups are asked about what comes by it.
    pub const ENFORCED: u32 = 2;
}

plain!(
    ListenerKey = 12,
    ListenerEntry = 16,
    PlacesKey = 12,
    TargetEntry = 4,
    EndpointEntry = 8
);
plain_of!(
    Place<Ip4> = 4 + 4 + 2 + 2,
    Place<Ip6> = 16 + 4 + 2 + 2,
    PlacesEntry<Ip4> = 16 * 12,
    PlacesEntry<Ip6> = 16 * 24,
    TargetKey<Ip4> = 4 + 4 + 4 + 2 + 2,
    TargetKey<Ip6> = 4 + 4 + 16 + 2 + 2,
);
