//! The drops that the datapath tells of, read from its ring buffer by whoever listens.
//!
//! The kernel knows one reader, who tells it how far he has read. Here everybody reads for himself and that word only
//! ever moves forward, so that several listeners hear the same: what one has read stays where it is until the buffer
//! comes round to it, and who is a whole round late notices.

use crate::install::error::{Doing as _, Result, bpf};
use crate::install::kernel::table::open;
use aya::maps::{MapData, PerCpuArray};
use groundplane_abi::event::{Event, EventLimit};
use groundplane_abi::map;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use std::ffi::c_void;
use std::fmt;
use std::num::NonZeroUsize;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// Everything told from the moment of opening on.
pub struct Events {
    map: MapData,
    limits: PerCpuArray<MapData, EventLimit>,
    reader: Mapping,
    writer: Mapping,
    /// A power of two.
    size: u64,
    /// How far this listener has read.
    position: u64,
    /// What `limits` had counted at the start.
    lost_before: u64,
    /// How often this listener was late by a round.
    late: u64,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// What stands at a position.
enum Record {
    Event(Event),
    /// Nothing for listeners.
    Other,
    /// It is being written.
    Unfinished,
    /// It has been written over.
    Overwritten,
}

const HEADER_LEN: u64 = 8;
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;

impl Events {
    pub(super) fn open(pins: &Path) -> Result<Self> {
        let path = pins.join(map::EVENTS);
        let what = || format!("open {}", path.display());
        let map = bpf(MapData::from_pin(&path), what)?;
        let size = u64::from(bpf(map.info(), what)?.max_entries());
        let page = page_size();
        let read_write = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let reader = Mapping::new(&map, page, read_write, 0)?;
        // The kernel maps the buffer twice in a row, so that no record has a gap.
        let writer = Mapping::new(&map, page + 2 * size as usize, ProtFlags::PROT_READ, page)?;
        let mut events = Self {
            limits: open(pins, map::EVENT_LIMITS)?,
            map,
            position: 0,
            reader,
            writer,
            size,
            lost_before: 0,
            late: 0,
        };
        // What was told before is nobody's, and makes room.
        events.position = events.written();
        events.release();
        events.lost_before = events.counted_lost()?;
        Ok(events)
    }

    /// Waits until something may have been told, or for that many milliseconds.
    pub fn wait(&self, milliseconds: u16) -> Result<()> {
        let mut ready = [PollFd::new(self.map.fd().as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, PollTimeout::from(milliseconds)) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error).doing(|| "wait for events".to_owned()),
        }
    }

    /// How many events were not told since the start: beyond the rate, or because nobody read fast enough.
    pub fn lost(&self) -> Result<u64> {
        Ok(self.counted_lost()?.saturating_sub(self.lost_before))
    }

    /// How often this listener was so late that it missed some that were told.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late
    }

    fn counted_lost(&self) -> Result<u64> {
        let cpus = bpf(self.limits.get(&0, 0), || "read table EVENT_LIMITS".to_owned())?;
        Ok(cpus.iter().map(|cpu| cpu.lost).sum())
    }

    fn advance(&mut self, len: u32) {
        self.position += (HEADER_LEN + u64::from(len)).next_multiple_of(8);
        self.release();
    }

    /// Tells the kernel that what was read may be written over.
    fn release(&self) {
        self.reader.word64(0).fetch_max(self.position, Ordering::AcqRel);
    }

    /// How far the kernel has written.
    fn written(&self) -> u64 {
        self.writer.word64(0).load(Ordering::Acquire)
    }

    /// Copies the record at the position, and its length.
    fn read(&self) -> (u32, Record) {
        let start = page_size() + (self.position & (self.size - 1)) as usize;
        let header = self.writer.word32(start).load(Ordering::Acquire);
        let len = header & !(BUSY | DISCARDED);
        let mut event = [0_u32; size_of::<Event>() / 4];
        let data = start + HEADER_LEN as usize;
        for (word, offset) in event.iter_mut().zip((data..).step_by(4)) {
            *word = self.writer.word32(offset).load(Ordering::Relaxed);
        }
        // The copy is done before it is asked whether it was still the same record all the time. The kernel writes the
        // next header before it says so.
        fence(Ordering::Acquire);
        if self.written() + HEADER_LEN - self.position > self.size {
            return (len, Record::Overwritten);
        }
        if header & BUSY != 0 {
            return (len, Record::Unfinished);
        }
        if header & DISCARDED != 0 || len as usize != size_of::<Event>() {
            return (len, Record::Other);
        }
        (len, Record::Event(bytemuck::cast(event)))
    }
}

impl Iterator for Events {
    type Item = Event;

    /// The next event, if one has been told; later there may be more.
    fn next(&mut self) -> Option<Event> {
        while self.position < self.written() {
            let (len, record) = self.read();
            match record {
                Record::Unfinished => return None,
                Record::Overwritten => {
                    self.late += 1;
                    self.position = self.written();
                }
                Record::Other => self.advance(len),
                Record::Event(event) => {
                    self.advance(len);
                    return Some(event);
                }
            }
        }
        None
    }
}

fn page_size() -> usize {
    // SAFETY: the call takes a number and answers with one.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

/// Memory shared with the kernel. Words in it are reached as atomics alone, since others write to them.
struct Mapping {
    start: NonNull<c_void>,
    len: NonZeroUsize,
}

// SAFETY: the pointer is to a mapping that belongs to this value alone and is unmapped when it is dropped, on whatever
// thread that is.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(map: &MapData, len: usize, access: ProtFlags, offset: usize) -> Result<Self> {
        let what = || "map the ring buffer of events into memory".to_owned();
        let len = NonZeroUsize::new(len).ok_or(Errno::EINVAL).doing(what)?;
        let offset = i64::try_from(offset).map_err(|_| Errno::EINVAL).doing(what)?;
        // SAFETY: a new mapping at an address the kernel chooses touches no memory that anybody has. The kernel refuses
        // a length that the map doesn't have.
        let start = unsafe { mmap(None, len, access, MapFlags::MAP_SHARED, map.fd().as_fd(), offset) };
        Ok(Self {
            start: start.doing(what)?,
            len,
        })
    }

    fn word32(&self, offset: usize) -> &AtomicU32 {
        assert!(
            offset.is_multiple_of(4) && offset + 4 <= self.len.get(),
            "a word of the mapping"
        );
        // SAFETY: as asserted the word lies in the mapping, which is readable and lives as long as this value; its
        // start is aligned to a page.
        unsafe { self.start.byte_add(offset).cast::<AtomicU32>().as_ref() }
    }

    fn word64(&self, offset: usize) -> &AtomicU64 {
        assert!(
            offset.is_multiple_of(8) && offset + 8 <= self.len.get(),
            "a word of the mapping"
        );
        // SAFETY: as above.
        unsafe { self.start.byte_add(offset).cast::<AtomicU64>().as_ref() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and no reference into it outlives a method call. A failure would
        // leave it mapped, which harms nobody.
        let _ = unsafe { munmap(self.start, self.len.get()) };
    }
}
