//! Addresses that packets from outside may have: those that the outside reaches VPCs by, and those of clients of
//! gateway endpoints, which are private.

use crate::{Bank, Ip4, Ip6, VpcId};

/// Key of the table of public addresses, a longest-prefix match: Elastic IPs, the IPv6 blocks of VPCs, and all blocks
/// of VPCs with gateway endpoints.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[repr(C)]
pub struct PublicKey<I> {
    pub bank: Bank,
    /// Always 0. Without it the compiler puts bank and address into one word, misaligned behind the prefix's length.
    pub reserved: u32,
    pub address: I,
}

impl<I> PublicKey<I> {
    /// Bits of the key before the address.
    pub const FIXED_BITS: u32 = 64;
}

/// Whom an address leads to from outside.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct PublicEntry<I> {
    /// 0 if it is ours and leads to nobody.
    pub vpc: VpcId,
    /// [`public_flag`] bits.
    pub flags: u32,
    /// The private address it stands for; unspecified if it stands for itself.
    pub private: I,
}

pub mod public_flag {
    /// The outside reaches a VPC by it.
    pub const PUBLIC: u32 = 1;
    /// It is, in some VPC, an address of clients of gateway endpoints: what answers them is let in.
    pub const CLIENTS: u32 = 2;
}

plain_of!(
    PublicKey<Ip4> = 4 + 4 + 4,
    PublicKey<Ip6> = 4 + 4 + 16,
    PublicEntry<Ip4> = 4 + 4 + 4,
    PublicEntry<Ip6> = 4 + 4 + 16,
);
