//! Doors: what a public address has open to whom nobody knows yet. All that the filter in front of an uplink asks.

use crate::{Bank, DropReason, Ip4, Ip6};
use bytemuck::{Pod, Zeroable};

/// Key of the tables of doors: for IPv4 in a slot that the key says, for IPv6 a longest-prefix match, since every
/// address of a VPC's block is ours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[repr(C)]
pub struct DoorKey<I> {
    pub bank: Bank,
    pub address: I,
}

impl<I> DoorKey<I> {
    /// Bits of the key before the address.
    pub const FIXED_BITS: u32 = 32;
}

/// Slots of IPv4's table, of both banks together. A hash table would take twice as long as all else that the filter
/// does.
pub const DOOR_SLOTS: u32 = 1 << 15;

/// A door of IPv4 in its slot. Of two addresses with the same slot one has it, and the other one has no door, which
/// lets everything pass to where all the rules are. An empty slot is all zeros.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct DoorSlot {
    pub key: DoorKey<Ip4>,
    pub entry: DoorEntry,
}

impl DoorKey<Ip4> {
    /// The number of its slot: the address's lower bits, in which addresses of one block differ, and the bank.
    #[must_use]
    #[inline(always)]
    pub const fn slot(self) -> u32 {
        (self.address.to_bits() << 1 | self.bank.0 & 1) & (DOOR_SLOTS - 1)
    }
}

/// Ranges of ports that a door has room for. Where more are open, those with the fewest ports between them are taken
/// together: what lies between goes on to where all the rules are.
pub const OPEN_RANGES: u32 = 14;

/// Ports from one to another, both included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
}

impl PortRange {
    pub const ALL: Self = Self {
        first: 0,
        last: u16::MAX,
    };
}

/// A cache line: what may come in by an address from whom it has not spoken with.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct DoorEntry {
    /// Why all that comes is dropped, if nobody is behind the address.
    pub nobody: DropReason,
    /// Why what would open a TCP connection to another port than these is dropped.
    pub closed: DropReason,
    /// How many ranges there are.
    pub len: u32,
    pub open: [PortRange; OPEN_RANGES as usize],
}

impl DoorEntry {
    /// Whether anybody at all may open a TCP connection to this port.
    #[must_use]
    #[inline(always)]
    pub fn is_open(&self, port: u16) -> bool {
        let mut place = 0;
        while place < OPEN_RANGES {
            if place >= self.len {
                return false;
            }
            let range = self.open[place as usize];
            if range.first <= port && port <= range.last {
                return true;
            }
            place += 1;
        }
        false
    }
}

/// Slots of the filter's counters: one for each number of a drop reason.
pub const FILTER_SLOTS: u32 = 128;

plain!(PortRange = 4, DoorEntry = 64, DoorSlot = 72);
plain_of!(DoorKey<Ip4> = 4 + 4, DoorKey<Ip6> = 4 + 16);
