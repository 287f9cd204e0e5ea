//! The maps of each family, and [`TablesOf`] over them: the same for both.

use super::{Kernel, RING_HANDS, SETTINGS, longest_prefix};
use crate::atomic;
use aya_ebpf::bindings::{BPF_ANY, BPF_F_NO_PREALLOC, BPF_NOEXIST};
use aya_ebpf::macros::map;
use aya_ebpf::maps::lpm_trie::LpmTrie;
use aya_ebpf::maps::{Array, HashMap, LruHashMap, PerCpuArray};
use core::ptr::{self, NonNull};
use groundplane_abi::balancer::{
    ListenerEntry, ListenerKey, PLACES, Place, PlacesEntry, PlacesKey, TargetEntry, TargetKey,
};
use groundplane_abi::control::{Settings, Validity, ring_hand};
use groundplane_abi::eni::{AddressEntry, AddressKey, EniKey};
use groundplane_abi::flow::{FlowEntry, FlowKey, state};
use groundplane_abi::fragment::{FragmentKey, FragmentNote};
use groundplane_abi::internet::{PublicEntry, PublicKey};
use groundplane_abi::nacl::{NACL_RULES, NaclEntry, NaclKey, NaclRule};
use groundplane_abi::nat::{BindingEntry, NAT_ADDRESSES, NatEntry};
use groundplane_abi::ring::RingSlot;
use groundplane_abi::route::{RouteEntry, RouteKey};
use groundplane_abi::security_group::{PeerKey, RuleBits};
use groundplane_abi::service::{AliasEntry, AliasKey};
use groundplane_abi::uplink::UplinkRouteKey;
use groundplane_abi::{Ip, Ip4, Ip6};
use groundplane_datapath::scratch::Scratch;
use groundplane_datapath::{Family, FlowTable, TablesOf};

/// The maps of a family.
pub(crate) trait Maps: Ip {
    /// Where the family's hands of the reclaim ring begin.
    const HANDS: u32;

    fn addresses() -> &'static LpmTrie<AddressKey<Self>, AddressEntry<Self>>;
    fn publics() -> &'static LpmTrie<PublicKey<Self>, PublicEntry<Self>>;
    fn nats() -> &'static HashMap<EniKey, NatEntry<Self>>;
    fn aliases() -> &'static HashMap<AliasKey<Self>, AliasEntry<Self>>;
    fn listeners() -> &'static HashMap<ListenerKey, ListenerEntry>;
    fn places() -> &'static HashMap<PlacesKey, PlacesEntry<Self>>;
    fn targets() -> &'static HashMap<TargetKey<Self>, TargetEntry>;
    fn bindings() -> &'static HashMap<FlowKey<Self>, BindingEntry<Self>>;
    fn binding_counts() -> &'static HashMap<FlowKey<Self>, u64>;
    /// Where a binding lies while it is inserted.
    fn binding_outbox() -> &'static PerCpuArray<BindingEntry<Self>>;
    fn routes() -> &'static LpmTrie<RouteKey<Self>, RouteEntry>;
    fn uplink_routes() -> &'static LpmTrie<UplinkRouteKey<Self>, u32>;
    fn nacls() -> &'static HashMap<NaclKey, NaclEntry<Self>>;
    fn peers() -> &'static LpmTrie<PeerKey<Self>, RuleBits>;
    fn flows() -> &'static HashMap<FlowKey<Self>, FlowEntry<Self>>;
    fn embryos() -> &'static LruHashMap<FlowKey<Self>, FlowEntry<Self>>;
    fn ring() -> &'static Array<RingSlot<Self>>;
    fn fragments() -> &'static LruHashMap<FragmentKey<Self>, FragmentNote>;
    fn outbox() -> &'static PerCpuArray<FlowEntry<Self>>;
    /// This CPU's scratch.
    fn scratch() -> Option<*mut Scratch<Self>>;
    fn ring_slots(settings: &Settings) -> u32;
}

macro_rules! maps {
    ($ip:ty, $hands:expr, $mappings:literal, $ring_slots:ident, $addresses:ident $publics:ident $nats:ident
     $listeners:ident $places:ident $targets:ident $aliases:ident $bindings:ident $binding_counts:ident $binding_outbox:ident $routes:ident $uplink_routes:ident $nacls:ident $peers:ident $flows:ident
     $embryos:ident $ring:ident $fragments:ident $outbox:ident $scratch:ident) => {
        #[map]
        static $addresses: LpmTrie<AddressKey<$ip>, AddressEntry<$ip>> = LpmTrie::with_max_entries(65_536, 0);
        #[map]
        static $publics: LpmTrie<PublicKey<$ip>, PublicEntry<$ip>> = LpmTrie::with_max_entries(16_384, 0);
        #[map]
        static $nats: HashMap<EniKey, NatEntry<$ip>> = HashMap::with_max_entries(4_096, BPF_F_NO_PREALLOC);
        #[map]
        static $listeners: HashMap<ListenerKey, ListenerEntry> = HashMap::with_max_entries(32_768, BPF_F_NO_PREALLOC);
        #[map]
        static $places: HashMap<PlacesKey, PlacesEntry<$ip>> = HashMap::with_max_entries(262_144, BPF_F_NO_PREALLOC);
        #[map]
        static $targets: HashMap<TargetKey<$ip>, TargetEntry> = HashMap::with_max_entries(65_536, BPF_F_NO_PREALLOC);
        #[map]
        static $aliases: HashMap<AliasKey<$ip>, AliasEntry<$ip>> = HashMap::with_max_entries(65_536, BPF_F_NO_PREALLOC);
        /// Two rows for each mapping of a NAT gateway or a load balancer. Preallocated, as flows are.
        #[map]
        static $bindings: HashMap<FlowKey<$ip>, BindingEntry<$ip>> = HashMap::with_max_entries(2 * $mappings, 0);
        /// As many as there can be destinations.
        #[map]
        static $binding_counts: HashMap<FlowKey<$ip>, u64> = HashMap::with_max_entries($mappings, BPF_F_NO_PREALLOC);
        #[map]
        static $binding_outbox: PerCpuArray<BindingEntry<$ip>> = PerCpuArray::with_max_entries(1, 0);
        #[map]
        static $routes: LpmTrie<RouteKey<$ip>, RouteEntry> = LpmTrie::with_max_entries(262_144, 0);
        /// Room for more than the document lets all uplinks have.
        #[map]
        static $uplink_routes: LpmTrie<UplinkRouteKey<$ip>, u32> = LpmTrie::with_max_entries(16_384, 0);
        #[map]
        static $nacls: HashMap<NaclKey, NaclEntry<$ip>> = HashMap::with_max_entries(16_384, BPF_F_NO_PREALLOC);
        #[map]
        static $peers: LpmTrie<PeerKey<$ip>, RuleBits> = LpmTrie::with_max_entries(262_144, 0);
        /// Two entries for each connection. Preallocated: what it holds it holds, and a full table refuses.
        #[map]
        static $flows: HashMap<FlowKey<$ip>, FlowEntry<$ip>> = HashMap::with_max_entries(131_072, 0);
        #[map]
        static $embryos: LruHashMap<FlowKey<$ip>, FlowEntry<$ip>> = LruHashMap::with_max_entries(65_536, 0);
        #[map]
        static $ring: Array<RingSlot<$ip>> = Array::with_max_entries(147_464, 0);
        #[map]
        static $fragments: LruHashMap<FragmentKey<$ip>, FragmentNote> = LruHashMap::with_max_entries(32_768, 0);
        /// Where an entry lies while it is inserted.
        #[map]
        static $outbox: PerCpuArray<FlowEntry<$ip>> = PerCpuArray::with_max_entries(1, 0);
        #[map]
        static $scratch: PerCpuArray<Scratch<$ip>> = PerCpuArray::with_max_entries(1, 0);

        impl Maps for $ip {
            const HANDS: u32 = $hands;

            #[inline(always)]
            fn addresses() -> &'static LpmTrie<AddressKey<Self>, AddressEntry<Self>> {
                &$addresses
            }

            #[inline(always)]
            fn publics() -> &'static LpmTrie<PublicKey<Self>, PublicEntry<Self>> {
                &$publics
            }

            #[inline(always)]
            fn nats() -> &'static HashMap<EniKey, NatEntry<Self>> {
                &$nats
            }

            #[inline(always)]
            fn aliases() -> &'static HashMap<AliasKey<Self>, AliasEntry<Self>> {
                &$aliases
            }

            #[inline(always)]
            fn listeners() -> &'static HashMap<ListenerKey, ListenerEntry> {
                &$listeners
            }

            #[inline(always)]
            fn places() -> &'static HashMap<PlacesKey, PlacesEntry<Self>> {
                &$places
            }

            #[inline(always)]
            fn targets() -> &'static HashMap<TargetKey<Self>, TargetEntry> {
                &$targets
            }

            #[inline(always)]
            fn bindings() -> &'static HashMap<FlowKey<Self>, BindingEntry<Self>> {
                &$bindings
            }

            #[inline(always)]
            fn binding_counts() -> &'static HashMap<FlowKey<Self>, u64> {
                &$binding_counts
            }

            #[inline(always)]
            fn binding_outbox() -> &'static PerCpuArray<BindingEntry<Self>> {
                &$binding_outbox
            }

            #[inline(always)]
            fn routes() -> &'static LpmTrie<RouteKey<Self>, RouteEntry> {
                &$routes
            }

            #[inline(always)]
            fn uplink_routes() -> &'static LpmTrie<UplinkRouteKey<Self>, u32> {
                &$uplink_routes
            }

            #[inline(always)]
            fn nacls() -> &'static HashMap<NaclKey, NaclEntry<Self>> {
                &$nacls
            }

            #[inline(always)]
            fn peers() -> &'static LpmTrie<PeerKey<Self>, RuleBits> {
                &$peers
            }

            #[inline(always)]
            fn flows() -> &'static HashMap<FlowKey<Self>, FlowEntry<Self>> {
                &$flows
            }

            #[inline(always)]
            fn embryos() -> &'static LruHashMap<FlowKey<Self>, FlowEntry<Self>> {
                &$embryos
            }

            #[inline(always)]
            fn ring() -> &'static Array<RingSlot<Self>> {
                &$ring
            }

            #[inline(always)]
            fn fragments() -> &'static LruHashMap<FragmentKey<Self>, FragmentNote> {
                &$fragments
            }

            #[inline(always)]
            fn outbox() -> &'static PerCpuArray<FlowEntry<Self>> {
                &$outbox
            }

            #[inline(always)]
            fn scratch() -> Option<*mut Scratch<Self>> {
                $scratch.get_ptr_mut(0)
            }

            #[inline(always)]
            fn ring_slots(settings: &Settings) -> u32 {
                settings.$ring_slots
            }
        }
    };
}

maps!(
    Ip4, 0, 65_536, ring_slots4,
    ADDRESSES4 PUBLICS4 NATS4 LISTENERS4 PLACES4 TARGETS4 ALIASES4 BINDINGS4 BINDING_COUNTS4 BINDING_OUTBOX4 ROUTES4 UPLINK_ROUTES4 NACLS4 PEERS4 FLOWS4 EMBRYOS4 RING4 FRAGMENTS4 OUTBOX4 SCRATCH4
);
maps!(
    Ip6, ring_hand::OF_FAMILY, 65_536, ring_slots6,
    ADDRESSES6 PUBLICS6 NATS6 LISTENERS6 PLACES6 TARGETS6 ALIASES6 BINDINGS6 BINDING_COUNTS6 BINDING_OUTBOX6 ROUTES6 UPLINK_ROUTES6 NACLS6 PEERS6 FLOWS6 EMBRYOS6 RING6 FRAGMENTS6 OUTBOX6 SCRATCH6
);

impl<I: Family + Maps> TablesOf<I> for Kernel {
    /// Never null, so that no entry is a null pointer and not a register without a value.
    type FlowRef = NonNull<FlowEntry<I>>;
    type NaclRef = *const NaclEntry<I>;

    fn address(&self, key: &AddressKey<I>) -> Option<AddressEntry<I>> {
        let row = longest_prefix(I::addresses(), AddressKey::<I>::FIXED_BITS + I::BITS, key);
        // SAFETY: rows don't change in place while packets can see them (see `row`).
        row.map(|row| unsafe { row.read() })
    }

    fn public(&self, key: &PublicKey<I>) -> Option<PublicEntry<I>> {
        let row = longest_prefix(I::publics(), PublicKey::<I>::FIXED_BITS + I::BITS, key);
        // SAFETY: as in `address`.
        row.map(|row| unsafe { row.read() })
    }

    fn nat_len(&self, key: &EniKey) -> Option<u32> {
        // SAFETY: as in `address`; a pointer from the map is valid.
        I::nats().get_ptr(*key).map(|nat| unsafe { (*nat).len })
    }

    fn nat_address(&self, key: &EniKey, index: u32) -> Option<I> {
        let nat = I::nats().get_ptr(*key)?;
        if index >= NAT_ADDRESSES {
            return None;
        }
        // SAFETY: the index was compared with the length of the array; otherwise as in `nat_len`.
        Some(unsafe { (&raw const (*nat).addresses).cast::<I>().add(index as usize).read() })
    }

    fn alias(&self, address: I) -> Option<AliasEntry<I>> {
        let alias = I::aliases().get_ptr(AliasKey { address })?;
        // SAFETY: a pointer from the map is valid. Whoever gives an alias another meaning has waited until nobody uses
        // it.
        Some(unsafe { alias.read() })
    }

    fn listener(&self, key: &ListenerKey) -> Option<ListenerEntry> {
        let listener = I::listeners().get_ptr(*key)?;
        // SAFETY: as in `nat_len`.
        Some(unsafe { listener.read() })
    }

    fn place(&self, key: &PlacesKey, index: u32) -> Option<Place<I>> {
        let row = I::places().get_ptr(*key)?;
        if index >= PLACES {
            return None;
        }
        // SAFETY: the index was compared with the length of the array; otherwise as in `nat_len`.
        Some(unsafe { (&raw const (*row).places).cast::<Place<I>>().add(index as usize).read() })
    }

    fn is_target(&self, key: &TargetKey<I>) -> bool {
        I::targets().get_ptr(*key).is_some()
    }

    fn route(&self, key: &RouteKey<I>) -> Option<RouteEntry> {
        let row = longest_prefix(I::routes(), RouteKey::<I>::FIXED_BITS + I::BITS, key);
        // SAFETY: as in `address`.
        row.map(|row| unsafe { row.read() })
    }

    #[inline(always)]
    fn uplink_route(&self, destination: I) -> Option<u32> {
        let key = UplinkRouteKey::new(destination);
        let row = longest_prefix(I::uplink_routes(), UplinkRouteKey::<I>::FIXED_BITS + I::BITS, &key);
        // SAFETY: a pointer from the map is valid. A row that is changed in place is a word.
        row.map(|row| unsafe { row.read_volatile() })
    }

    fn nacl(&self, key: &NaclKey) -> Option<(Self::NaclRef, u32)> {
        let nacl = I::nacls().get_ptr(*key)?;
        // SAFETY: a pointer from the map is valid; otherwise as in `address`.
        Some((nacl, unsafe { (*nacl).len }))
    }

    #[inline(always)]
    fn nacl_rule(&self, nacl: Self::NaclRef, index: u32) -> Option<NaclRule<I>> {
        if index >= NACL_RULES {
            return None;
        }
        // SAFETY: the index was compared with the length of the array; otherwise as in `nacl`.
        Some(unsafe {
            (&raw const (*nacl).rules)
                .cast::<NaclRule<I>>()
                .add(index as usize)
                .read()
        })
    }

    fn peers(&self, key: &PeerKey<I>) -> Option<NonNull<RuleBits>> {
        longest_prefix(I::peers(), PeerKey::<I>::FIXED_BITS + I::BITS, key)
    }

    #[inline(always)]
    fn find(&self, table: FlowTable, key: &FlowKey<I>) -> Option<Self::FlowRef> {
        // A copy: up to Linux 6.2 a map's key may lie on the stack or in a map, but not in a global function's
        // argument, where the scratch is.
        let key = *key;
        element(table, &key)
    }

    #[inline(always)]
    fn look_up<R>(&self, table: FlowTable, key: FlowKey<I>, take: impl FnOnce(&FlowEntry<I>) -> R) -> Option<R> {
        self.read(element(table, &key)?, &key, take)
    }

    #[inline(always)]
    fn read<R>(&self, flow: Self::FlowRef, key: &FlowKey<I>, take: impl FnOnce(&FlowEntry<I>) -> R) -> Option<R> {
        let flow = flow.as_ptr();
        // SAFETY: a pointer from the map stays a pointer to an element of it, whatever becomes of the element.
        // What is copied may be torn; it is used only if key and stamps say that it was this entry before and
        // after.
        unsafe {
            let stamp = ptr::read_volatile(&raw const (*flow).stamp);
            atomic::compiler_barrier();
            let taken = take(&flow.read());
            atomic::compiler_barrier();
            if is_still(flow, key, stamp) { Some(taken) } else { None }
        }
    }

    #[inline(always)]
    fn read_into(&self, flow: Self::FlowRef, key: &FlowKey<I>, entry: &mut FlowEntry<I>) -> bool {
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

    fn add_tcp_bits(&self, flow: Self::FlowRef, bits: u16) {
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

    fn insert(&self, table: FlowTable, entry: &FlowEntry<I>) -> bool {
        let flags = u64::from(BPF_NOEXIST);
        let Some(outbox) = I::outbox().get_ptr_mut(0) else {
            return false;
        };
        // SAFETY: this CPU's own slot. From there because, as in `find`, the entry must not lie in an argument
        // either, and the stack has no room for it.
        let entry = unsafe {
            ptr::copy_nonoverlapping(entry, outbox, 1);
            &*outbox
        };
        match table {
            FlowTable::Main => I::flows().insert(entry.key, entry, flags),
            FlowTable::Embryos => I::embryos().insert(entry.key, entry, flags),
        }
        .is_ok()
    }

    fn remove(&self, table: FlowTable, key: &FlowKey<I>) -> bool {
        match table {
            FlowTable::Main => I::flows().remove(*key),
            FlowTable::Embryos => I::embryos().remove(*key),
        }
        .is_ok()
    }

    fn binding(&self, key: &FlowKey<I>, binding: &mut BindingEntry<I>) -> bool {
        // A copy, as in `find`.
        let key = *key;
        let Some(found) = I::bindings().get_ptr(key) else {
            return false;
        };
        // SAFETY: as in `read`.
        unsafe {
            let stamp = ptr::read_volatile(&raw const (*found).stamp);
            atomic::compiler_barrier();
            ptr::copy_nonoverlapping(found, binding, 1);
            atomic::compiler_barrier();
            (*found).key == key
                && ptr::read_volatile(&raw const (*found).stamp) == stamp
                && ptr::read_volatile(&raw const (*found).stamp_end) == stamp
        }
    }

    fn has_binding(&self, key: &FlowKey<I>) -> bool {
        I::bindings().get_ptr(*key).is_some()
    }

    fn insert_binding(&self, binding: &BindingEntry<I>, replaces: bool) -> bool {
        let flags = u64::from(if replaces { BPF_ANY } else { BPF_NOEXIST });
        let Some(outbox) = I::binding_outbox().get_ptr_mut(0) else {
            return false;
        };
        // SAFETY: as in `insert`.
        let binding = unsafe {
            ptr::copy_nonoverlapping(binding, outbox, 1);
            &*outbox
        };
        I::bindings().insert(binding.key, binding, flags).is_ok()
    }

    fn remove_binding(&self, key: &FlowKey<I>, stamp: u64) -> bool {
        let key = *key;
        let Some(found) = I::bindings().get_ptr_mut(key) else {
            return false;
        };
        // SAFETY: as in `read`. Of several cores one moves the state. If the row has become another one's meanwhile,
        // the move is taken back, as for a flow entry.
        let is_ours = unsafe {
            ptr::read_volatile(&raw const (*found).stamp) == stamp
                && atomic::swap_u32(&raw mut (*found).state, state::LIVE, state::DEAD)
                && (ptr::read_volatile(&raw const (*found).stamp) == stamp
                    || !atomic::swap_u32(&raw mut (*found).state, state::DEAD, state::LIVE))
        };
        is_ours && I::bindings().remove(key).is_ok()
    }

    fn mappings(&self, key: &FlowKey<I>) -> u64 {
        // SAFETY: a pointer from the map is valid; other cores count meanwhile.
        I::binding_counts()
            .get_ptr(*key)
            .map_or(0, |count| unsafe { ptr::read_volatile(count) })
    }

    fn charge_mapping(&self, key: &FlowKey<I>, most: u32) -> bool {
        let key = *key;
        if I::binding_counts().get_ptr(key).is_none() {
            // Another core may have been faster; then the row is there all the same.
            let _ = I::binding_counts().insert(key, 0, u64::from(BPF_NOEXIST));
        }
        let Some(count) = I::binding_counts().get_ptr_mut(key) else {
            return false;
        };
        // SAFETY: a pointer from the map is valid, and the word is changed only by atomics.
        unsafe {
            let is_charged = atomic::take(count, 1) < u64::from(most);
            if !is_charged {
                atomic::add(count, u64::MAX);
            }
            is_charged
        }
    }

    /// A row that counts nothing goes. Who counts at that very moment isn't counted, which lets one mapping too many
    /// come about.
    fn discharge_mapping(&self, key: &FlowKey<I>) {
        let key = *key;
        let Some(count) = I::binding_counts().get_ptr_mut(key) else {
            return;
        };
        // SAFETY: as in `charge_mapping`.
        if unsafe { atomic::take(count, u64::MAX) } <= 1 {
            let _ = I::binding_counts().remove(key);
        }
    }

    fn ring_slots(&self) -> u32 {
        SETTINGS.get(0).map_or(0, |settings| I::ring_slots(settings))
    }

    fn ring_hand(&self, hand: u32) -> u64 {
        let position = RING_HANDS.get_ptr(I::HANDS + hand);
        // SAFETY: a pointer from the map is valid; other cores move the hand meanwhile.
        position.map_or(0, |position| unsafe { ptr::read_volatile(position) })
    }

    fn ring_take_tail(&self) -> u64 {
        let tail = RING_HANDS.get_ptr_mut(I::HANDS + ring_hand::TAIL);
        // SAFETY: a pointer from the map is valid, and hands are moved only by atomics.
        tail.map_or(0, |tail| unsafe { atomic::take(tail, 1) })
    }

    fn ring_advance_head(&self, from: u64) -> bool {
        let head = RING_HANDS.get_ptr_mut(I::HANDS + ring_hand::HEAD);
        // SAFETY: as in `ring_take_tail`.
        head.is_some_and(|head| unsafe { atomic::swap_u64(head, from, from.wrapping_add(1)) })
    }

    fn ring_slot(&self, index: u32) -> Option<RingSlot<I>> {
        // SAFETY: a pointer from the map is valid. The turn is read first: if it is there, so is the rest.
        I::ring().get_ptr(index).map(|slot| unsafe {
            let turn = ptr::read_volatile(&raw const (*slot).turn);
            atomic::compiler_barrier();
            RingSlot { turn, ..*slot }
        })
    }

    fn set_ring_slot(&self, index: u32, slot: &RingSlot<I>) {
        if let Some(place) = I::ring().get_ptr_mut(index) {
            // SAFETY: a pointer from the map is valid, and the position was taken by this core alone.
            unsafe {
                (*place).key = slot.key;
                (*place).stamp = slot.stamp;
                (*place).quiet_until = slot.quiet_until;
                atomic::compiler_barrier();
                ptr::write_volatile(&raw mut (*place).turn, slot.turn);
            }
        }
    }

    fn fragment_note(&self, key: &FragmentKey<I>) -> Option<FragmentNote> {
        // SAFETY: a pointer from the map is valid. A note may become another packet's while it is read: the
        // fragment is then judged with ports that its sender might have sent as well.
        I::fragments().get_ptr(*key).map(|note| unsafe { note.read() })
    }

    fn note_fragment(&self, key: &FragmentKey<I>, note: &FragmentNote) {
        // Without room the later fragments are orphans.
        let _ = I::fragments().insert(*key, *note, 0);
    }
}

/// The element of a key that lies on the stack.
#[inline(always)]
fn element<I: Maps>(table: FlowTable, key: &FlowKey<I>) -> Option<NonNull<FlowEntry<I>>> {
    let flow = match table {
        FlowTable::Main => I::flows().get_ptr_mut(key),
        FlowTable::Embryos => I::embryos().get_ptr_mut(key),
    };
    flow.and_then(NonNull::new)
}

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
