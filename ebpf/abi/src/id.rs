//! Numbers that stand for AWS nouns inside the tables. The plan gives them out; none is a bare integer in a key.

use bytemuck::{Pod, Zeroable};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
        #[repr(transparent)]
        pub struct $name(pub u32);
        plain!($name = 4);
    )+};
}

ids! {
    /// A Linux interface index: the host side of an ENI. It is port, tenant and incarnation at once, since the kernel
    /// doesn't reuse one soon. Only 24 bits of it fit a flow key; install refuses more.
    Device,
    VpcId,
    SubnetId,
    RouteTableId,
    NaclId,
    /// A VPC's attachment to a transit gateway.
    AttachmentId,
    /// A target group of load balancers.
    TargetGroupId,
    /// A set of security groups, merged. ENIs with the same groups share one.
    GroupSetId,
    /// Which of the two banks of rules and routes a row belongs to: the first word of its key.
    Bank,
}

impl GroupSetId {
    /// No groups: the far end is nobody's member.
    pub const NONE: Self = Self(0);
}

impl Device {
    /// No device: an answer to "where to", or an identity, that nobody has.
    pub const NONE: Self = Self(0);
    /// The largest index of a Linux interface that is used; a flow key has room for what is above it.
    pub const MAX: Self = Self(0x00ef_ffff);
    /// ENIs without a guest, such as NAT gateways', have no interface. Their numbers are in this range.
    pub const FIRST_COMPONENT: Self = Self(0x00f0_0000);
    pub const LAST_COMPONENT: Self = Self(0x00f6_ffff);
    /// The service port, by which the agent itself speaks with guests: the last of the components, and no ENI's.
    pub const SERVICE: Self = Self::LAST_COMPONENT;
    /// Where answers of services outside arrive that gateway endpoints of any VPC lead to: the one before, and no
    /// ENI's.
    pub const GATEWAY_ENDPOINTS: Self = Self(Self::SERVICE.0 - 1);
    /// The outside: all uplinks lead to one network, and a reply may come in by another one than its question left by.
    pub const INTERNET: Self = Self(0x00ff_0001);

    /// What is above the numbers of components speaks of their mappings.
    const MAPPING: u32 = 0x0008_0000;

    /// The number by which the mappings of a component are told from its packets.
    #[must_use]
    #[inline(always)]
    pub const fn of_mapping(self) -> Self {
        Self(self.0 | Self::MAPPING)
    }

    /// The component whose mappings are meant.
    #[must_use]
    #[inline(always)]
    pub const fn without_mapping(self) -> Self {
        Self(self.0 & !Self::MAPPING)
    }

    #[must_use]
    #[inline(always)]
    pub const fn is_of_mapping(self) -> bool {
        self.0 & Self::MAPPING != 0 && self.without_mapping().is_component()
    }

    /// Whether it is an ENI without a guest.
    #[must_use]
    #[inline(always)]
    pub const fn is_component(self) -> bool {
        self.0 >= Self::FIRST_COMPONENT.0 && self.0 <= Self::LAST_COMPONENT.0
    }
}

/// A slot of the table of scopes (see [`crate::control`]); 0 is no scope. Ten bits of it are used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(transparent)]
pub struct ScopeId(pub u16);

impl ScopeId {
    pub const NONE: Self = Self(0);
    /// Which addresses are public, and whose.
    pub const INTERNET: Self = Self(1);
    /// Changes with every configuration: what depends on more scopes than an entry has room for depends on this.
    pub const EVERYTHING: Self = Self(2);
    /// The first that VPCs and transit gateways have.
    pub const FIRST: Self = Self(3);
}

plain!(ScopeId = 2);
