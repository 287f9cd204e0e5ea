//! The words that steer everything else: generation, scopes, clock.

use crate::{Bank, Device, ScopeId};
use bytemuck::{Pod, Zeroable};

/// The configuration in force. It only grows, also on rollback, and its lowest bit names the bank of rules and routes
/// that is being read. Storing this one aligned word is what applies a configuration: a packet loads it once, so no
/// packet sees half of a change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Pod, Zeroable)]
#[repr(transparent)]
pub struct Generation(pub u64);

impl Generation {
    #[must_use]
    pub const fn bank(self) -> Bank {
        Bank((self.0 & 1) as u32)
    }

    /// The bank nobody reads, which the next configuration is written into.
    #[must_use]
    pub const fn idle_bank(self) -> Bank {
        Bank((self.0 & 1 ^ 1) as u32)
    }
}

/// When a flow entry was last found right, and what could make it wrong: a generation and up to four scopes in one
/// 8-byte word, so that restamping an entry is one store and no reader sees the one without the other.
///
/// A scope is whatever can change on its own: a VPC, later a NAT gateway, a load balancer, a transit gateway. A table
/// holds "changed at generation n" for each. An entry whose scopes are all older than its stamp is still right although
/// the generation has moved on, so a change in one tenant costs the flows of the others nothing.
///
/// The generation keeps its low 24 bits here. An entry that lives is restamped or has expired long before 16 million
/// generations have passed (38 a second for five days, the longest idle limit).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug, Pod, Zeroable)]
#[repr(transparent)]
pub struct Validity(pub u64);

/// Slots in the table of scopes. A plan with more scopes lets some share a slot, which costs a needless look, never a
/// wrong one.
pub const SCOPE_SLOTS: u32 = 1024;
const SCOPE_BITS: u32 = 10;
const GENERATION_BITS: u32 = 24;
const GENERATION_MASK: u64 = (1 << GENERATION_BITS) - 1;

impl Validity {
    pub const SCOPES: u32 = 4;

    #[must_use]
    pub const fn new(generation: Generation, scopes: [ScopeId; 4]) -> Self {
        let mut word = generation.0 & GENERATION_MASK;
        let mut i = 0;
        while i < Self::SCOPES {
            let slot = scopes[i as usize].0 as u64 & (SCOPE_SLOTS as u64 - 1);
            word |= slot << (GENERATION_BITS + i * SCOPE_BITS);
            i += 1;
        }
        Self(word)
    }

    /// Whether the stamp is of exactly this generation.
    #[must_use]
    pub const fn is_of(self, generation: Generation) -> bool {
        self.difference(generation) == 0
    }

    /// Zero if the stamp is of exactly this generation.
    #[must_use]
    #[inline(always)]
    pub const fn difference(self, generation: Generation) -> u64 {
        (self.0 ^ generation.0) & GENERATION_MASK
    }

    /// The generation of the stamp, given the one in force now.
    #[must_use]
    pub const fn stamped_at(self, now: Generation) -> Generation {
        let age = now.0.wrapping_sub(self.0) & GENERATION_MASK;
        Generation(now.0.wrapping_sub(age))
    }

    /// The scope at a place from 0 to 3.
    #[must_use]
    pub const fn scope(self, place: u32) -> ScopeId {
        let shift = GENERATION_BITS + (place & 3) * SCOPE_BITS;
        ScopeId((self.0 >> shift & (SCOPE_SLOTS as u64 - 1)) as u16)
    }

    /// The same scopes under a new generation.
    #[must_use]
    pub const fn restamped(self, generation: Generation) -> Self {
        Self(self.0 & !GENERATION_MASK | generation.0 & GENERATION_MASK)
    }
}

/// What a host sets once and a test sets at will.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Settings {
    /// The clock is the kernel's ticks, masked by this, plus `clock_offset`. All ones and 0 on a host; tests set both,
    /// so that they own time with AWS's real constants: a mask of 0 stops the clock.
    pub clock_mask: u64,
    pub clock_offset: u64,
    /// Ticks of the clock in a second: the kernel's HZ, measured at load.
    pub ticks_per_second: u32,
    /// Random per boot. `eni_guard` lets a packet pass to a tap only if it carries this mark; 0 lets nothing pass.
    pub mark: u32,
    /// Slots of the reclaim rings.
    pub ring_slots4: u32,
    pub ring_slots6: u32,
    pub layout_version: u32,
    /// Drops that one CPU tells of in a second, at most; the others are counted.
    pub events_per_second: u32,
    /// Random per boot: which ports NAT gateways choose can't be told without it.
    pub secret: u64,
    /// The host side of the service port; none if there is none.
    pub service: Device,
    /// The host side of the finisher; none if there is none.
    pub finisher: Device,
}

/// The two hands of each family's reclaim ring, each counting positions since boot. A position modulo the number of
/// slots is a slot.
pub mod ring_hand {
    /// The next position to be examined.
    pub const HEAD: u32 = 0;
    /// The next position to be filled.
    pub const TAIL: u32 = 1;
    /// Hands of one family; IPv6's stand behind IPv4's.
    pub const OF_FAMILY: u32 = 2;
    pub const COUNT: u32 = 2 * OF_FAMILY;
}

plain!(Generation = 8, Validity = 8, Settings = 56);

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPES: [ScopeId; 4] = [ScopeId(1), ScopeId(1023), ScopeId(0), ScopeId(512)];

    #[test]
    fn a_word_gives_back_what_went_into_it() {
        let validity = Validity::new(Generation(0xab_cdef), SCOPES);
        assert_eq!([0, 1, 2, 3].map(|place| validity.scope(place)), SCOPES);
        assert!(validity.is_of(Generation(0xab_cdef)));
        assert!(!validity.is_of(Generation(0xab_cdee)));
    }

    #[test]
    fn restamping_keeps_the_scopes() {
        let validity = Validity::new(Generation(7), SCOPES).restamped(Generation(0xff_fffe));
        assert_eq!(validity, Validity::new(Generation(0xff_fffe), SCOPES));
    }

    #[test]
    fn a_stamp_is_found_again_across_the_wrap_of_its_24_bits() {
        let stamped = Generation(0x1ff_fffe);
        let now = Generation(0x200_0003);
        assert_eq!(Validity::new(stamped, SCOPES).stamped_at(now), stamped);
        assert_eq!(Validity::new(now, SCOPES).stamped_at(now), now);
    }

    #[test]
    fn the_lowest_bit_is_the_bank() {
        assert_eq!((Generation(6).bank(), Generation(6).idle_bank()), (Bank(0), Bank(1)));
        assert_eq!((Generation(7).bank(), Generation(7).idle_bank()), (Bank(1), Bank(0)));
    }
}
