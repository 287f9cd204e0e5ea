//! What the kernel has set aside for connections, by its own account, over how many there is room for.

use crate::report::{Bar, Row};
use crate::sample::Sample;
use anyhow::{Context as _, Result};
use aya::maps::MapData;
use groundplane_abi::map;
use groundplane_tests::kernel::LoadedKernel;
use std::os::fd::{AsFd as _, AsRawFd as _};

/// A host's own.
const FLOWS: u32 = 131_072;

pub(crate) fn measure() -> Result<Vec<Row>> {
    let kernel = LoadedKernel::load("memory", FLOWS)?;
    let mut whole = 0;
    for name in map::all() {
        whole += memory(&kernel, name)?;
    }
    let families = [
        ("IPv4", [map::ip4::FLOWS, map::ip4::RING], 450.0),
        ("IPv6", [map::ip6::FLOWS, map::ip6::RING], 650.0),
    ];
    let mut rows = Vec::new();
    for (family, tables, bar) in families {
        // Half of the ring is for mappings of NAT gateways and load balancers.
        let bytes = memory(&kernel, tables[0])? + memory(&kernel, tables[1])? / 2;
        let connections = FLOWS / 2;
        let each = Sample::of(vec![bytes as f64 / f64::from(connections)])?;
        let what = format!("memory of an {family} connection");
        let row = Row::new(what, "bytes", each, ("bar", Sample::of(vec![bar])?), Bar::AtMost(1.0))?;
        rows.push(row.note(format!(
            "{} bytes for {connections} connections; all tables of both families take {:.0} MiB",
            bytes,
            whole as f64 / f64::from(1 << 20)
        )));
    }
    Ok(rows)
}

/// `memlock` of a map's file: what the kernel has allocated for it.
fn memory(kernel: &LoadedKernel, name: &str) -> Result<u64> {
    let map = MapData::from_pin(kernel.pins().join(name)).with_context(|| format!("open map {name}"))?;
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", map.fd().as_fd().as_raw_fd()))?;
    let bytes = info.lines().find_map(|line| line.strip_prefix("memlock:"));
    let bytes = bytes.context("the kernel doesn't say how much memory a map takes")?;
    Ok(bytes.trim().parse()?)
}
