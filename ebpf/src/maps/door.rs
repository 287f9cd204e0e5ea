//! What the filter in front of an uplink asks and counts.

use super::{Kernel, longest_prefix};
use aya_ebpf::macros::map;
use aya_ebpf::maps::lpm_trie::LpmTrie;
use aya_ebpf::maps::{Array, PerCpuArray};
use groundplane_abi::door::{DOOR_SLOTS, DoorEntry, DoorKey, DoorSlot, FILTER_SLOTS};
use groundplane_abi::eni::Counter;
use groundplane_abi::{DropReason, Ip as _, Ip4, Ip6};
use groundplane_datapath::Doors;

#[map]
static DOORS4: Array<DoorSlot> = Array::with_max_entries(DOOR_SLOTS, 0);
#[map]
static DOORS6: LpmTrie<DoorKey<Ip6>, DoorEntry> = LpmTrie::with_max_entries(65_536, 0);
/// By the number of the reason.
#[map]
static FILTER_DROPS: PerCpuArray<Counter> = PerCpuArray::with_max_entries(FILTER_SLOTS, 0);

impl Doors<Ip4> for Kernel {
    #[inline(always)]
    fn door<R>(&self, key: &DoorKey<Ip4>, ask: impl FnOnce(&DoorEntry) -> R) -> Option<R> {
        // Not copied: rows don't change in place while packets can see them (see `row`), and a slot whose other bank's
        // row is being written is another slot.
        let slot = DOORS4.get(key.slot())?;
        (slot.key == *key).then(|| ask(&slot.entry))
    }
}

impl Doors<Ip6> for Kernel {
    #[inline(always)]
    fn door<R>(&self, key: &DoorKey<Ip6>, ask: impl FnOnce(&DoorEntry) -> R) -> Option<R> {
        let row = longest_prefix(&DOORS6, DoorKey::<Ip6>::FIXED_BITS + Ip6::BITS, key)?;
        // SAFETY: a pointer from the map is valid; rows don't change in place, as above.
        Some(ask(unsafe { row.as_ref() }))
    }
}

/// Counts what the filter drops. It tells nobody: that would cost more than the drop.
#[inline(always)]
pub(crate) fn count_filtered(reason: DropReason, len: u32) {
    if let Some(counter) = FILTER_DROPS.get_ptr_mut(u32::from(reason.0)) {
        // SAFETY: this CPU's own slot.
        unsafe {
            (*counter).packets += 1;
            (*counter).bytes += u64::from(len);
        }
    }
}
