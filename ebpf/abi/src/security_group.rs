//! Security groups: what the merged groups of an ENI admit, in one direction and family.
//!
//! Three questions give three sets of rules: which speak of the remote address, which of the remote ENI's groups, which
//! of protocol and port. A rule in both the last and one of the first two admits the packet. Each answer is one lookup,
//! so the cost doesn't grow with the rules.

use crate::{Bank, GroupSetId, Ip4, Ip6};
use bytemuck::{Pod, Zeroable};

/// Rules of one group set in one direction and family, AWS's largest quota and a bit (semantics 29).
pub const GROUP_RULES: u32 = 1024;
/// 64 rules to a word.
pub const RULE_WORDS: u32 = GROUP_RULES / 64;

/// A set of rules of a group set: rule n is bit n % 64 of word n / 64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(transparent)]
pub struct RuleBits(pub [u64; RULE_WORDS as usize]);

/// Which of a group set's four lists is meant: a direction ([`crate::nacl::direction`]) and a family.
#[must_use]
#[inline(always)]
pub const fn side(direction: u32, version: u8) -> u32 {
    direction | if version == 6 { 2 } else { 0 }
}

/// Key of the table of group sets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct GroupSetKey {
    pub bank: Bank,
    pub group_set: GroupSetId,
    /// See [`side`].
    pub side: u32,
}

/// A list of rules. Those for 0.0.0.0/0 or ::/0 come first, so that the first rule that admits a packet is one of them
/// if any of them does.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct GroupSetEntry {
    /// How many rules there are.
    pub len: u16,
    /// How many of them are for everybody.
    pub everybody: u16,
    /// [`group_flag`] bits.
    pub flags: u32,
}

pub mod group_flag {
    /// The other direction is open to everybody on all TCP ports: flows that a rule for everybody admits here are not
    /// tracked (semantics 7.1).
    pub const TCP_ANSWERED: u32 = 1;
    /// The same for UDP.
    pub const UDP_ANSWERED: u32 = 2;
    /// Some rule refers to a group.
    pub const REFERENCES: u32 = 4;
}

/// Key of the table of remote addresses, a longest-prefix match: which rules speak of this address by a CIDR block or
/// a prefix list. A row holds the rules of all shorter prefixes as well.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[repr(C)]
pub struct PeerKey<I> {
    pub bank: Bank,
    pub group_set: GroupSetId,
    pub side: u32,
    pub address: I,
}

impl<I> PeerKey<I> {
    /// Bits of the key before the address.
    pub const FIXED_BITS: u32 = 96;
}

/// Key of the table of references: which rules speak of members of these groups. An ENI is known by its own group set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct ReferenceKey {
    pub bank: Bank,
    pub group_set: GroupSetId,
    pub side: u32,
    pub member_of: GroupSetId,
}

/// Key of the table of selectors, a longest-prefix match: which rules speak of this protocol and port. Rules for all
/// protocols are in every row; the row of length [`SelectorKey::FIXED_BITS`] holds nothing else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct SelectorKey {
    pub bank: Bank,
    pub group_set: GroupSetId,
    pub side: u32,
    pub selector: Selector,
}

impl SelectorKey {
    /// Bits of the key before the selector.
    pub const FIXED_BITS: u32 = 96;
}

/// Protocol and what of it rules ask for: a destination port; ICMP's type, then its code; of other protocols zeros. The
/// first byte is 1 if those are absent, as in a fragment without a note (semantics 7.7): such a row holds only the
/// rules for all ports, all types. In network order, so that a prefix of it is a range of ports or all codes of a type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(transparent)]
pub struct Selector(pub [u8; 4]);

impl Selector {
    /// The longest prefix: all of it.
    pub const BITS: u32 = 32;
    /// Presence and protocol.
    pub const PROTOCOL_BITS: u32 = 16;

    #[must_use]
    #[inline(always)]
    pub const fn new(protocol: u8, [a, b]: [u8; 2]) -> Self {
        Self([0, protocol, a, b])
    }

    #[must_use]
    #[inline(always)]
    pub const fn absent(protocol: u8) -> Self {
        Self([1, protocol, 0, 0])
    }
}

plain!(
    RuleBits = 128,
    GroupSetKey = 12,
    GroupSetEntry = 8,
    ReferenceKey = 16,
    Selector = 4,
    SelectorKey = 16
);
plain_of!(PeerKey<Ip4> = 3 * 4 + 4, PeerKey<Ip6> = 3 * 4 + 16);
