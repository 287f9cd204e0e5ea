//! The questions the datapath asks, each of which some table answers.

use groundplane_abi::balancer::{EndpointEntry, ListenerEntry, ListenerKey, Place, PlacesKey, TargetKey};
use groundplane_abi::control::{Generation, Validity};
use groundplane_abi::eni::{AddressEntry, AddressKey, EniEntry, EniKey, MacKey, SubnetEntry, SubnetKey};
use groundplane_abi::event::Event;
use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_abi::fragment::{FragmentKey, FragmentNote};
use groundplane_abi::internet::{PublicEntry, PublicKey};
use groundplane_abi::nacl::{NaclKey, NaclRule};
use groundplane_abi::nat::BindingEntry;
use groundplane_abi::ring::RingSlot;
use groundplane_abi::route::{RouteEntry, RouteKey};
use groundplane_abi::security_group::{GroupSetEntry, GroupSetKey, PeerKey, ReferenceKey, SelectorKey};
use groundplane_abi::service::AliasEntry;
use groundplane_abi::transit::{Attachment, AttachmentKey, AttachmentSubnet};
use groundplane_abi::uplink::UplinkEntry;
use groundplane_abi::vpc::{VpcEntry, VpcKey};
use groundplane_abi::{Device, Ip, Ip4, ScopeId};

/// What time it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clock {
    /// In ticks.
    pub now: u64,
    pub ticks_per_second: u32,
}

/// What an ENI's connections in the main table are counted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Account {
    Tracked,
    /// Opened by the ENI, which doesn't track it.
    Untracked,
}

/// Which of a family's two flow tables is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlowTable {
    /// Connections both of whose sides have spoken. Never evicts.
    Main,
    /// Half-open flows. Evicts the one that was used longest ago.
    Embryos,
}

/// The tables that know no addresses, as maps in the kernel and as plain collections on the host.
///
/// Rows come as copies; the datapath never holds a reference into a map. What several cores write is reached only
/// through methods that say what happens in a race.
pub trait Tables {
    /// A set of rules in place.
    type RulesRef: Copy;
    /// An attachment in place.
    type AttachmentRef: Copy;

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
    fn mac_owner(&self, key: &MacKey) -> Option<Device>;
    fn vpc(&self, key: &VpcKey) -> Option<VpcEntry>;
    fn attachment(&self, key: &AttachmentKey) -> Option<(Self::AttachmentRef, Attachment)>;
    fn attachment_subnet(&self, attachment: Self::AttachmentRef, index: u32) -> Option<AttachmentSubnet>;
    fn endpoint(&self, key: &EniKey) -> Option<EndpointEntry>;
    /// The uplink in a slot; of none the device is none.
    fn uplink(&self, slot: u32) -> UplinkEntry;
    /// What nobody outside of the host knows.
    fn secret(&self) -> u64;
    /// Whether a NAT gateway has a mapping whose answers have this key.
    fn is_port_taken(&self, answer: &FlowKey<Ip4>) -> bool;
    /// [`TablesOf::mappings`] of IPv4, which counts those of both families.
    fn mappings_in_ip4(&self, answer: &FlowKey<Ip4>) -> u64;
    /// The appliance in one of a row's places, whatever family's packets it gets.
    fn appliance(&self, key: &PlacesKey, index: u32) -> Option<Place<Ip4>>;
    /// Whether an appliance takes flows.
    fn is_appliance(&self, key: &TargetKey<Ip4>) -> bool;
    /// The address that a Gateway Load Balancer's node sends from.
    fn node_address(&self, key: &EniKey) -> Option<Ip4>;
    fn group_set(&self, key: &GroupSetKey) -> Option<GroupSetEntry>;
    fn references(&self, key: &ReferenceKey) -> Option<Self::RulesRef>;
    /// The rules of the longest selector that covers the key's.
    fn selected(&self, key: &SelectorKey) -> Option<Self::RulesRef>;
    /// The 64 rules of a word.
    fn rules(&self, rules: Self::RulesRef, word: u32) -> u64;

    /// A number that differs from every other since boot.
    fn new_stamp(&self) -> u64;

    /// How many connections an ENI has on an account.
    fn charged(&self, device: Device, account: Account) -> u64;
    /// Adds a connection to an ENI's account, unless that makes more than `most`, and says whether it did. Two cores
    /// that take the last place at once may both be refused.
    fn charge(&self, device: Device, account: Account, most: u32) -> bool;
    fn discharge(&self, device: Device, account: Account);
    /// Takes one out of the bucket of first packets: moves its count up to `low` if it is below, and on by one if it is
    /// below `high`. Says whether it was. A count beyond `high` and what two cores may add is of another rate, and is
    /// set to `low` as well.
    fn take_first_packet(&self, device: Device, low: u64, high: u64) -> bool;

    /// Counts a dropped packet at the ENI where it happened, and tells whoever listens.
    fn report_drop(&self, event: &Event);
    /// Adds to what an ENI has sent outside the main table, or takes away by wrapping.
    fn count_sent(&self, device: Device, packets: u64, bytes: u64);
    fn count_opened(&self, device: Device);
    fn count_closed(&self, device: Device);
}

/// The tables of one family.
pub trait TablesOf<I: Ip>: Tables {
    /// A flow entry in place: a pointer in the kernel. It may turn into another entry at any time (see
    /// [`FlowEntry`]), so writing through it must be harmless to a stranger.
    type FlowRef: Copy;
    /// A NACL in place.
    type NaclRef: Copy;

    /// Who has an address: its own, or one in a prefix delegated to it. Of one in the VPC's blocks that nobody has, a
    /// row without a device.
    fn address(&self, key: &AddressKey<I>) -> Option<AddressEntry<I>>;
    /// Whom a public address leads to.
    fn public(&self, key: &PublicKey<I>) -> Option<PublicEntry<I>>;
    /// How many addresses a NAT gateway has.
    fn nat_len(&self, key: &EniKey) -> Option<u32>;
    fn nat_address(&self, key: &EniKey, index: u32) -> Option<I>;
    /// Whom an alias of the service port stands for.
    fn alias(&self, address: I) -> Option<AliasEntry<I>>;
    fn listener(&self, key: &ListenerKey) -> Option<ListenerEntry>;
    /// The target in one of a row's places.
    fn place(&self, key: &PlacesKey, index: u32) -> Option<Place<I>>;
    /// Whether the connections of a target go on.
    fn is_target(&self, key: &TargetKey<I>) -> bool;
    /// The route with the longest prefix that covers the destination.
    fn route(&self, key: &RouteKey<I>) -> Option<RouteEntry>;
    /// The slot of the uplink with the longest prefix that covers a destination outside.
    fn uplink_route(&self, destination: I) -> Option<u32>;
    /// A NACL and how many rules it has.
    fn nacl(&self, key: &NaclKey) -> Option<(Self::NaclRef, u32)>;
    fn nacl_rule(&self, nacl: Self::NaclRef, index: u32) -> Option<NaclRule<I>>;
    /// The rules of the longest prefix that covers the key's address.
    fn peers(&self, key: &PeerKey<I>) -> Option<Self::RulesRef>;

    /// The entry's place, unverified. Every read through it must go by [`TablesOf::read`] or the fast path's own
    /// comparison.
    fn find(&self, table: FlowTable, key: &FlowKey<I>) -> Option<Self::FlowRef>;
    /// What `take` makes of a copy of the entry, if it was this key's for as long as copying took. No more is copied
    /// than is taken, and nothing else outlives the check.
    fn read<R>(&self, flow: Self::FlowRef, key: &FlowKey<I>, take: impl FnOnce(&FlowEntry<I>) -> R) -> Option<R>;
    /// [`TablesOf::find`] and [`TablesOf::read`] in one, with one copy of the key on the kernel's stack instead of two.
    fn look_up<R>(&self, table: FlowTable, key: FlowKey<I>, take: impl FnOnce(&FlowEntry<I>) -> R) -> Option<R> {
        self.read(self.find(table, &key)?, &key, take)
    }
    /// The whole entry into a given place, for those who need all of it: it is too large for the kernel's stack. False
    /// leaves something there that must not be used.
    fn read_into(&self, flow: Self::FlowRef, key: &FlowKey<I>, entry: &mut FlowEntry<I>) -> bool;

    /// Counts a packet in its entry and notes the time.
    ///
    /// Two cores may do it at once: counters are added atomically, the time is whichever came last. An entry that has
    /// just become another one's counts one packet too many there and may live a moment longer; nothing more.
    fn touch(&self, flow: Self::FlowRef, now: u64, len: u32);
    /// Replaces the entry's validity if it still is `old`, by compare-and-swap, and says whether it was.
    fn restamp(&self, flow: Self::FlowRef, old: Validity, new: Validity) -> bool;
    /// Adds [`groundplane_abi::flow::tcp_seen`] bits. Two cores may lose one of two bits, which delays the expiry of
    /// a closing connection to its idle limit.
    fn add_tcp_bits(&self, flow: Self::FlowRef, bits: u16);
    /// Moves the entry's state from `from` to `to`, by compare-and-swap, and says whether this core did it.
    fn claim(&self, flow: Self::FlowRef, from: u32, to: u32) -> bool;

    /// Inserts an entry whose key isn't there. False if the key is there or the table is full.
    fn insert(&self, table: FlowTable, entry: &FlowEntry<I>) -> bool;
    /// Deletes a key, and says whether it was there. From the main table only whoever has claimed the entry deletes it.
    fn remove(&self, table: FlowTable, key: &FlowKey<I>) -> bool;

    /// The row of a mapping into a given place, if it was this key's for as long as copying took.
    fn binding(&self, key: &FlowKey<I>, binding: &mut BindingEntry<I>) -> bool;
    fn has_binding(&self, key: &FlowKey<I>) -> bool;
    /// Inserts a row. False if the table is full, or the key is there and isn't to be replaced.
    fn insert_binding(&self, binding: &BindingEntry<I>, replaces: bool) -> bool;
    /// Deletes the row with this stamp, and says whether this core did it.
    fn remove_binding(&self, key: &FlowKey<I>, stamp: u64) -> bool;
    /// How many mappings an address of a NAT gateway has to one destination. The key is that of their answers, without
    /// the port.
    fn mappings(&self, key: &FlowKey<I>) -> u64;
    /// Adds a mapping, unless that makes more than `most`, and says whether it did.
    fn charge_mapping(&self, key: &FlowKey<I>, most: u32) -> bool;
    fn discharge_mapping(&self, key: &FlowKey<I>);

    fn ring_slots(&self) -> u32;
    /// The position of a hand ([`groundplane_abi::control::ring_hand`]).
    fn ring_hand(&self, hand: u32) -> u64;
    /// Takes the next position to fill.
    fn ring_take_tail(&self) -> u64;
    /// Moves the head on by one if it is still at `from`, and says whether this core did it.
    fn ring_advance_head(&self, from: u64) -> bool;
    fn ring_slot(&self, index: u32) -> Option<RingSlot<I>>;
    /// Fills a slot, its `turn` last.
    fn set_ring_slot(&self, index: u32, slot: &RingSlot<I>);

    fn fragment_note(&self, key: &FragmentKey<I>) -> Option<FragmentNote>;
    /// Notes the ports of a fragmented packet in place of what was noted. The oldest note makes room.
    fn note_fragment(&self, key: &FragmentKey<I>, note: &FragmentNote);
}
