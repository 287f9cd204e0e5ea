//! How full the tables are, and what they take of the kernel's memory.

use super::batch;
use crate::install::error::{Error, Result, bpf};
use aya::maps::{MapData, MapType};
use aya::util::nr_cpus;
use groundplane_abi::map;
use serde::{Deserialize, Serialize};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::Path;

/// One table. Field names are part of the command's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFill {
    pub table: String,
    /// In both banks together; none if it always has all of them.
    pub rows: Option<u64>,
    pub capacity: u64,
    /// What the kernel says it takes; none if it doesn't say.
    pub memory_bytes: Option<u64>,
}

/// Every table pinned in a directory.
pub(super) fn all(pins: &Path) -> Result<Vec<TableFill>> {
    map::all().map(|name| fill(pins, name)).collect()
}

fn fill(pins: &Path, name: &str) -> Result<TableFill> {
    let what = || format!("look at table {name}");
    let data = bpf(MapData::from_pin(pins.join(name)), what)?;
    let info = bpf(data.info(), what)?;
    let key = info.key_size() as usize;
    let value = info.value_size() as usize;
    let rows = match bpf(info.map_type(), what)? {
        MapType::Hash | MapType::LruHash | MapType::LpmTrie => Some(batch::count(data.fd().as_fd(), name, key, value)?),
        MapType::PerCpuHash => {
            let cpus = nr_cpus().map_err(|(file, error)| Error::Io {
                what: format!("read {file}"),
                error,
            })?;
            let of_all_cpus = value.next_multiple_of(8) * cpus;
            Some(batch::count(data.fd().as_fd(), name, key, of_all_cpus)?)
        }
        _ => None,
    };
    Ok(TableFill {
        table: name.to_owned(),
        rows,
        capacity: u64::from(info.max_entries()),
        memory_bytes: memory(data.fd().as_fd().as_raw_fd()),
    })
}

/// What the kernel says of a descriptor of ours.
fn memory(descriptor: i32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}")).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix("memlock:"))?;
    value.trim().parse().ok()
}
