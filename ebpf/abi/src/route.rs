//! Route tables.

use crate::{AttachmentId, Bank, Device, DropReason, Ip4, Ip6, RouteTableId, SubnetId, VpcId};
use bytemuck::{Pod, Zeroable};

/// Key of the table of routes, a longest-prefix match.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[repr(C)]
pub struct RouteKey<I> {
    pub bank: Bank,
    pub table: RouteTableId,
    pub destination: I,
}

impl<I> RouteKey<I> {
    /// Bits of the key before the destination.
    pub const FIXED_BITS: u32 = 64;
}

/// A route: what kind of target, and which one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct RouteEntry {
    /// One of [`target`]; anything else drops the packet with its reason.
    pub target: u32,
    pub id: u32,
}

/// Kinds of route target. Numbers are never reused.
pub mod target {
    /// The owner of the destination, in the VPC.
    pub const LOCAL: u32 = 1;
    /// An ENI, whoever the destination is: a middlebox. The id is its device.
    pub const ENI: u32 = 2;
    /// The route's state is blackhole.
    pub const BLACKHOLE: u32 = 3;
    /// On with that subnet's table, and its NACL on the way out: what a component does that re-emits a packet from an
    /// ENI of its own (semantics 4.4). The id is the subnet.
    pub const SUBNET: u32 = 4;
    /// The VPC's internet gateway.
    pub const INTERNET: u32 = 5;
    /// The VPC's egress-only internet gateway.
    pub const EGRESS_ONLY: u32 = 6;
    /// A NAT gateway. The id is its ENI's device.
    pub const NAT: u32 = 7;
    /// Over a peering connection. The id is the other VPC.
    pub const PEERING: u32 = 8;
    /// The same to another Region: a smaller MTU, and groups are not known there (semantics 11.4).
    pub const FAR_PEERING: u32 = 9;
    /// To a transit gateway. The id is this VPC's attachment.
    pub const TRANSIT: u32 = 10;
    /// In a table of a transit gateway: to a VPC. The id is its attachment.
    pub const ATTACHMENT: u32 = 11;
    /// In a table of a transit gateway: to another one, whose table the id is; 0 if it has none for what comes this
    /// way.
    pub const TRANSIT_TABLE: u32 = 12;
    /// To a service outside, by the VPC's gateway endpoint (semantics 15).
    pub const GATEWAY_ENDPOINT: u32 = 13;
}

/// A route with its target as a type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    Local,
    Eni(Device),
    Subnet(SubnetId),
    Internet,
    EgressOnly,
    Nat(Device),
    /// The other VPC, and whether it is in another Region.
    Peering(VpcId, bool),
    Transit(AttachmentId),
    Attachment(AttachmentId),
    TransitTable(RouteTableId),
    GatewayEndpoint,
}

impl RouteEntry {
    #[must_use]
    pub const fn new(target: Target) -> Self {
        let (target, id) = match target {
            Target::Local => (target::LOCAL, 0),
            Target::Eni(device) => (target::ENI, device.0),
            Target::Subnet(subnet) => (target::SUBNET, subnet.0),
            Target::Internet => (target::INTERNET, 0),
            Target::EgressOnly => (target::EGRESS_ONLY, 0),
            Target::Nat(device) => (target::NAT, device.0),
            Target::Peering(vpc, false) => (target::PEERING, vpc.0),
            Target::Peering(vpc, true) => (target::FAR_PEERING, vpc.0),
            Target::Transit(attachment) => (target::TRANSIT, attachment.0),
            Target::Attachment(attachment) => (target::ATTACHMENT, attachment.0),
            Target::TransitTable(table) => (target::TRANSIT_TABLE, table.0),
            Target::GatewayEndpoint => (target::GATEWAY_ENDPOINT, 0),
        };
        Self { target, id }
    }

    pub const BLACKHOLE: Self = Self {
        target: target::BLACKHOLE,
        id: 0,
    };

    /// A target that no table can express yet.
    pub const UNUSABLE: Self = Self { target: 0, id: 0 };

    /// The target, or why a packet that selects this route is dropped.
    pub const fn target(self) -> Result<Target, DropReason> {
        match self.target {
            target::LOCAL => Ok(Target::Local),
            target::ENI => Ok(Target::Eni(Device(self.id))),
            target::SUBNET => Ok(Target::Subnet(SubnetId(self.id))),
            target::INTERNET => Ok(Target::Internet),
            target::EGRESS_ONLY => Ok(Target::EgressOnly),
            target::NAT => Ok(Target::Nat(Device(self.id))),
            target::PEERING => Ok(Target::Peering(VpcId(self.id), false)),
            target::FAR_PEERING => Ok(Target::Peering(VpcId(self.id), true)),
            target::TRANSIT => Ok(Target::Transit(AttachmentId(self.id))),
            target::ATTACHMENT => Ok(Target::Attachment(AttachmentId(self.id))),
            target::TRANSIT_TABLE => Ok(Target::TransitTable(RouteTableId(self.id))),
            target::GATEWAY_ENDPOINT => Ok(Target::GatewayEndpoint),
            target::BLACKHOLE => Err(DropReason::BLACKHOLE_ROUTE),
            _ => Err(DropReason::UNUSABLE_TARGET),
        }
    }
}

plain!(RouteEntry = 8);
plain_of!(RouteKey<Ip4> = 4 + 4 + 4, RouteKey<Ip6> = 4 + 4 + 16);
