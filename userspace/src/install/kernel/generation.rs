//! The one word whose change applies a configuration, and the wait until nobody reads the old one.

use crate::install::error::{Doing as _, Result, bpf};
use aya::maps::MapData;
use groundplane_abi::control::Generation;
use groundplane_abi::map;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use std::ffi::c_void;
use std::fmt;
use std::num::NonZeroUsize;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The map is one page in memory, shared with the kernel.
const PAGE: NonZeroUsize = NonZeroUsize::new(4096).expect("is not zero");

/// The generation in force, mapped into memory: updating the map by a system call would copy the word byte by byte,
/// and a packet could see half of it.
pub(super) struct GenerationWord {
    page: NonNull<c_void>,
}

// SAFETY: the pointer is to a mapping that belongs to this value alone and is unmapped when it is dropped, on whatever
// thread that is; the word in it is only reached as an atomic.
unsafe impl Send for GenerationWord {}
// SAFETY: as above; several threads may use an atomic at once.
unsafe impl Sync for GenerationWord {}

impl fmt::Debug for GenerationWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GenerationWord").field(&self.get()).finish()
    }
}

impl GenerationWord {
    pub(super) fn open(pins: &Path) -> Result<Self> {
        let path = pins.join(map::GENERATION);
        let map = bpf(MapData::from_pin(&path), || format!("open {}", path.display()))?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at an address the kernel chooses touches no memory that anybody has. The map is made
        // to be mapped, else the call fails, and such a map is a whole number of pages.
        let page = unsafe { mmap(None, PAGE, access, MapFlags::MAP_SHARED, map.fd().as_fd(), 0) };
        Ok(Self {
            page: page.doing(|| format!("map {} into memory", path.display()))?,
        })
    }

    pub(super) fn get(&self) -> Generation {
        Generation(self.word().load(Ordering::Acquire))
    }

    /// Puts a generation in force. Every row of it has been written by then: system calls, each of which is a barrier.
    pub(super) fn set(&self, generation: Generation) {
        self.word().store(generation.0, Ordering::Release);
    }

    fn word(&self) -> &AtomicU64 {
        // SAFETY: the page is mapped readable and writable for as long as this value lives, and its start is aligned
        // to a page. Everyone who writes the word does it by one aligned 8-byte store; the kernel's programs only
        // read it.
        unsafe { self.page.cast::<AtomicU64>().as_ref() }
    }
}

impl Drop for GenerationWord {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and no reference into it outlives a method call. A failure would
        // leave the page mapped, which harms nobody.
        let _ = unsafe { munmap(self.page, PAGE.get()) };
    }
}

/// Waits until every packet that may have seen the old generation is done.
pub(super) fn wait_for_readers() {
    const MEMBARRIER_CMD_GLOBAL: libc::c_int = 1;
    // SAFETY: the call takes three numbers and reads no memory of ours.
    let answer = unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) };
    if answer != 0 {
        // A kernel with full dynamic ticks refuses. A packet takes microseconds.
        std::thread::sleep(Duration::from_secs(1));
    }
}
