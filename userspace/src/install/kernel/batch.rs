//! Reading a table many elements at a time.
//!
//! Key by key, a table takes two system calls for each element, and an element that is deleted meanwhile makes the
//! kernel begin again. In batches it goes through a hash bucket by bucket: everything that is there throughout is seen
//! once.

use crate::install::error::{Doing as _, Result};
use bytemuck::Pod;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// How many elements are asked for at first. A bucket that has more is asked for again, with more room.
const ROOM: usize = 1024;

/// More than any bucket has: a table's elements spread over as many buckets as it has elements.
const MOST_ROOM: usize = 1 << 20;

/// `BPF_MAP_LOOKUP_BATCH` of the kernel's `enum bpf_cmd`.
const LOOKUP_BATCH: libc::c_int = 24;

/// The kernel's `struct { } batch` in `union bpf_attr`.
#[repr(C)]
struct Attributes {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map: u32,
    element_flags: u64,
    flags: u64,
}

/// Where the kernel goes on: the number of a bucket, or a key, which is never longer.
type Position = [u64; 8];

/// Keys and values as the kernel writes them.
struct Buffer<'a> {
    keys: &'a mut [u8],
    values: &'a mut [u8],
    room: usize,
}

/// One answer of the kernel's.
enum Answer {
    /// So many elements, and there are more from this position on.
    More(usize, Position),
    /// So many elements, and these are the last.
    Last(usize),
    /// The next bucket has more elements than there is room for.
    TooSmall,
}

/// Visits the elements of a hash table, until there are no more or the visitor breaks off.
pub(super) fn each<K: Pod, V: Pod>(
    map: BorrowedFd<'_>,
    name: &str,
    mut visit: impl FnMut(&K, &V) -> ControlFlow<()>,
) -> Result<ControlFlow<()>> {
    let (mut keys, mut values) = (vec![K::zeroed(); ROOM], vec![V::zeroed(); ROOM]);
    let mut position = None;
    loop {
        let buffer = Buffer {
            room: keys.len(),
            keys: bytemuck::cast_slice_mut(&mut keys),
            values: bytemuck::cast_slice_mut(&mut values),
        };
        let (count, next) = match ask(map, position, buffer).doing(|| format!("read table {name}"))? {
            Answer::More(count, next) => (count, Some(next)),
            Answer::Last(count) => (count, None),
            Answer::TooSmall => {
                let room = twice(keys.len()).doing(|| format!("read table {name}"))?;
                keys.resize(room, K::zeroed());
                values.resize(room, V::zeroed());
                continue;
            }
        };
        let mut elements = keys.iter().zip(&values).take(count);
        let flow = elements.try_for_each(|(key, value)| visit(key, value));
        if flow.is_break() || next.is_none() {
            return Ok(flow);
        }
        position = next;
    }
}

/// Counts the elements of a table whose keys and values have so many bytes.
pub(super) fn count(map: BorrowedFd<'_>, name: &str, key: usize, value: usize) -> Result<u64> {
    let mut room = ROOM;
    let (mut position, mut total) = (None, 0);
    loop {
        let (mut keys, mut values) = (vec![0; room * key], vec![0; room * value]);
        let buffer = Buffer {
            keys: &mut keys,
            values: &mut values,
            room,
        };
        match ask(map, position, buffer).doing(|| format!("read table {name}"))? {
            Answer::More(count, next) => {
                total += count as u64;
                position = Some(next);
            }
            Answer::Last(count) => return Ok(total + count as u64),
            Answer::TooSmall => room = twice(room).doing(|| format!("read table {name}"))?,
        }
    }
}

fn twice(room: usize) -> io::Result<usize> {
    if room >= MOST_ROOM {
        return Err(io::Error::from(io::ErrorKind::OutOfMemory));
    }
    Ok(2 * room)
}

fn ask(map: BorrowedFd<'_>, position: Option<Position>, buffer: Buffer<'_>) -> io::Result<Answer> {
    let Buffer { keys, values, room } = buffer;
    let from = position.unwrap_or_default();
    let mut next = Position::default();
    let address = |pointer: *const u8| pointer as u64;
    let mut attributes = Attributes {
        in_batch: if position.is_some() {
            address((&raw const from).cast())
        } else {
            0
        },
        out_batch: address((&raw mut next).cast()),
        keys: address(keys.as_mut_ptr()),
        values: address(values.as_mut_ptr()),
        count: u32::try_from(room).unwrap_or(u32::MAX),
        map: u32::try_from(map.as_raw_fd()).unwrap_or(u32::MAX),
        element_flags: 0,
        flags: 0,
    };
    // SAFETY: the kernel writes at most `room` keys and values, for which there is room and of which any bytes are
    // valid; one position; and the attributes. All of it lives until the call returns.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            LOOKUP_BATCH,
            &raw mut attributes,
            size_of::<Attributes>(),
        )
    };
    let count = (attributes.count as usize).min(room);
    if answer == 0 {
        return Ok(Answer::More(count, next));
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ENOENT) => Ok(Answer::Last(count)),
        error if error.raw_os_error() == Some(libc::ENOSPC) => Ok(Answer::TooSmall),
        error => Err(error),
    }
}
