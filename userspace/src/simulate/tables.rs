//! [`Tables`] over a plan.

use super::{Flows, Place, Simulation};
use groundplane_abi::control::{Generation, Validity};
use groundplane_abi::eni::{AddressKey, EniEntry, EniKey, EniTotals, MacKey, SubnetEntry, SubnetKey};
use groundplane_abi::flow::{FlowEntry, FlowKey, RingSlot};
use groundplane_abi::nacl::{NaclKey, NaclRule};
use groundplane_abi::route::{RouteEntry, RouteKey};
use groundplane_abi::security_group::{GroupSetEntry, GroupSetKey};
use groundplane_abi::{Bank, Device, DropReason, Ip4, ScopeId};
use groundplane_datapath::tables::Clock;
use groundplane_datapath::{FlowTable, Tables};
use std::cell::RefCell;

/// Looks a row up: in the bank the key names, where rows have bank 0.
macro_rules! row {
    ($self:ident, $map:ident, $key:expr) => {{
        let mut key = *$key;
        let bank = std::mem::take(&mut key.bank);
        $self.bank(bank).$map.get(&key).copied()
    }};
}

impl Simulation {
    fn bank(&self, bank: Bank) -> &crate::plan::Plan {
        &self.banks[(bank.0 & 1) as usize]
    }

    pub(super) fn flows(&self, table: FlowTable) -> &RefCell<Flows> {
        match table {
            FlowTable::Main => &self.main,
            FlowTable::Embryos => &self.embryos,
        }
    }

    fn with_flow<R>(&self, flow: Place, change: impl FnOnce(&mut FlowEntry) -> R) -> R {
        change(self.flows(flow.table).borrow_mut().at_mut(flow.element))
    }

    fn with_totals(&self, device: Device, add: impl FnOnce(&mut EniTotals)) {
        add(self.totals.borrow_mut().entry(device).or_default());
    }
}

/// The longest of the prefixes from 32 down that has a row.
fn longest<V>(address: Ip4, row: impl Fn(Ip4, u8) -> Option<V>) -> Option<V> {
    (0..=32_u8).rev().find_map(|prefix_len| {
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix_len)).unwrap_or(0);
        row(Ip4::from_bits(address.to_bits() & mask), prefix_len)
    })
}

impl Tables for Simulation {
    type FlowRef = Place;
    type NaclRef = NaclKey;

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
        row!(self, enis, key)
    }

    fn subnet(&self, key: &SubnetKey) -> Option<SubnetEntry> {
        row!(self, subnets, key)
    }

    fn owner(&self, key: &AddressKey) -> Option<Device> {
        longest(key.address, |address, prefix_len| {
            let row = AddressKey {
                bank: Bank(0),
                address,
                ..*key
            };
            self.bank(key.bank).addresses.get(&(row, prefix_len)).copied()
        })
    }

    fn mac_owner(&self, key: &MacKey) -> Option<Device> {
        row!(self, macs, key)
    }

    fn route(&self, key: &RouteKey) -> Option<RouteEntry> {
        longest(key.destination, |destination, prefix_len| {
            let row = RouteKey {
                bank: Bank(0),
                destination,
                ..*key
            };
            self.bank(key.bank).routes.get(&(row, prefix_len)).copied()
        })
    }

    fn nacl(&self, key: &NaclKey) -> Option<(NaclKey, u32)> {
        row!(self, nacls, key).map(|nacl| (*key, nacl.len))
    }

    fn nacl_rule(&self, nacl: NaclKey, index: u32) -> Option<NaclRule> {
        row!(self, nacls, &nacl).and_then(|nacl| nacl.rules.get(index as usize).copied())
    }

    fn group_set(&self, key: &GroupSetKey) -> Option<GroupSetEntry> {
        row!(self, group_sets, key)
    }

    fn find(&self, table: FlowTable, key: &FlowKey) -> Option<Place> {
        self.flows(table)
            .borrow_mut()
            .find(key)
            .map(|element| Place { table, element })
    }

    fn read<R>(&self, flow: Place, key: &FlowKey, take: impl FnOnce(&FlowEntry) -> R) -> Option<R> {
        let entry = *self.flows(flow.table).borrow().at(flow.element);
        (entry.key == *key && entry.stamp == entry.stamp_end).then(|| take(&entry))
    }

    fn read_into(&self, flow: Place, key: &FlowKey, entry: &mut FlowEntry) -> bool {
        self.read(flow, key, |found| *entry = *found).is_some()
    }

    fn new_stamp(&self) -> u64 {
        self.stamps.set(self.stamps.get() + 1);
        self.stamps.get()
    }

    fn touch(&self, flow: Place, now: u64, len: u32) {
        self.with_flow(flow, |entry| {
            entry.packets += 1;
            entry.bytes += u64::from(len);
            entry.last_seen = now;
        });
    }

    fn restamp(&self, flow: Place, old: Validity, new: Validity) -> bool {
        self.with_flow(flow, |entry| {
            let is_old = entry.validity == old;
            if is_old {
                entry.validity = new;
            }
            is_old
        })
    }

    fn add_tcp_bits(&self, flow: Place, bits: u32) {
        self.with_flow(flow, |entry| entry.tcp |= bits);
    }

    fn claim(&self, flow: Place, from: u32, to: u32) -> bool {
        self.with_flow(flow, |entry| {
            let is_from = entry.state == from;
            if is_from {
                entry.state = to;
            }
            is_from
        })
    }

    fn insert(&self, table: FlowTable, entry: &FlowEntry) -> bool {
        self.flows(table).borrow_mut().insert(entry)
    }

    fn remove(&self, table: FlowTable, key: &FlowKey) {
        self.flows(table).borrow_mut().remove(key);
    }

    fn ring_slots(&self) -> u32 {
        u32::try_from(self.ring.borrow().len()).unwrap_or(u32::MAX)
    }

    fn ring_hand(&self, hand: u32) -> u64 {
        self.hands[hand as usize].get()
    }

    fn ring_take_tail(&self) -> u64 {
        let tail = &self.hands[groundplane_abi::control::ring_hand::TAIL as usize];
        tail.replace(tail.get() + 1)
    }

    fn ring_advance_head(&self, from: u64) -> bool {
        let head = &self.hands[groundplane_abi::control::ring_hand::HEAD as usize];
        head.get() == from && head.replace(from + 1) == from
    }

    fn ring_slot(&self, index: u32) -> Option<RingSlot> {
        self.ring.borrow().get(index as usize).copied()
    }

    fn set_ring_slot(&self, index: u32, slot: &RingSlot) {
        if let Some(place) = self.ring.borrow_mut().get_mut(index as usize) {
            *place = *slot;
        }
    }

    fn count_drop(&self, device: Device, reason: DropReason, len: u32) {
        let mut drops = self.drops.borrow_mut();
        let counter = drops.entry((device, reason)).or_default();
        counter.packets += 1;
        counter.bytes += u64::from(len);
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
