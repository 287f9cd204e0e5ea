//! The maps of each family, and [`TablesOf`] over them: the same for both.

use super::{Kernel, RING_HANDS, SETTINGS, longest_prefix};
use crate::atomic;
use aya_ebpf::bindings::{BPF_F_NO_PREALLOC, BPF_NOEXIST};
use aya_ebpf::macros::map;
use aya_ebpf::maps::lpm_trie::LpmTrie;
use aya_ebpf::maps::{Array, HashMap, LruHashMap, PerCpuArray};
use core::ptr::{self, NonNull};
use groundplane_abi::control::{Validity, ring_hand};
use groundplane_abi::eni::AddressKey;
use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_abi::fragment::{FragmentKey, FragmentNote};
use groundplane_abi::nacl::{NACL_RULES, NaclEntry, NaclKey, NaclRule};
use groundplane_abi::ring::RingSlot;
use groundplane_abi::route::{RouteEntry, RouteKey};
use groundplane_abi::security_group::{PeerKey, RuleBits};
use groundplane_abi::{Device, Ip, Ip4, Ip6};
use groundplane_datapath::scratch::Scratch;
use groundplane_datapath::{FlowTable, TablesOf};

macro_rules! family {
    ($ip:ty, $hands:expr, $ring_slots:ident, $flows:literal, $embryos:literal, $ring:literal,
     $ADDRESSES:ident $ROUTES:ident $NACLS:ident $PEERS:ident $FLOWS:ident $EMBRYOS:ident $RING:ident $FRAGMENTS:ident
     $OUTBOX:ident $SCRATCH:ident $scratch:ident $find:ident) => {
        #[map]
        static $ADDRESSES: LpmTrie<AddressKey<$ip>, Device> = LpmTrie::with_max_entries(65_536, 0);
        #[map]
        static $ROUTES: LpmTrie<RouteKey<$ip>, RouteEntry> = LpmTrie::with_max_entries(262_144, 0);
        #[map]
        static $NACLS: HashMap<NaclKey, NaclEntry<$ip>> = HashMap::with_max_entries(16_384, BPF_F_NO_PREALLOC);
        #[map]
        static $PEERS: LpmTrie<PeerKey<$ip>, RuleBits> = LpmTrie::with_max_entries(524_288, 0);
        /// Two entries for each connection. Preallocated: what it holds it holds, and a full table refuses.
        #[map]
        static $FLOWS: HashMap<FlowKey<$ip>, FlowEntry<$ip>> = HashMap::with_max_entries($flows, 0);
        #[map]
        static $EMBRYOS: LruHashMap<FlowKey<$ip>, FlowEntry<$ip>> = LruHashMap::with_max_entries($embryos, 0);
        #[map]
        static $RING: Array<RingSlot<$ip>> = Array::with_max_entries($ring, 0);
        #[map]
        static $FRAGMENTS: LruHashMap<FragmentKey<$ip>, FragmentNote> = LruHashMap::with_max_entries(8_192, 0);
        /// Where an entry lies while it is inserted.
        #[map]
        static $OUTBOX: PerCpuArray<FlowEntry<$ip>> = PerCpuArray::with_max_entries(1, 0);
        #[map]
        static $SCRATCH: PerCpuArray<Scratch<$ip>> = PerCpuArray::with_max_entries(1, 0);

        /// This CPU's scratch.
        pub(crate) fn $scratch() -> Option<*mut Scratch<$ip>> {
            $SCRATCH.get_ptr_mut(0)
        }

        /// The element of a key that lies on the stack.
        #[inline(always)]
        fn $find(table: FlowTable, key: &FlowKey<$ip>) -> Option<NonNull<FlowEntry<$ip>>> {
            let flow = match table {
                FlowTable::Main => $FLOWS.get_ptr_mut(key),
                FlowTable::Embryos => $EMBRYOS.get_ptr_mut(key),
            };
            flow.and_then(NonNull::new)
        }

        impl TablesOf<$ip> for Kernel {
            /// Never null, so that no entry is a null pointer and not a register without a value.
            type FlowRef = NonNull<FlowEntry<$ip>>;
            type NaclRef = *const NaclEntry<$ip>;

            fn owner(&self, key: &AddressKey<$ip>) -> Option<Device> {
                let row = longest_prefix(&$ADDRESSES, AddressKey::<$ip>::FIXED_BITS + <$ip>::BITS, key);
                // By way of a device that is none, so that there is a value in any case: see `Verdict`.
                // SAFETY: rows don't change in place while packets can see them (see `row`).
                let device = row.map_or(Device::NONE, |row| unsafe { row.read() });
                (device != Device::NONE).then_some(device)
            }

            fn route(&self, key: &RouteKey<$ip>) -> Option<RouteEntry> {
                // SAFETY: as in `owner`.
                longest_prefix(&$ROUTES, RouteKey::<$ip>::FIXED_BITS + <$ip>::BITS, key)
                    .map(|row| unsafe { row.read() })
            }

            fn nacl(&self, key: &NaclKey) -> Option<(Self::NaclRef, u32)> {
                let nacl = $NACLS.get_ptr(*key)?;
                // SAFETY: a pointer from the map is valid; otherwise as in `owner`.
                Some((nacl, unsafe { (*nacl).len }))
            }

            #[inline(always)]
            fn nacl_rule(&self, nacl: Self::NaclRef, index: u32) -> Option<NaclRule<$ip>> {
                if index >= NACL_RULES {
                    return None;
                }
                // SAFETY: the index was compared with the length of the array; otherwise as in `nacl`.
                Some(unsafe {
                    (&raw const (*nacl).rules)
                        .cast::<NaclRule<$ip>>()
                        .add(index as usize)
                        .read()
                })
            }

            fn peers(&self, key: &PeerKey<$ip>) -> Option<NonNull<RuleBits>> {
                longest_prefix(&$PEERS, PeerKey::<$ip>::FIXED_BITS + <$ip>::BITS, key)
            }

            #[inline(always)]
            fn find(&self, table: FlowTable, key: &FlowKey<$ip>) -> Option<Self::FlowRef> {
                // A copy: up to Linux 6.2 a map's key may lie on the stack or in a map, but not in a global function's
                // argument, where the scratch is.
                let key = *key;
                $find(table, &key)
            }

            #[inline(always)]
            fn look_up<R>(
                &self,
                table: FlowTable,
                key: FlowKey<$ip>,
                take: impl FnOnce(&FlowEntry<$ip>) -> R,
            ) -> Option<R> {
                self.read($find(table, &key)?, &key, take)
            }

            #[inline(always)]
            fn read<R>(
                &self,
                flow: Self::FlowRef,
                key: &FlowKey<$ip>,
                take: impl FnOnce(&FlowEntry<$ip>) -> R,
            ) -> Option<R> {
                let flow = flow.as_ptr();
                // SAFETY: a pointer from the map stays a pointer to an element of it, whatever becomes of the element.
                // What is copied may be torn; it is used only if key and stamps say that it was this entry before and
                // after.
                unsafe {
                    let stamp = ptr::read_volatile(&raw const (*flow).stamp);
                    atomic::compiler_barrier();
                    let taken = take(&flow.read());
                    atomic::compiler_barrier();
                    if is_still(flow, key, stamp) {
                        Some(taken)
                    } else {
                        None
                    }
                }
            }

            #[inline(always)]
            fn read_into(&self, flow: Self::FlowRef, key: &FlowKey<$ip>, entry: &mut FlowEntry<$ip>) -> bool {
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
                // SAFETY: as in `restamp`.
                unsafe {
                    let seen = ptr::read_volatile(&raw const (*flow).tcp);
                    ptr::write_volatile(&raw mut (*flow).tcp, seen | bits);
                }
            }

            fn claim(&self, flow: Self::FlowRef, from: u32, to: u32) -> bool {
                let flow = flow.as_ptr();
                // SAFETY: as in `restamp`.
                unsafe { atomic::swap_u32(&raw mut (*flow).state, from, to) }
            }

            fn insert(&self, table: FlowTable, entry: &FlowEntry<$ip>) -> bool {
                let flags = u64::from(BPF_NOEXIST);
                let Some(outbox) = $OUTBOX.get_ptr_mut(0) else {
                    return false;
                };
                // SAFETY: this CPU's own slot. From there because, as in `find`, the entry must not lie in an argument
                // either, and the stack has no room for it.
                let entry = unsafe {
                    ptr::copy_nonoverlapping(entry, outbox, 1);
                    &*outbox
                };
                match table {
                    FlowTable::Main => $FLOWS.insert(entry.key, entry, flags),
                    FlowTable::Embryos => $EMBRYOS.insert(entry.key, entry, flags),
                }
                .is_ok()
            }

            fn remove(&self, table: FlowTable, key: &FlowKey<$ip>) -> bool {
                match table {
                    FlowTable::Main => $FLOWS.remove(*key),
                    FlowTable::Embryos => $EMBRYOS.remove(*key),
                }
                .is_ok()
            }

            fn ring_slots(&self) -> u32 {
                SETTINGS.get(0).map_or(0, |settings| settings.$ring_slots)
            }

            fn ring_hand(&self, hand: u32) -> u64 {
                // SAFETY: a pointer from the map is valid; other cores move the hand meanwhile.
                RING_HANDS
                    .get_ptr($hands + hand)
                    .map_or(0, |position| unsafe { ptr::read_volatile(position) })
            }

            fn ring_take_tail(&self) -> u64 {
                // SAFETY: a pointer from the map is valid, and hands are moved only by atomics.
                RING_HANDS
                    .get_ptr_mut($hands + ring_hand::TAIL)
                    .map_or(0, |tail| unsafe { atomic::take(tail, 1) })
            }

            fn ring_advance_head(&self, from: u64) -> bool {
                // SAFETY: as in `ring_take_tail`.
                RING_HANDS
                    .get_ptr_mut($hands + ring_hand::HEAD)
                    .is_some_and(|head| unsafe { atomic::swap_u64(head, from, from.wrapping_add(1)) })
            }

            fn ring_slot(&self, index: u32) -> Option<RingSlot<$ip>> {
                // SAFETY: a pointer from the map is valid. The turn is read first: if it is there, so is the rest.
                $RING.get_ptr(index).map(|slot| unsafe {
                    let turn = ptr::read_volatile(&raw const (*slot).turn);
                    atomic::compiler_barrier();
                    RingSlot { turn, ..*slot }
                })
            }

            fn set_ring_slot(&self, index: u32, slot: &RingSlot<$ip>) {
                if let Some(place) = $RING.get_ptr_mut(index) {
                    // SAFETY: a pointer from the map is valid, and the position was taken by this core alone.
                    unsafe {
                        (*place).key = slot.key;
                        (*place).stamp = slot.stamp;
                        atomic::compiler_barrier();
                        ptr::write_volatile(&raw mut (*place).turn, slot.turn);
                    }
                }
            }

            fn fragment_note(&self, key: &FragmentKey<$ip>) -> Option<FragmentNote> {
                // SAFETY: a pointer from the map is valid. A note may become another packet's while it is read: the
                // fragment is then judged with ports that its sender might have sent as well.
                $FRAGMENTS.get_ptr(*key).map(|note| unsafe { note.read() })
            }

            fn note_fragment(&self, key: &FragmentKey<$ip>, note: &FragmentNote) {
                // Without room the later fragments are orphans.
                let _ = $FRAGMENTS.insert(*key, *note, 0);
            }
        }
    };
}

family!(
    Ip4, 0, ring_slots4, 131_072, 65_536, 81_928,
    ADDRESSES4 ROUTES4 NACLS4 PEERS4 FLOWS4 EMBRYOS4 RING4 FRAGMENTS4 OUTBOX4 SCRATCH4 scratch4 find4
);
family!(
    Ip6, ring_hand::OF_FAMILY, ring_slots6, 131_072, 65_536, 81_928,
    ADDRESSES6 ROUTES6 NACLS6 PEERS6 FLOWS6 EMBRYOS6 RING6 FRAGMENTS6 OUTBOX6 SCRATCH6 scratch6 find6
);

/// Whether an element has been the entry of this key since its stamp was read.
///
/// # Safety
/// The pointer is one into a flow table.
#[inline(always)]
unsafe fn is_still<I: Ip>(flow: *mut FlowEntry<I>, key: &FlowKey<I>, stamp: u64) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        (*flow).key == *key
            && ptr::read_volatile(&raw const (*flow).stamp) == stamp
            && ptr::read_volatile(&raw const (*flow).stamp_end) == stamp
    }
}
