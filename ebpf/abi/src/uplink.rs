//! The ways out of the host.

use crate::{Device, Ip4, Ip6, Mac};
use bytemuck::{Pod, Zeroable};

/// How many uplinks there can be, each in a slot of its own. The first slot is asked first: if there is only one
/// uplink, and it leads everywhere, its row stands there as well, and no other is asked.
pub const UPLINK_SLOTS: u32 = 8;

/// An uplink that packets leave by.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct UplinkEntry {
    /// None if there is no uplink, or its device is gone.
    pub device: Device,
    /// [`uplink_flag`] bits.
    pub flags: u32,
    /// The device's own.
    pub mac: Mac,
    /// Of the one peer at the other end of a link. Without [`uplink_flag::LINK`] the neighbour table decides.
    pub peer_mac: Mac,
    /// The host's side of the cutter, which makes fragments of what is larger than an uplink takes. None if there is
    /// none.
    pub cutter: Device,
}

/// Key of the table of who leaves by which uplink, a longest-prefix match. Its rows are slots.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[repr(C)]
pub struct UplinkRouteKey<I> {
    /// Zero. Behind it and the prefix's length the destination lies at a multiple of eight, where the compiler may copy
    /// it in words of that size.
    pub reserved: u32,
    pub destination: I,
}

impl<I> UplinkRouteKey<I> {
    /// Bits of the key before the destination.
    pub const FIXED_BITS: u32 = 32;

    pub const fn new(destination: I) -> Self {
        Self {
            reserved: 0,
            destination,
        }
    }
}

pub mod uplink_flag {
    /// The peer is the only one there.
    pub const LINK: u32 = 1;
    /// Who asks for our addresses by ARP or neighbour discovery is answered.
    pub const ANSWERS_ARP: u32 = 2;
    /// Of the first slot: destinations say by which uplink a packet leaves, and it need not be this one.
    pub const BY_DESTINATION: u32 = 4;
}

plain!(UplinkEntry = 24);
plain_of!(UplinkRouteKey<Ip4> = 4 + 4, UplinkRouteKey<Ip6> = 4 + 16);
