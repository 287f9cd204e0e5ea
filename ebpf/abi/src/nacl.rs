//! Network ACLs: rules in order, scanned to the first match.

use crate::{Bank, Ip4, Ip6, NaclId};
use bytemuck::{Pod, Zeroable};

/// Key of the table of NACLs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct NaclKey {
    pub bank: Bank,
    pub nacl: NaclId,
    /// One of [`direction`].
    pub direction: u32,
}

/// Which of two rule lists is meant. Egress and ingress are always seen from the ENI.
pub mod direction {
    pub const EGRESS: u32 = 0;
    pub const INGRESS: u32 = 1;
}

/// Rules of one family in one direction, AWS's largest quota (semantics 29).
pub const NACL_RULES: u32 = 40;

/// The rules of a NACL for one family and direction. The implicit deny at its end is not a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct NaclEntry<I> {
    /// How many of the rules count.
    pub len: u32,
    pub rules: [NaclRule<I>; NACL_RULES as usize],
}

/// One rule (semantics 8.2).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C, align(4))]
pub struct NaclRule<I> {
    /// Source of the packet in the ingress list, destination in the egress list.
    pub network: I,
    /// Inclusive, host order: destination ports; of ICMP type and code as one number, the type above; 0 and 65535 if
    /// the rule doesn't ask.
    pub from: u16,
    pub to: u16,
    /// `RuleNumber`.
    pub number: u16,
    /// [`ANY_PROTOCOL`] or an IP protocol number.
    pub protocol: u16,
    pub prefix_len: u8,
    /// 1 allows, 0 denies.
    pub allow: u8,
    pub reserved: u16,
}

/// `Protocol` -1. Not 255, which is a protocol number that a packet may carry.
pub const ANY_PROTOCOL: u16 = 0xffff;
/// The numbers under which AWS shows the implicit deny (semantics 8.1).
#[must_use]
pub const fn implicit_deny(version: u8) -> u16 {
    if version == 6 { 32_768 } else { 32_767 }
}

plain!(NaclKey = 12);
plain_of!(
    NaclRule<Ip4> = 4 + 2 * 4 + 1 + 1 + 2,
    NaclRule<Ip6> = 16 + 2 * 4 + 1 + 1 + 2,
    NaclEntry<Ip4> = 4 + 40 * 16,
    NaclEntry<Ip6> = 4 + 40 * 28,
);
