//! Network ACLs: rules in order, scanned to the first match.

use crate::{Bank, Ip4, NaclId};
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

/// Rules in one direction, AWS's largest quota (semantics 29).
pub const NACL_RULES: u32 = 40;

/// A NACL in one direction. The implicit deny at its end is not a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct NaclEntry {
    /// How many of the rules count.
    pub len: u32,
    pub rules: [NaclRule; NACL_RULES as usize],
}

/// One rule (semantics 8.2).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct NaclRule {
    /// Source of the packet in the ingress list, destination in the egress list.
    pub network: Ip4,
    /// Inclusive, host order. For ICMP the type in `from` and the code in `to`, [`ANY_ICMP`] for all. For protocols
    /// without ports 0 and 65535.
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
/// ICMP type or code -1.
pub const ANY_ICMP: u16 = 0xffff;

plain!(NaclKey = 12, NaclRule = 16, NaclEntry = 644);
