//! The way out of the host.

use crate::{Device, Mac};
use bytemuck::{Pod, Zeroable};

/// The uplink that packets leave by.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct UplinkEntry {
    /// None if there is no uplink.
    pub device: Device,
    /// [`uplink_flag`] bits.
    pub flags: u32,
    /// The device's own.
    pub mac: Mac,
    /// Of the one peer at the other end of a link. Without [`uplink_flag::LINK`] the neighbour table decides.
    pub peer_mac: Mac,
    pub reserved: u32,
}

pub mod uplink_flag {
    /// The peer is the only one there.
    pub const LINK: u32 = 1;
    /// Who asks for our addresses by ARP or neighbour discovery is answered.
    pub const ANSWERS_ARP: u32 = 2;
}

plain!(UplinkEntry = 24);
