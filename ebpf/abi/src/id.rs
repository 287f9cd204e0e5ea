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
    /// The largest index a flow key can hold.
    pub const MAX: Self = Self(0x00ff_ffff);
    /// The outside: all uplinks lead to one network, and a reply may come in by another one than its question left by.
    pub const INTERNET: Self = Self(0x00ff_0001);
}

/// A slot of the table of scopes (see [`crate::control`]); 0 is no scope. Ten bits of it are used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(transparent)]
pub struct ScopeId(pub u16);

plain!(ScopeId = 2);
