//! What several cores write at once. The BPF target has no `core::sync::atomic`, so these are the compiler's
//! intrinsics.

use core::intrinsics::{AtomicOrdering, atomic_cxchg, atomic_xadd};

/// Adds without looking at the sum.
///
/// # Safety
/// The pointer is into a map's value, aligned, and everybody else writes there by these functions.
#[inline(always)]
pub(crate) unsafe fn add(counter: *mut u64, amount: u64) {
    // SAFETY: the caller's promise.
    unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(counter, amount) };
}

/// Adds, and gives what was there before.
///
/// # Safety
/// As for [`add`].
#[inline(always)]
pub(crate) unsafe fn take(counter: *mut u64, amount: u64) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::AcqRel }>(counter, amount) }
}

/// Replaces `old` by `new`, and says whether it was there.
///
/// # Safety
/// As for [`add`].
#[inline(always)]
pub(crate) unsafe fn swap_u64(word: *mut u64, old: u64, new: u64) -> bool {
    // SAFETY: the caller's promise.
    unsafe { atomic_cxchg::<u64, { AtomicOrdering::AcqRel }, { AtomicOrdering::Acquire }>(word, old, new).1 }
}

/// Replaces `old` by `new`, and says whether it was there.
///
/// # Safety
/// As for [`add`].
#[inline(always)]
pub(crate) unsafe fn swap_u32(word: *mut u32, old: u32, new: u32) -> bool {
    // SAFETY: the caller's promise.
    unsafe { atomic_cxchg::<u32, { AtomicOrdering::AcqRel }, { AtomicOrdering::Acquire }>(word, old, new).1 }
}

/// Keeps the compiler from moving loads and stores across. The order in which x86's cores see each other's stores is
/// the program's; a port to arm64 needs more here.
#[inline(always)]
pub(crate) fn compiler_barrier() {
    // SAFETY: no instruction at all.
    unsafe { core::arch::asm!("", options(nostack, preserves_flags)) };
}
