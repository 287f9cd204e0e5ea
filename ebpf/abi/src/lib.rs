//! What both sides of a map agree on.
//!
//! This is the only crate in which a type's layout matters. Every type here is plain data without padding (bytemuck's
//! derive refuses padding), and its size is asserted at compile time, so that the two sides can't drift apart.
//! [`LAYOUT_VERSION`] changes with any of it; the agent compares it with what is pinned and never guesses.
#![no_std]

/// Asserts a type's size and, on the userspace side, marks it as plain data for aya.
macro_rules! plain {
    ($($name:ty = $size:literal),+ $(,)?) => {$(
        const _: () = assert!(core::mem::size_of::<$name>() == $size);
        // SAFETY: the type derives `bytemuck::Pod`, which holds it to no padding and no invalid bit pattern. Safe code
        // can't implement aya's marker, because the marker lives in aya and says the same thing again.
        #[cfg(feature = "user")]
        unsafe impl aya::Pod for $name {}
    )+};
}

pub mod control;
pub mod drop_reason;
pub mod eni;
pub mod flow;
pub mod id;
pub mod nacl;
pub mod route;
pub mod security_group;
pub mod wire;

pub use drop_reason::DropReason;
pub use id::{Bank, Device, GroupSetId, NaclId, RouteTableId, ScopeId, SubnetId, VpcId};
pub use wire::{Ip4, Mac, Port};

/// Number of the layout of all tables together. Raise it with every change to a key, an entry or a table.
pub const LAYOUT_VERSION: u32 = 1;

/// Names of the maps, equal to the names of the statics in the BPF object.
pub mod map {
    pub const GENERATION: &str = "GENERATION";
    pub const SETTINGS: &str = "SETTINGS";
    pub const SCOPES: &str = "SCOPES";
    pub const ENIS: &str = "ENIS";
    pub const SUBNETS: &str = "SUBNETS";
    pub const ADDRESSES: &str = "ADDRESSES";
    pub const MACS: &str = "MACS";
    pub const ROUTES: &str = "ROUTES";
    pub const NACLS: &str = "NACLS";
    pub const GROUP_SETS: &str = "GROUP_SETS";
    pub const FLOWS: &str = "FLOWS";
    pub const EMBRYOS: &str = "EMBRYOS";
    pub const RING: &str = "RING";
    pub const RING_HANDS: &str = "RING_HANDS";
    pub const DROPS: &str = "DROPS";
    pub const ENI_TOTALS: &str = "ENI_TOTALS";
    pub const STAMPS: &str = "STAMPS";
    pub const OUTBOX: &str = "OUTBOX";
    pub const SCRATCH: &str = "SCRATCH";

    /// Every map that is pinned and outlives the agent. `SCRATCH`, `OUTBOX` and `STAMPS` hold nothing between two packets that
    /// matters, yet programs share them, so they are pinned as well.
    pub const ALL: [&str; 19] = [
        GENERATION, SETTINGS, SCOPES, ENIS, SUBNETS, ADDRESSES, MACS, ROUTES, NACLS, GROUP_SETS, FLOWS, EMBRYOS, RING,
        RING_HANDS, DROPS, ENI_TOTALS, STAMPS, OUTBOX, SCRATCH,
    ];
}

/// Names of the programs.
pub mod program {
    /// tcx ingress of an ENI's host side: a packet leaves a guest.
    pub const ENI_EGRESS: &str = "eni_egress";
    /// tcx egress of an ENI's host side: nothing reaches a guest but what the datapath delivers.
    pub const ENI_GUARD: &str = "eni_guard";
}
