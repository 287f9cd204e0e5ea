//! The questions the datapath asks, each of which some table answers.

use groundplane_abi::control::{Generation, Validity};
use groundplane_abi::eni::{AddressKey, EniEntry, EniKey, MacKey, SubnetEntry, SubnetKey};
use groundplane_abi::flow::{FlowEntry, FlowKey, RingSlot};
use groundplane_abi::nacl::{NaclKey, NaclRule};
use groundplane_abi::route::{RouteEntry, RouteKey};
use groundplane_abi::security_group::{GroupSetEntry, GroupSetKey};
use groundplane_abi::{Device, DropReason, ScopeId};

/// What time it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clock {
    /// In ticks.
    pub now: u64,
    pub ticks_per_second: u32,
}

/// Which of the two flow tables is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlowTable {
    /// Connections both of whose sides have spoken. Never evicts.
    Main,
    /// Half-open flows. Evicts the one that was used longest ago.
    Embryos,
}

/// The tables, as maps in the kernel and as plain collections on the host.
///
/// Rows come as copies; the datapath never holds a reference into a map. What several cores write is reached only
/// through the methods of the second half, each of which says what happens in a race.
pub trait Tables {
    /// A flow entry in place: a pointer in the kernel. It may turn into another entry at any time (see
    /// [`FlowEntry`]), so writing through it must be harmless to a stranger.
    type FlowRef: Copy;
    /// A NACL in place.
    type NaclRef: Copy;

    /// The configuration in force. Loaded once per packet.
    fn generation(&self) -> Generation;
    fn clock(&self) -> Clock;
    fn ticks_per_second(&self) -> u32 {
        self.clock().ticks_per_second
    }
    /// The generation at which a scope last changed.
    fn changed_at(&self, scope: ScopeId) -> Generation;

    fn eni(&self, key: &EniKey) -> Option<EniEntry>;
    fn subnet(&self, key: &SubnetKey) -> Option<SubnetEntry>;
    /// The ENI that has an address: its own, or one in a prefix delegated to it.
    fn owner(&self, key: &AddressKey) -> Option<Device>;
    fn mac_owner(&self, key: &MacKey) -> Option<Device>;
    /// The route with the longest prefix that covers the destination.
    fn route(&self, key: &RouteKey) -> Option<RouteEntry>;
    /// A NACL and how many rules it has.
    fn nacl(&self, key: &NaclKey) -> Option<(Self::NaclRef, u32)>;
    fn nacl_rule(&self, nacl: Self::NaclRef, index: u32) -> Option<NaclRule>;
    fn group_set(&self, key: &GroupSetKey) -> Option<GroupSetEntry>;

    /// The entry's place, unverified. Every read through it must go by [`Tables::read`] or the fast path's own
    /// comparison.
    fn find(&self, table: FlowTable, key: &FlowKey) -> Option<Self::FlowRef>;
    /// What `take` makes of a copy of the entry, if it was this key's for as long as copying took. No more is copied
    /// than is taken, and nothing else outlives the check.
    fn read<R>(&self, flow: Self::FlowRef, key: &FlowKey, take: impl FnOnce(&FlowEntry) -> R) -> Option<R>;
    /// The whole entry into a given place, for those who need all of it: it is too large for the kernel's stack. False leaves
    /// something there that must not be used.
    fn read_into(&self, flow: Self::FlowRef, key: &FlowKey, entry: &mut FlowEntry) -> bool;

    /// A number that differs from every other since boot.
    fn new_stamp(&self) -> u64;

    /// Counts a packet in its entry and notes the time.
    ///
    /// Two cores may do it at once: counters are added atomically, the time is whichever came last. An entry that has
    /// just become another one's counts one packet too many there and may live a moment longer; nothing more.
    fn touch(&self, flow: Self::FlowRef, now: u64, len: u32);
    /// Replaces the entry's validity if it still is `old`, by compare-and-swap, and says whether it was.
    fn restamp(&self, flow: Self::FlowRef, old: Validity, new: Validity) -> bool;
    /// Adds [`groundplane_abi::flow::tcp_seen`] bits. Two cores may lose one of two bits, which delays the expiry of
    /// a closing connection to its idle limit.
    fn add_tcp_bits(&self, flow: Self::FlowRef, bits: u32);
    /// Moves the entry's state from `from` to `to`, by compare-and-swap, and says whether this core did it.
    fn claim(&self, flow: Self::FlowRef, from: u32, to: u32) -> bool;

    /// Inserts an entry whose key isn't there. False if the key is there or the table is full.
    fn insert(&self, table: FlowTable, entry: &FlowEntry) -> bool;
    /// Deletes a key. From the main table only whoever has claimed the entry deletes it.
    fn remove(&self, table: FlowTable, key: &FlowKey);

    fn ring_slots(&self) -> u32;
    /// The position of a hand ([`groundplane_abi::control::ring_hand`]).
    fn ring_hand(&self, hand: u32) -> u64;
    /// Takes the next position to fill.
    fn ring_take_tail(&self) -> u64;
    /// Moves the head on by one if it is still at `from`, and says whether this core did it.
    fn ring_advance_head(&self, from: u64) -> bool;
    fn ring_slot(&self, index: u32) -> Option<RingSlot>;
    /// Fills a slot, its `turn` last.
    fn set_ring_slot(&self, index: u32, slot: &RingSlot);

    /// Counts a dropped packet at the ENI that sent it.
    fn count_drop(&self, device: Device, reason: DropReason, len: u32);
    /// Adds to what an ENI has sent outside the main table, or takes away by wrapping.
    fn count_sent(&self, device: Device, packets: u64, bytes: u64);
    fn count_opened(&self, device: Device);
    fn count_closed(&self, device: Device);
}
