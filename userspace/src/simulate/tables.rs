//! The tables over a plan.

use super::bank::{self, longest};
use super::flows::Flows;
use super::{FamilyTables, Place, SimulatedFamily, Simulation};
use groundplane_abi::balancer::{
    EndpointEntry, ListenerEntry, ListenerKey, Place as TargetPlace, PlacesKey, TargetKey,
};
use groundplane_abi::control::{Generation, Validity, ring_hand};
use groundplane_abi::eni::{
    AddressEntry, AddressKey, DropKey, EniEntry, EniKey, EniState, EniTotals, MacKey, SubnetEntry, SubnetKey,
};
use groundplane_abi::event::Event;
use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_abi::fragment::{FragmentKey, FragmentNote};
use groundplane_abi::internet::{PublicEntry, PublicKey};
use groundplane_abi::nacl::{NaclKey, NaclRule};
use groundplane_abi::nat::BindingEntry;
use groundplane_abi::ring::RingSlot;
use groundplane_abi::route::{RouteEntry, RouteKey};
use groundplane_abi::security_group::{
    GroupSetEntry, GroupSetKey, PeerKey, ReferenceKey, RuleBits, Selector, SelectorKey,
};
use groundplane_abi::service::AliasEntry;
use groundplane_abi::transit::{Attachment, AttachmentEntry, AttachmentKey, AttachmentSubnet};
use groundplane_abi::uplink::UplinkEntry;
use groundplane_abi::vpc::{VpcEntry, VpcKey};
use groundplane_abi::{Bank, Device, Ip, Ip4, ScopeId};
use groundplane_datapath::tables::{Account, Clock};
use groundplane_datapath::{FlowTable, Tables, TablesOf};
use std::cell::RefCell;

/// Looks a row up: in the bank the key names, where rows have bank 0.
macro_rules! row {
    ($plan:expr, $map:ident, $key:expr) => {{
        let mut key = *$key;
        key.bank = Bank(0);
        $plan.$map.get(&key).copied()
    }};
}

impl<I: Ip> FamilyTables<I> {
    pub(super) fn flows(&self, table: FlowTable) -> &RefCell<Flows<I>> {
        match table {
            FlowTable::Main => &self.main,
            FlowTable::Embryos => &self.embryos,
        }
    }

    fn with_flow<R>(&self, flow: Place, change: impl FnOnce(&mut FlowEntry<I>) -> R) -> R {
        change(self.flows(flow.table).borrow_mut().at_mut(flow.element))
    }
}

impl Simulation {
    pub(super) fn bank(&self, bank: Bank) -> &bank::Bank {
        &self.banks[(bank.0 & 1) as usize]
    }

    fn with_totals(&self, device: Device, add: impl FnOnce(&mut EniTotals)) {
        add(self.totals.borrow_mut().entry(device).or_default());
    }

    fn with_state<R>(&self, device: Device, change: impl FnOnce(&mut EniState) -> R) -> R {
        change(self.states.borrow_mut().entry(device).or_default())
    }
}

/// The count of an account.
fn count(state: &mut EniState, account: Account) -> &mut u64 {
    match account {
        Account::Tracked => &mut state.tracked,
        Account::Untracked => &mut state.untracked,
    }
}

/// The first bits of an address, the others zero.
pub(super) fn network<I: Ip>(address: I, prefix_len: u8) -> I {
    let mut masked = address;
    let bytes = bytemuck::bytes_of_mut(&mut masked);
    for (byte, index) in bytes.iter_mut().zip(0_u8..) {
        let kept = prefix_len.saturating_sub(index * 8).min(8);
        *byte &= u8::MAX.checked_shl(8 - u32::from(kept)).unwrap_or(0);
    }
    masked
}

impl Tables for Simulation {
    type RulesRef = RuleBits;
    type AttachmentRef = AttachmentEntry;

    fn generation(&self) -> Generation {
        self.generation
    }

    fn clock(&self) -> Clock {
        Clock {
            now: self.now.get(),
            ticks_per_second: self.ticks_per_second,
        }
    }

    fn changed_at(&self, scope: ScopeId) -> Generation {
        self.scopes
            .get(usize::from(scope.0))
            .copied()
            .unwrap_or(Generation(u64::MAX))
    }

    fn eni(&self, key: &EniKey) -> Option<EniEntry> {
        row!(self.bank(key.bank).plan, enis, key)
    }

    fn subnet(&self, key: &SubnetKey) -> Option<SubnetEntry> {
        row!(self.bank(key.bank).plan, subnets, key)
    }

    fn mac_owner(&self, key: &MacKey) -> Option<Device> {
        row!(self.bank(key.bank).plan, macs, key)
    }

    fn vpc(&self, key: &VpcKey) -> Option<VpcEntry> {
        row!(self.bank(key.bank).plan, vpcs, key)
    }

    fn endpoint(&self, key: &EniKey) -> Option<EndpointEntry> {
        row!(self.bank(key.bank).plan, endpoints, key)
    }

    fn attachment(&self, key: &AttachmentKey) -> Option<(AttachmentEntry, Attachment)> {
        let entry = row!(self.bank(key.bank).plan, attachments, key)?;
        Some((entry, entry.attachment))
    }

    fn attachment_subnet(&self, attachment: AttachmentEntry, index: u32) -> Option<AttachmentSubnet> {
        attachment.subnets.get(index as usize).copied()
    }

    fn uplink(&self, slot: u32) -> UplinkEntry {
        self.uplinks.entries.get(slot as usize).copied().unwrap_or_default()
    }

    fn secret(&self) -> u64 {
        self.secret
    }

    fn is_port_taken(&self, answer: &FlowKey<Ip4>) -> bool {
        TablesOf::<Ip4>::has_binding(self, answer)
    }

    fn mappings_in_ip4(&self, answer: &FlowKey<Ip4>) -> u64 {
        TablesOf::<Ip4>::mappings(self, answer)
    }

    fn appliance(&self, key: &PlacesKey, index: u32) -> Option<TargetPlace<Ip4>> {
        TablesOf::<Ip4>::place(self, key, index)
    }

    fn is_appliance(&self, key: &TargetKey<Ip4>) -> bool {
        TablesOf::<Ip4>::is_target(self, key)
    }

    fn node_address(&self, key: &EniKey) -> Option<Ip4> {
        TablesOf::<Ip4>::nat_address(self, key, 0)
    }

    fn group_set(&self, key: &GroupSetKey) -> Option<GroupSetEntry> {
        row!(self.bank(key.bank).plan, group_sets, key)
    }

    fn references(&self, key: &ReferenceKey) -> Option<RuleBits> {
        row!(self.bank(key.bank).plan, references, key)
    }

    fn selected(&self, key: &SelectorKey) -> Option<RuleBits> {
        let bank = self.bank(key.bank);
        longest(&bank.plan.selectors, &bank.selectors, |prefix_len| {
            let mask = u32::MAX
                .checked_shl(Selector::BITS - u32::from(prefix_len))
                .unwrap_or(0);
            SelectorKey {
                bank: Bank(0),
                selector: Selector((u32::from_be_bytes(key.selector.0) & mask).to_be_bytes()),
                ..*key
            }
        })
    }

    fn rules(&self, rules: RuleBits, word: u32) -> u64 {
        rules.0.get(word as usize).copied().unwrap_or(0)
    }

    fn new_stamp(&self) -> u64 {
        self.stamps.set(self.stamps.get() + 1);
        self.stamps.get()
    }

    fn charged(&self, device: Device, account: Account) -> u64 {
        self.with_state(device, |state| *count(state, account))
    }

    fn charge(&self, device: Device, account: Account, most: u32) -> bool {
        self.with_state(device, |state| {
            let count = count(state, account);
            let charged = *count < u64::from(most);
            *count += u64::from(charged);
            charged
        })
    }

    fn discharge(&self, device: Device, account: Account) {
        self.with_state(device, |state| {
            let count = count(state, account);
            *count = count.wrapping_sub(1);
        });
    }

    fn take_first_packet(&self, device: Device, low: u64, high: u64) -> bool {
        self.with_state(device, |state| {
            if state.first_packets < low || state.first_packets > high.saturating_add(4096) {
                state.first_packets = low;
            }
            let taken = state.first_packets < high;
            state.first_packets += u64::from(taken);
            taken
        })
    }

    fn report_drop(&self, event: &Event) {
        let key = DropKey {
            device: event.at,
            reason: event.reason,
            rule: event.rule,
        };
        let mut drops = self.drops.borrow_mut();
        let counter = drops.entry(key).or_default();
        counter.packets += 1;
        counter.bytes += u64::from(event.len);
        self.last_drop.set(Some(*event));
    }

    fn count_sent(&self, device: Device, packets: u64, bytes: u64) {
        self.with_totals(device, |totals| {
            totals.sent.packets = totals.sent.packets.wrapping_add(packets);
            totals.sent.bytes = totals.sent.bytes.wrapping_add(bytes);
        });
    }

    fn count_opened(&self, device: Device) {
        self.with_totals(device, |totals| totals.opened += 1);
    }

    fn count_closed(&self, device: Device) {
        self.with_totals(device, |totals| totals.closed += 1);
    }
}

impl<I: SimulatedFamily> TablesOf<I> for Simulation {
    type FlowRef = Place;
    type NaclRef = NaclKey;

    fn address(&self, key: &AddressKey<I>) -> Option<AddressEntry<I>> {
        let bank = self.bank(key.bank);
        longest(
            &I::rows(&bank.plan).addresses,
            &I::lengths(bank).addresses,
            |prefix_len| AddressKey {
                bank: Bank(0),
                address: network(key.address, prefix_len),
                ..*key
            },
        )
    }

    fn public(&self, key: &PublicKey<I>) -> Option<PublicEntry<I>> {
        let bank = self.bank(key.bank);
        longest(&I::rows(&bank.plan).publics, &I::lengths(bank).publics, |prefix_len| {
            PublicKey {
                bank: Bank(0),
                address: network(key.address, prefix_len),
                ..*key
            }
        })
    }

    fn nat_len(&self, key: &EniKey) -> Option<u32> {
        let nats = &I::rows(&self.bank(key.bank).plan).nats;
        nats.get(&EniKey { bank: Bank(0), ..*key }).map(|nat| nat.len)
    }

    fn nat_address(&self, key: &EniKey, index: u32) -> Option<I> {
        let nats = &I::rows(&self.bank(key.bank).plan).nats;
        let nat = nats.get(&EniKey { bank: Bank(0), ..*key })?;
        nat.addresses.get(index as usize).copied()
    }

    fn alias(&self, address: I) -> Option<AliasEntry<I>> {
        I::tables(self).aliases.get(&address).copied()
    }

    fn listener(&self, key: &ListenerKey) -> Option<ListenerEntry> {
        row!(I::rows(&self.bank(key.bank).plan), listeners, key)
    }

    fn place(&self, key: &PlacesKey, index: u32) -> Option<TargetPlace<I>> {
        let row = row!(I::rows(&self.bank(key.bank).plan), places, key)?;
        row.places.get(index as usize).copied()
    }

    fn is_target(&self, key: &TargetKey<I>) -> bool {
        let targets = &I::rows(&self.bank(key.bank).plan).targets;
        targets.contains_key(&TargetKey { bank: Bank(0), ..*key })
    }

    fn route(&self, key: &RouteKey<I>) -> Option<RouteEntry> {
        let bank = self.bank(key.bank);
        longest(&I::rows(&bank.plan).routes, &I::lengths(bank).routes, |prefix_len| {
            RouteKey {
                bank: Bank(0),
                destination: network(key.destination, prefix_len),
                ..*key
            }
        })
    }

    fn uplink_route(&self, destination: I) -> Option<u32> {
        let rows = I::uplink_routes(&self.uplinks);
        let mut lengths = (0..=u8::try_from(I::BITS).unwrap_or(u8::MAX)).rev();
        lengths.find_map(|prefix_len| rows.get(&(network(destination, prefix_len), prefix_len)).copied())
    }

    fn nacl(&self, key: &NaclKey) -> Option<(NaclKey, u32)> {
        let rows = I::rows(&self.bank(key.bank).plan);
        let nacl = rows.nacls.get(&NaclKey { bank: Bank(0), ..*key })?;
        Some((*key, nacl.len))
    }

    fn nacl_rule(&self, nacl: NaclKey, index: u32) -> Option<NaclRule<I>> {
        let rows = I::rows(&self.bank(nacl.bank).plan);
        let key = NaclKey { bank: Bank(0), ..nacl };
        rows.nacls.get(&key)?.rules.get(index as usize).copied()
    }

    fn peers(&self, key: &PeerKey<I>) -> Option<RuleBits> {
        let bank = self.bank(key.bank);
        longest(&I::rows(&bank.plan).peers, &I::lengths(bank).peers, |prefix_len| {
            PeerKey {
                bank: Bank(0),
                address: network(key.address, prefix_len),
                ..*key
            }
        })
    }

    fn find(&self, table: FlowTable, key: &FlowKey<I>) -> Option<Place> {
        let element = I::tables(self).flows(table).borrow_mut().find(key)?;
        Some(Place { table, element })
    }

    fn read<R>(&self, flow: Place, key: &FlowKey<I>, take: impl FnOnce(&FlowEntry<I>) -> R) -> Option<R> {
        let entry = *I::tables(self).flows(flow.table).borrow().at(flow.element);
        (entry.key == *key && entry.stamp == entry.stamp_end).then(|| take(&entry))
    }

    fn read_into(&self, flow: Place, key: &FlowKey<I>, entry: &mut FlowEntry<I>) -> bool {
        self.read(flow, key, |found| *entry = *found).is_some()
    }

    fn touch(&self, flow: Place, now: u64, len: u32) {
        I::tables(self).with_flow(flow, |entry| {
            entry.packets += 1;
            entry.bytes += u64::from(len);
            entry.last_seen = now;
        });
    }

    fn restamp(&self, flow: Place, old: Validity, new: Validity) -> bool {
        I::tables(self).with_flow(flow, |entry| {
            let is_old = entry.validity == old;
            if is_old {
                entry.validity = new;
            }
            is_old
        })
    }

    fn add_tcp_bits(&self, flow: Place, bits: u16) {
        I::tables(self).with_flow(flow, |entry| entry.tcp |= bits);
    }

    fn claim(&self, flow: Place, from: u32, to: u32) -> bool {
        I::tables(self).with_flow(flow, |entry| {
            let is_from = entry.state == from;
            if is_from {
                entry.state = to;
            }
            is_from
        })
    }

    fn insert(&self, table: FlowTable, entry: &FlowEntry<I>) -> bool {
        I::tables(self).flows(table).borrow_mut().insert(entry)
    }

    fn remove(&self, table: FlowTable, key: &FlowKey<I>) -> bool {
        I::tables(self).flows(table).borrow_mut().remove(key)
    }

    fn binding(&self, key: &FlowKey<I>, binding: &mut BindingEntry<I>) -> bool {
        let found = I::tables(self).bindings.borrow().get(key).copied();
        let is_made_up = self.assumes_mappings && found.is_none() && key.device().is_of_mapping();
        let found = if is_made_up { self.assume_mapping(key) } else { found };
        found.map(|found| *binding = found).is_some()
    }

    fn has_binding(&self, key: &FlowKey<I>) -> bool {
        I::tables(self).bindings.borrow().contains_key(key)
    }

    fn insert_binding(&self, binding: &BindingEntry<I>, replaces: bool) -> bool {
        let mut bindings = I::tables(self).bindings.borrow_mut();
        let is_free = replaces || !bindings.contains_key(&binding.key);
        if is_free {
            bindings.insert(binding.key, *binding);
        }
        is_free
    }

    fn remove_binding(&self, key: &FlowKey<I>, stamp: u64) -> bool {
        let mut bindings = I::tables(self).bindings.borrow_mut();
        let is_it = bindings.get(key).is_some_and(|binding| binding.stamp == stamp);
        if is_it {
            bindings.remove(key);
        }
        is_it
    }

    fn mappings(&self, key: &FlowKey<I>) -> u64 {
        I::tables(self).mappings.borrow().get(key).copied().unwrap_or(0)
    }

    fn charge_mapping(&self, key: &FlowKey<I>, most: u32) -> bool {
        let mut mappings = I::tables(self).mappings.borrow_mut();
        let count = mappings.entry(*key).or_default();
        let is_charged = *count < u64::from(most);
        *count += u64::from(is_charged);
        is_charged
    }

    fn discharge_mapping(&self, key: &FlowKey<I>) {
        let mut mappings = I::tables(self).mappings.borrow_mut();
        let Some(count) = mappings.get_mut(key) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            mappings.remove(key);
        }
    }

    fn ring_slots(&self) -> u32 {
        u32::try_from(I::tables(self).ring.borrow().len()).unwrap_or(u32::MAX)
    }

    fn ring_hand(&self, hand: u32) -> u64 {
        I::tables(self).hands[hand as usize].get()
    }

    fn ring_take_tail(&self) -> u64 {
        let tail = &I::tables(self).hands[ring_hand::TAIL as usize];
        tail.replace(tail.get() + 1)
    }

    fn ring_advance_head(&self, from: u64) -> bool {
        let head = &I::tables(self).hands[ring_hand::HEAD as usize];
        head.get() == from && head.replace(from + 1) == from
    }

    fn ring_slot(&self, index: u32) -> Option<RingSlot<I>> {
        I::tables(self).ring.borrow().get(index as usize).copied()
    }

    fn set_ring_slot(&self, index: u32, slot: &RingSlot<I>) {
        if let Some(place) = I::tables(self).ring.borrow_mut().get_mut(index as usize) {
            *place = *slot;
        }
    }

    fn fragment_note(&self, key: &FragmentKey<I>) -> Option<FragmentNote> {
        I::tables(self).fragments.borrow().get(key).copied()
    }

    fn note_fragment(&self, key: &FragmentKey<I>, note: &FragmentNote) {
        I::tables(self).fragments.borrow_mut().insert(*key, *note);
    }
}
