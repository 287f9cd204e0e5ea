//! Route tables.

use crate::{Bank, Device, DropReason, Ip4, Ip6, RouteTableId, SubnetId};
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
}

/// A route with its target as a type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    Local,
    Eni(Device),
    Subnet(SubnetId),
}

impl RouteEntry {
    #[must_use]
    pub const fn new(target: Target) -> Self {
        match target {
            Target::Local => Self {
                target: target::LOCAL,
                id: 0,
            },
            Target::Eni(device) => Self {
                target: target::ENI,
                id: device.0,
            },
            Target::Subnet(subnet) => Self {
                target: target::SUBNET,
                id: subnet.0,
            },
        }
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
            target::BLACKHOLE => Err(DropReason::BLACKHOLE_ROUTE),
            _ => Err(DropReason::UNUSABLE_TARGET),
        }
    }
}

plain!(RouteEntry = 8);
plain_of!(RouteKey<Ip4> = 4 + 4 + 4, RouteKey<Ip6> = 4 + 4 + 16);
