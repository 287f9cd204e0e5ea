//! Every map, and the one implementation of [`Tables`] over them.
//!
//! Capacities here are defaults; the agent sets others at load. Maps are pinned by the agent, which knows where.

mod door;
mod family;

use crate::atomic;
use aya_ebpf::bindings::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, BPF_NOEXIST};
use aya_ebpf::helpers::{bpf_get_smp_processor_id, bpf_jiffies64, bpf_ktime_get_ns, bpf_map_lookup_elem};
use aya_ebpf::macros::map;
use aya_ebpf::maps::lpm_trie::LpmTrie;
use aya_ebpf::maps::{Array, HashMap, PerCpuArray, PerCpuHashMap, ProgramArray, RingBuf};
use core::ptr::{self, NonNull};
use groundplane_abi::balancer::{EndpointEntry, Place, PlacesKey, TargetKey};
use groundplane_abi::control::{Generation, SCOPE_SLOTS, Settings, ring_hand};
use groundplane_abi::eni::{Counter, DropKey, EniEntry, EniKey, EniState, EniTotals, MacKey, SubnetEntry, SubnetKey};
use groundplane_abi::event::{Event, EventLimit};
use groundplane_abi::flow::FlowKey;
use groundplane_abi::program::slot;
use groundplane_abi::security_group::{
    GroupSetEntry, GroupSetKey, RULE_WORDS, ReferenceKey, RuleBits, Selector, SelectorKey,
};
use groundplane_abi::transit::{Attachment, AttachmentEntry, AttachmentKey, AttachmentSubnet, ZONES};
use groundplane_abi::uplink::{UPLINK_SLOTS, UplinkEntry};
use groundplane_abi::vpc::{VpcEntry, VpcKey};
use groundplane_abi::{Device, Ip4, ScopeId};
use groundplane_datapath::tables::{Account, Clock};
use groundplane_datapath::{Tables, TablesOf};

pub(crate) use door::count_filtered;
pub(crate) use family::Maps;

/// Mapped into the agent's memory, so that applying a configuration is one aligned store and not a copy of bytes.
#[map]
static GENERATION: Array<Generation> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static SETTINGS: Array<Settings> = Array::with_max_entries(1, 0);
#[map]
static SCOPES: Array<Generation> = Array::with_max_entries(SCOPE_SLOTS, 0);
#[map]
static ENIS: HashMap<EniKey, EniEntry> = HashMap::with_max_entries(16_384, 0);
#[map]
static SUBNETS: HashMap<SubnetKey, SubnetEntry> = HashMap::with_max_entries(16_384, 0);
#[map]
static VPCS: HashMap<VpcKey, VpcEntry> = HashMap::with_max_entries(8_192, 0);
#[map]
static ATTACHMENTS: HashMap<AttachmentKey, AttachmentEntry> = HashMap::with_max_entries(8_192, 0);
#[map]
static ENDPOINTS: HashMap<EniKey, EndpointEntry> = HashMap::with_max_entries(16_384, BPF_F_NO_PREALLOC);
#[map]
static UPLINKS: Array<UplinkEntry> = Array::with_max_entries(UPLINK_SLOTS, 0);
#[map]
static MACS: HashMap<MacKey, Device> = HashMap::with_max_entries(16_384, 0);
#[map]
static GROUP_SETS: HashMap<GroupSetKey, GroupSetEntry> = HashMap::with_max_entries(65_536, 0);
#[map]
static REFERENCES: HashMap<ReferenceKey, RuleBits> = HashMap::with_max_entries(65_536, BPF_F_NO_PREALLOC);
#[map]
static SELECTORS: LpmTrie<SelectorKey, RuleBits> = LpmTrie::with_max_entries(262_144, 0);
#[map]
static RING_HANDS: Array<u64> = Array::with_max_entries(ring_hand::COUNT, 0);
#[map]
static DROPS: PerCpuHashMap<DropKey, Counter> = PerCpuHashMap::with_max_entries(32_768, 0);
#[map]
static ENI_TOTALS: PerCpuHashMap<Device, EniTotals> = PerCpuHashMap::with_max_entries(8_192, 0);
#[map]
static ENI_STATES: HashMap<Device, EniState> = HashMap::with_max_entries(8_192, 0);
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);
#[map]
static EVENT_LIMITS: PerCpuArray<EventLimit> = PerCpuArray::with_max_entries(1, 0);
#[map]
static STAMPS: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);
#[map]
pub(crate) static PROGRAMS: ProgramArray = ProgramArray::with_max_entries(slot::COUNT, 0);

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
/// Not by aya's own lookup: its keys are packed, so that the compiler may put one at an odd place on the stack, where
/// the verifier refuses to have it written.
#[inline(always)]
fn longest_prefix<K: Copy, V>(map: &LpmTrie<K, V>, len: u32, key: &K) -> Option<NonNull<V>> {
    let prefix = Prefix { len, key: *key };
    // SAFETY: a map static is the kernel's handle of the map, and the key lives until the call returns.
    unsafe {
        let row = bpf_map_lookup_elem(ptr::from_ref(map).cast_mut().cast(), (&raw const prefix).cast());
        NonNull::new(row.cast::<V>())
    }
}

/// The mark of this boot that lets a packet pass to a tap; 0 if there is none.
pub(crate) fn mark() -> u32 {
    SETTINGS.get(0).map_or(0, |settings| settings.mark)
}

/// The host side of the service port; none if there is none.
pub(crate) fn service() -> Device {
    SETTINGS.get(0).map_or(Device::NONE, |settings| settings.service)
}

/// The host side of the finisher; none if there is none.
pub(crate) fn finisher() -> Device {
    SETTINGS.get(0).map_or(Device::NONE, |settings| settings.finisher)
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
    type RulesRef = NonNull<RuleBits>;
    type AttachmentRef = NonNull<AttachmentEntry>;

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

    fn mac_owner(&self, key: &MacKey) -> Option<Device> {
        row!(MACS, key)
    }

    fn vpc(&self, key: &VpcKey) -> Option<VpcEntry> {
        row!(VPCS, key)
    }

    fn endpoint(&self, key: &EniKey) -> Option<EndpointEntry> {
        row!(ENDPOINTS, key)
    }

    fn attachment(&self, key: &AttachmentKey) -> Option<(Self::AttachmentRef, Attachment)> {
        let entry = ATTACHMENTS.get_ptr_mut(*key).and_then(NonNull::new)?;
        // SAFETY: a pointer from the map is valid; rows don't change in place (see `row`).
        Some((entry, unsafe { (*entry.as_ptr()).attachment }))
    }

    #[inline(always)]
    fn attachment_subnet(&self, attachment: Self::AttachmentRef, index: u32) -> Option<AttachmentSubnet> {
        if index >= ZONES {
            return None;
        }
        // SAFETY: the index was compared with the length of the array; otherwise as in `attachment`.
        Some(unsafe {
            (&raw const (*attachment.as_ptr()).subnets)
                .cast::<AttachmentSubnet>()
                .add(index as usize)
                .read()
        })
    }

    #[inline(always)]
    fn uplink(&self, slot: u32) -> UplinkEntry {
        UPLINKS.get(slot).copied().unwrap_or_default()
    }

    fn secret(&self) -> u64 {
        SETTINGS.get(0).map_or(0, |settings| settings.secret)
    }

    fn is_port_taken(&self, answer: &FlowKey<Ip4>) -> bool {
        TablesOf::<Ip4>::has_binding(self, answer)
    }

    fn mappings_in_ip4(&self, answer: &FlowKey<Ip4>) -> u64 {
        TablesOf::<Ip4>::mappings(self, answer)
    }

    fn appliance(&self, key: &PlacesKey, index: u32) -> Option<Place<Ip4>> {
        TablesOf::<Ip4>::place(self, key, index)
    }

    fn is_appliance(&self, key: &TargetKey<Ip4>) -> bool {
        TablesOf::<Ip4>::is_target(self, key)
    }

    fn node_address(&self, key: &EniKey) -> Option<Ip4> {
        TablesOf::<Ip4>::nat_address(self, key, 0)
    }

    fn group_set(&self, key: &GroupSetKey) -> Option<GroupSetEntry> {
        row!(GROUP_SETS, key)
    }

    fn references(&self, key: &ReferenceKey) -> Option<Self::RulesRef> {
        REFERENCES.get_ptr_mut(*key).and_then(NonNull::new)
    }

    fn selected(&self, key: &SelectorKey) -> Option<Self::RulesRef> {
        longest_prefix(&SELECTORS, SelectorKey::FIXED_BITS + Selector::BITS, key)
    }

    #[inline(always)]
    fn rules(&self, rules: Self::RulesRef, word: u32) -> u64 {
        if word >= RULE_WORDS {
            return 0;
        }
        // SAFETY: the index was compared with the length of the array; rows don't change in place (see `row`).
        unsafe { rules.as_ptr().cast::<u64>().add(word as usize).read() }
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

    fn charged(&self, device: Device, account: Account) -> u64 {
        let state = ENI_STATES.get_ptr_mut(device);
        // SAFETY: a pointer from the map is valid; other cores count meanwhile.
        state.map_or(0, |state| unsafe { ptr::read_volatile(count(state, account as u32)) })
    }

    #[inline(always)]
    fn charge(&self, device: Device, account: Account, most: u32) -> bool {
        charge(device.0, account as u32, most) != 0
    }

    #[inline(always)]
    fn discharge(&self, device: Device, account: Account) {
        discharge(device.0, account as u32);
    }

    fn take_first_packet(&self, device: Device, low: u64, high: u64) -> bool {
        /// More than all cores together can add at a time beyond what there is.
        const SLACK: u64 = 1 << 12;
        let Some(state) = ENI_STATES.get_ptr_mut(device) else {
            return false;
        };
        // SAFETY: a pointer from the map is valid, and the word is changed only by atomics.
        unsafe {
            let count = &raw mut (*state).first_packets;
            let found = ptr::read_volatile(count);
            if found < low || found > high.wrapping_add(SLACK) {
                // If another core was faster it did the same.
                atomic::swap_u64(count, found, low);
            }
            let taken = atomic::take(count, 1) < high;
            if !taken {
                atomic::add(count, u64::MAX);
            }
            taken
        }
    }

    #[inline(always)]
    fn report_drop(&self, event: &Event) {
        report(event);
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

/// The count of an account.
///
/// # Safety
/// The pointer is one into the map.
#[inline(always)]
unsafe fn count(state: *mut EniState, account: u32) -> *mut u64 {
    // SAFETY: the caller's promise.
    unsafe {
        if account == Account::Tracked as u32 {
            &raw mut (*state).tracked
        } else {
            &raw mut (*state).untracked
        }
    }
}

/// A global function, as [`report`] is. Install makes the row of every ENI.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn charge(device: u32, account: u32, most: u32) -> u32 {
    let Some(state) = ENI_STATES.get_ptr_mut(Device(device)) else {
        return 0;
    };
    // SAFETY: a pointer from the map is valid, and the word is changed only by atomics.
    unsafe {
        let count = count(state, account);
        let charged = atomic::take(count, 1) < u64::from(most);
        if !charged {
            atomic::add(count, u64::MAX);
        }
        u32::from(charged)
    }
}

/// A global function, as [`report`] is.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn discharge(device: u32, account: u32) -> u32 {
    if let Some(state) = ENI_STATES.get_ptr_mut(Device(device)) {
        // SAFETY: as in `charge`.
        unsafe { atomic::add(count(state, account), u64::MAX) };
    }
    0
}

/// A global function for the same reason as [`report`]. Install makes the row of every ENI; a packet of a device
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

/// Counts a drop, and tells of it if this CPU hasn't told of too many. A global function like the stages: verified
/// once, with a stack of its own.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn report(event: *const Event) -> u32 {
    // SAFETY: the verifier checked at the call that the pointer is null or to a whole event.
    let Some(event) = (unsafe { event.as_ref() }) else {
        return 0;
    };
    let key = DropKey {
        device: event.at,
        reason: event.reason,
        rule: event.rule,
    };
    if DROPS.get_ptr(key).is_none() {
        // Another CPU may have been faster; then the row is there all the same.
        let _ = DROPS.insert(key, Counter::default(), u64::from(BPF_NOEXIST));
    }
    if let Some(counter) = DROPS.get_ptr_mut(key) {
        // SAFETY: this CPU's own slot.
        unsafe {
            (*counter).packets += 1;
            (*counter).bytes += u64::from(event.len);
        }
    }
    tell(event);
    0
}

/// Puts an event in the ring buffer, or counts it as lost.
#[inline(always)]
fn tell(event: &Event) {
    let Some(limit) = EVENT_LIMITS.get_ptr_mut(0) else {
        return;
    };
    let most = SETTINGS.get(0).map_or(0, |settings| settings.events_per_second);
    let clock = Kernel.clock();
    let second = clock.now.checked_div(u64::from(clock.ticks_per_second)).unwrap_or(0);
    // SAFETY: this CPU's own slot.
    let limit = unsafe { &mut *limit };
    if limit.second != second {
        limit.second = second;
        limit.told = 0;
    }
    if limit.told < u64::from(most)
        && let Some(mut place) = EVENTS.reserve::<Event>(0)
    {
        // SAFETY: the helper has no preconditions.
        let time = unsafe { bpf_ktime_get_ns() };
        place.write(Event { time, ..*event });
        place.submit(0);
        limit.told += 1;
    } else {
        limit.lost += 1;
    }
}
