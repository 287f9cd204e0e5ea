//! Every map, and the one implementation of [`Tables`] over them.
//!
//! Capacities here are defaults; the agent sets others at load. Maps are pinned by the agent, which knows where.

use crate::atomic;
use aya_ebpf::bindings::{BPF_F_MMAPABLE, BPF_NOEXIST};
use aya_ebpf::helpers::{bpf_get_smp_processor_id, bpf_jiffies64, bpf_map_lookup_elem};
use aya_ebpf::macros::map;
use aya_ebpf::maps::lpm_trie::LpmTrie;
use aya_ebpf::maps::{Array, HashMap, LruHashMap, PerCpuArray, PerCpuHashMap};
use core::ptr::{self, NonNull};
use groundplane_abi::control::{Generation, SCOPE_SLOTS, Settings, Validity, ring_hand};
use groundplane_abi::eni::{AddressKey, Counter, DropKey, EniEntry, EniKey, EniTotals, MacKey, SubnetEntry, SubnetKey};
use groundplane_abi::flow::{FlowEntry, FlowKey, RingSlot};
use groundplane_abi::nacl::{NACL_RULES, NaclEntry, NaclKey, NaclRule};
use groundplane_abi::route::{RouteEntry, RouteKey};
use groundplane_abi::security_group::{GroupSetEntry, GroupSetKey};
use groundplane_abi::{Device, DropReason, ScopeId};
use groundplane_datapath::flow::Scratch;
use groundplane_datapath::tables::Clock;
use groundplane_datapath::{FlowTable, Tables};

/// Mapped into the agent's memory, so that applying a configuration is one aligned store and not a copy of bytes.
#[map]
static GENERATION: Array<Generation> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static SETTINGS: Array<Settings> = Array::with_max_entries(1, 0);
#[map]
static SCOPES: Array<Generation> = Array::with_max_entries(SCOPE_SLOTS, 0);
#[map]
static ENIS: HashMap<EniKey, EniEntry> = HashMap::with_max_entries(8_192, 0);
#[map]
static SUBNETS: HashMap<SubnetKey, SubnetEntry> = HashMap::with_max_entries(8_192, 0);
#[map]
static ADDRESSES: LpmTrie<AddressKey, Device> = LpmTrie::with_max_entries(65_536, 0);
#[map]
static MACS: HashMap<MacKey, Device> = HashMap::with_max_entries(8_192, 0);
#[map]
static ROUTES: LpmTrie<RouteKey, RouteEntry> = LpmTrie::with_max_entries(262_144, 0);
#[map]
static NACLS: HashMap<NaclKey, NaclEntry> = HashMap::with_max_entries(4_096, 0);
#[map]
static GROUP_SETS: HashMap<GroupSetKey, GroupSetEntry> = HashMap::with_max_entries(8_192, 0);
/// Two entries for each connection. Preallocated: what it holds it holds, and a full table refuses.
#[map]
static FLOWS: HashMap<FlowKey, FlowEntry> = HashMap::with_max_entries(131_072, 0);
#[map]
static EMBRYOS: LruHashMap<FlowKey, FlowEntry> = LruHashMap::with_max_entries(65_536, 0);
#[map]
static RING: Array<RingSlot> = Array::with_max_entries(81_920, 0);
#[map]
static RING_HANDS: Array<u64> = Array::with_max_entries(ring_hand::COUNT, 0);
#[map]
static DROPS: PerCpuHashMap<DropKey, Counter> = PerCpuHashMap::with_max_entries(16_384, 0);
#[map]
static ENI_TOTALS: PerCpuHashMap<Device, EniTotals> = PerCpuHashMap::with_max_entries(8_192, 0);
#[map]
static STAMPS: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);
/// Where an entry lies while it is inserted (see [`Kernel::insert`]).
#[map]
static OUTBOX: PerCpuArray<FlowEntry> = PerCpuArray::with_max_entries(1, 0);
#[map]
static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

/// The tables as they are in the kernel.
pub(crate) struct Kernel;

/// A key of a longest-prefix match.
#[repr(C, align(8))]
struct Prefix<K> {
    len: u32,
    key: K,
}

/// The row with the longest prefix that covers the key.
///
/// Not by aya's own lookup: its keys are packed, so that the compiler may put one at an odd place on the stack, where the
/// verifier refuses to have it written.
#[inline(always)]
fn longest_prefix<K: Copy, V: Copy>(map: &LpmTrie<K, V>, len: u32, key: &K) -> Option<V> {
    let prefix = Prefix { len, key: *key };
    // SAFETY: a map static is the kernel's handle of the map, and the key lives until the call returns. A row doesn't
    // change in place while packets can see it (see `row`).
    unsafe {
        let row = bpf_map_lookup_elem(ptr::from_ref(map).cast_mut().cast(), (&raw const prefix).cast());
        row.cast::<V>().as_ref().copied()
    }
}

/// The mark of this boot that lets a packet pass to a tap; 0 if there is none.
pub(crate) fn mark() -> u32 {
    SETTINGS.get(0).map_or(0, |settings| settings.mark)
}

/// This CPU's scratch.
pub(crate) fn scratch() -> Option<*mut Scratch> {
    SCRATCH.get_ptr_mut(0)
}

/// Reads a row that is never changed in place while packets can see it: the idle bank is written, then it is switched
/// to. So a copy can't be torn.
macro_rules! row {
    ($map:ident, $key:expr) => {
        // SAFETY: see above; the value outlives the program's run.
        unsafe { $map.get($key) }.copied()
    };
}

impl Tables for Kernel {
    /// Never null, so that no entry is a null pointer and not a register without a value.
    type FlowRef = NonNull<FlowEntry>;
    type NaclRef = *const NaclEntry;

    #[inline(always)]
    fn generation(&self) -> Generation {
        // SAFETY: a pointer from the map is valid; volatile, because the agent stores it meanwhile.
        GENERATION
            .get_ptr(0)
            .map_or(Generation(0), |word| unsafe { ptr::read_volatile(word) })
    }

    #[inline(always)]
    fn clock(&self) -> Clock {
        let (mask, offset, ticks_per_second) = SETTINGS.get(0).map_or((0, 0, 0), |settings| {
            (settings.clock_mask, settings.clock_offset, settings.ticks_per_second)
        });
        Clock {
            // SAFETY: the helper has no preconditions.
            now: (unsafe { bpf_jiffies64() } & mask).wrapping_add(offset),
            ticks_per_second,
        }
    }

    fn changed_at(&self, scope: ScopeId) -> Generation {
        // A scope that can't be looked up has just changed: better judged anew than believed.
        SCOPES.get(u32::from(scope.0)).copied().unwrap_or(Generation(u64::MAX))
    }

    fn eni(&self, key: &EniKey) -> Option<EniEntry> {
        row!(ENIS, key)
    }

    fn subnet(&self, key: &SubnetKey) -> Option<SubnetEntry> {
        row!(SUBNETS, key)
    }

    fn owner(&self, key: &AddressKey) -> Option<Device> {
        longest_prefix(&ADDRESSES, AddressKey::FIXED_BITS + 32, key)
    }

    fn mac_owner(&self, key: &MacKey) -> Option<Device> {
        row!(MACS, key)
    }

    fn route(&self, key: &RouteKey) -> Option<RouteEntry> {
        longest_prefix(&ROUTES, RouteKey::FIXED_BITS + 32, key)
    }

    fn nacl(&self, key: &NaclKey) -> Option<(Self::NaclRef, u32)> {
        let nacl = NACLS.get_ptr(key)?;
        // SAFETY: a pointer from the map is valid, and rows don't change in place (see `row`).
        Some((nacl, unsafe { (*nacl).len }))
    }

    #[inline(always)]
    fn nacl_rule(&self, nacl: Self::NaclRef, index: u32) -> Option<NaclRule> {
        if index >= NACL_RULES {
            return None;
        }
        // SAFETY: the index was compared with the length of the array; otherwise as in `nacl`.
        Some(unsafe { (&raw const (*nacl).rules).cast::<NaclRule>().add(index as usize).read() })
    }

    fn group_set(&self, key: &GroupSetKey) -> Option<GroupSetEntry> {
        row!(GROUP_SETS, key)
    }

    #[inline(always)]
    fn find(&self, table: FlowTable, key: &FlowKey) -> Option<Self::FlowRef> {
        // By value: up to Linux 6.2 a map's key may lie on the stack or in a map, but not in a global function's
        // argument, where the scratch is.
        let flow = match table {
            FlowTable::Main => FLOWS.get_ptr_mut(*key),
            FlowTable::Embryos => EMBRYOS.get_ptr_mut(*key),
        };
        flow.and_then(NonNull::new)
    }

    #[inline(always)]
    fn read<R>(&self, flow: Self::FlowRef, key: &FlowKey, take: impl FnOnce(&FlowEntry) -> R) -> Option<R> {
        let flow = flow.as_ptr();
        // SAFETY: a pointer from the map stays a pointer to an element of it, whatever becomes of the element. What is
        // copied may be torn; it is used only if key and stamps say that it was this entry before and after.
        unsafe {
            let stamp = ptr::read_volatile(&raw const (*flow).stamp);
            atomic::compiler_barrier();
            let taken = take(&flow.read());
            atomic::compiler_barrier();
            if is_still(flow, key, stamp) { Some(taken) } else { None }
        }
    }

    #[inline(always)]
    fn read_into(&self, flow: Self::FlowRef, key: &FlowKey, entry: &mut FlowEntry) -> bool {
        let flow = flow.as_ptr();
        // SAFETY: as in `read`.
        unsafe {
            let stamp = ptr::read_volatile(&raw const (*flow).stamp);
            atomic::compiler_barrier();
            ptr::copy_nonoverlapping(flow.cast_const(), entry, 1);
            atomic::compiler_barrier();
            is_still(flow, key, stamp)
        }
    }

    fn new_stamp(&self) -> u64 {
        // SAFETY: the helper has no preconditions; the slot is this CPU's own.
        unsafe {
            let cpu = u64::from(bpf_get_smp_processor_id());
            STAMPS.get_ptr_mut(0).map_or(cpu, |count| {
                *count += 1;
                // The CPU in the middle keeps the low halves apart as well, which is what the ring compares.
                *count << 12 | cpu & 0xfff
            })
        }
    }

    #[inline(always)]
    fn touch(&self, flow: Self::FlowRef, now: u64, len: u32) {
        let flow = flow.as_ptr();
        // SAFETY: as in `read`; whoever the element belongs to by now, these are counters and a time.
        unsafe {
            atomic::add(&raw mut (*flow).packets, 1);
            atomic::add(&raw mut (*flow).bytes, u64::from(len));
            // Unwritten while it is the same tick, so that the line isn't dirtied twice.
            if (*flow).last_seen != now {
                ptr::write_volatile(&raw mut (*flow).last_seen, now);
            }
        }
    }

    fn restamp(&self, flow: Self::FlowRef, old: Validity, new: Validity) -> bool {
        let flow = flow.as_ptr();
        // SAFETY: as in `read`; the caller looks whose element it was.
        unsafe { atomic::swap_u64((&raw mut (*flow).validity).cast(), old.0, new.0) }
    }

    fn add_tcp_bits(&self, flow: Self::FlowRef, bits: u32) {
        let flow = flow.as_ptr();
        // SAFETY: as in `read`; a stranger leaves the fast path, nothing more.
        unsafe { ptr::write_volatile(&raw mut (*flow).tcp, (*flow).tcp | bits) };
    }

    fn claim(&self, flow: Self::FlowRef, from: u32, to: u32) -> bool {
        let flow = flow.as_ptr();
        // SAFETY: as in `restamp`.
        unsafe { atomic::swap_u32(&raw mut (*flow).state, from, to) }
    }

    fn insert(&self, table: FlowTable, entry: &FlowEntry) -> bool {
        let flags = u64::from(BPF_NOEXIST);
        let Some(outbox) = OUTBOX.get_ptr_mut(0) else {
            return false;
        };
        // SAFETY: this CPU's own slot. From there because, as in `find`, the entry must not lie in an argument either,
        // and the stack has no room for it.
        let entry = unsafe {
            ptr::copy_nonoverlapping(entry, outbox, 1);
            &*outbox
        };
        match table {
            FlowTable::Main => FLOWS.insert(entry.key, entry, flags),
            FlowTable::Embryos => EMBRYOS.insert(entry.key, entry, flags),
        }
        .is_ok()
    }

    fn remove(&self, table: FlowTable, key: &FlowKey) {
        // Gone already is as good as removed.
        let _ = match table {
            FlowTable::Main => FLOWS.remove(*key),
            FlowTable::Embryos => EMBRYOS.remove(*key),
        };
    }

    fn ring_slots(&self) -> u32 {
        SETTINGS.get(0).map_or(0, |settings| settings.ring_slots)
    }

    fn ring_hand(&self, hand: u32) -> u64 {
        // SAFETY: a pointer from the map is valid; other cores move the hand meanwhile.
        RING_HANDS
            .get_ptr(hand)
            .map_or(0, |position| unsafe { ptr::read_volatile(position) })
    }

    fn ring_take_tail(&self) -> u64 {
        // SAFETY: a pointer from the map is valid, and hands are moved only by atomics.
        RING_HANDS
            .get_ptr_mut(ring_hand::TAIL)
            .map_or(0, |tail| unsafe { atomic::take(tail, 1) })
    }

    fn ring_advance_head(&self, from: u64) -> bool {
        // SAFETY: as in `ring_take_tail`.
        RING_HANDS
            .get_ptr_mut(ring_hand::HEAD)
            .is_some_and(|head| unsafe { atomic::swap_u64(head, from, from.wrapping_add(1)) })
    }

    fn ring_slot(&self, index: u32) -> Option<RingSlot> {
        // SAFETY: a pointer from the map is valid. The turn is read first: if it is there, so is the rest.
        RING.get_ptr(index).map(|slot| unsafe {
            let turn = ptr::read_volatile(&raw const (*slot).turn);
            atomic::compiler_barrier();
            RingSlot { turn, ..*slot }
        })
    }

    fn set_ring_slot(&self, index: u32, slot: &RingSlot) {
        if let Some(place) = RING.get_ptr_mut(index) {
            // SAFETY: a pointer from the map is valid, and the position was taken by this core alone.
            unsafe {
                (*place).key = slot.key;
                (*place).stamp = slot.stamp;
                atomic::compiler_barrier();
                ptr::write_volatile(&raw mut (*place).turn, slot.turn);
            }
        }
    }

    #[inline(always)]
    fn count_drop(&self, device: Device, reason: DropReason, len: u32) {
        count_drop(device.0, u32::from(reason.0), len);
    }

    #[inline(always)]
    fn count_sent(&self, device: Device, packets: u64, bytes: u64) {
        add_to_totals(device.0, packets, bytes, 0, 0);
    }

    #[inline(always)]
    fn count_opened(&self, device: Device) {
        add_to_totals(device.0, 0, 0, 1, 0);
    }

    #[inline(always)]
    fn count_closed(&self, device: Device) {
        add_to_totals(device.0, 0, 0, 0, 1);
    }
}

/// A global function for the same reason as [`count_drop`]. Install makes the row of every ENI; a packet of a device
/// without one has no ENI and nothing to count.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn add_to_totals(device: u32, packets: u64, bytes: u64, opened: u32, closed: u32) -> u32 {
    if let Some(totals) = ENI_TOTALS.get_ptr_mut(Device(device)) {
        // SAFETY: this CPU's own slot, and nothing else on this CPU runs meanwhile.
        unsafe {
            (*totals).sent.packets = (*totals).sent.packets.wrapping_add(packets);
            (*totals).sent.bytes = (*totals).sent.bytes.wrapping_add(bytes);
            (*totals).opened = (*totals).opened.wrapping_add(u64::from(opened));
            (*totals).closed = (*totals).closed.wrapping_add(u64::from(closed));
        }
    }
    0
}

/// A global function like the stages, to keep what only a dropped packet needs off the fast path's stack.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn count_drop(device: u32, reason: u32, len: u32) -> u32 {
    let key = DropKey {
        device: Device(device),
        reason: DropReason(reason as u16),
        reserved: 0,
    };
    if DROPS.get_ptr(key).is_none() {
        // Another CPU may have been faster; then the row is there all the same.
        let _ = DROPS.insert(key, Counter::default(), u64::from(BPF_NOEXIST));
    }
    if let Some(counter) = DROPS.get_ptr_mut(key) {
        // SAFETY: this CPU's own slot.
        unsafe {
            (*counter).packets += 1;
            (*counter).bytes += u64::from(len);
        }
    }
    0
}

/// Whether an element has been the entry of this key since its stamp was read.
///
/// # Safety
/// The pointer is one into a flow table.
#[inline(always)]
unsafe fn is_still(flow: *mut FlowEntry, key: &FlowKey, stamp: u64) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        (*flow).key == *key
            && ptr::read_volatile(&raw const (*flow).stamp) == stamp
            && ptr::read_volatile(&raw const (*flow).stamp_end) == stamp
    }
}
