//! Security groups: what the merged groups of an ENI admit in one direction.

use crate::{Bank, GroupSetId};
use bytemuck::{Pod, Zeroable};

/// Key of the table of group sets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct GroupSetKey {
    pub bank: Bank,
    pub group_set: GroupSetId,
    /// One of [`crate::nacl::direction`].
    pub direction: u32,
}

/// What a group set admits in one direction. Until rules with peers and ports are compiled, a set either has a rule
/// that admits everything from and to everywhere, or admits nothing.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct GroupSetEntry {
    /// The rule for all protocols and 0.0.0.0/0, counted from 1; 0 if there is none.
    pub all_rule: u16,
    /// [`group_flag`] bits.
    pub flags: u16,
}

pub mod group_flag {
    /// The other direction is open to 0.0.0.0/0 on all ports, so that TCP and UDP flows admitted by a rule for
    /// 0.0.0.0/0 here are not tracked (semantics 7.1).
    pub const OPPOSITE_OPEN: u16 = 1;
}

plain!(GroupSetKey = 12, GroupSetEntry = 4);
