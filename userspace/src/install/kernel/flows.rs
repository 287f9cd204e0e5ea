//! The flow tables in the kernel, to be read while packets change them.

use super::batch;
use super::retire::{Connection, Family};
use super::table::open;
use crate::install::error::{Doing as _, Error, Result, bpf};
use crate::simulate::SimulatedFamily;
use aya::maps::{Array, HashMap, MapData};
use groundplane_abi::control::Settings;
use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_abi::{Ip, Ip4, Ip6, map};
use groundplane_datapath::FlowTable;
use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

/// Both tables of both families, and the clock that their entries tell the time by.
pub struct FlowTables {
    settings: Array<MapData, Settings>,
    ip4: OfFamily<Ip4>,
    ip6: OfFamily<Ip6>,
}

struct OfFamily<I: Ip> {
    main: Table<I>,
    embryos: Table<I>,
}

type Table<I> = HashMap<MapData, FlowKey<I>, FlowEntry<I>>;

/// The datapath's clock at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub ticks: u64,
    pub ticks_per_second: u32,
}

/// A family that has flow tables in the kernel, and a twin of them on the host.
pub trait Stored: SimulatedFamily + Family + sealed::Tables {}

impl Stored for Ip4 {}
impl Stored for Ip6 {}

/// Connections of both families.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionSet {
    pub(super) ip4: Vec<Connection<Ip4>>,
    pub(super) ip6: Vec<Connection<Ip6>>,
}

impl ConnectionSet {
    pub fn push<I: Stored>(&mut self, connection: Connection<I>) {
        I::list(self).push(connection);
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.ip4.len() + self.ip6.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for FlowTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowTables").finish_non_exhaustive()
    }
}

impl FlowTables {
    /// Those pinned in a directory, in which a datapath has been opened.
    pub fn open(pins: &Path) -> Result<Self> {
        Ok(Self {
            settings: open(pins, map::SETTINGS)?,
            ip4: OfFamily {
                main: open(pins, map::ip4::FLOWS)?,
                embryos: open(pins, map::ip4::EMBRYOS)?,
            },
            ip6: OfFamily {
                main: open(pins, map::ip6::FLOWS)?,
                embryos: open(pins, map::ip6::EMBRYOS)?,
            },
        })
    }

    /// Visits the entries of a table, until there are no more or the visitor breaks off.
    pub fn each<I: Stored>(
        &self,
        table: FlowTable,
        visit: impl FnMut(&FlowEntry<I>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        I::each(self, table, visit)
    }

    /// The entry of a key, if there is one.
    pub fn get<I: Stored>(&self, table: FlowTable, key: &FlowKey<I>) -> Result<Option<FlowEntry<I>>> {
        I::get(self, table, key)
    }

    /// What the datapath's clock shows now.
    pub fn now(&self) -> Result<Moment> {
        let settings = bpf(self.settings.get(&0, 0), || "read table SETTINGS".to_owned())?;
        Ok(Moment {
            ticks: (jiffies()? & settings.clock_mask).wrapping_add(settings.clock_offset),
            ticks_per_second: settings.ticks_per_second,
        })
    }
}

/// The kernel's ticks, which only this file tells.
fn jiffies() -> Result<u64> {
    const PATH: &str = "/proc/timer_list";
    let what = || format!("read {PATH}");
    let text = std::fs::read_to_string(PATH).doing(what)?;
    let mut values = text.lines().filter_map(|line| line.strip_prefix("jiffies: "));
    let ticks = values.next().and_then(|value| value.trim().parse().ok());
    ticks.ok_or_else(|| Error::Io {
        what: what(),
        error: io::Error::other("it doesn't say how many ticks the kernel has counted"),
    })
}

mod sealed {
    use super::{Connection, ConnectionSet, FlowTables, OfFamily, batch};
    use crate::install::error::{Result, bpf};
    use aya::maps::{IterableMap as _, MapError};
    use groundplane_abi::flow::{FlowEntry, FlowKey};
    use groundplane_abi::{Ip, Ip4, Ip6, map};
    use groundplane_datapath::FlowTable;
    use std::ops::ControlFlow;
    use std::os::fd::AsFd as _;

    pub trait Tables: Ip {
        fn each(
            tables: &FlowTables,
            table: FlowTable,
            visit: impl FnMut(&FlowEntry<Self>) -> ControlFlow<()>,
        ) -> Result<ControlFlow<()>>;
        fn get(tables: &FlowTables, table: FlowTable, key: &FlowKey<Self>) -> Result<Option<FlowEntry<Self>>>;
        fn list(set: &mut ConnectionSet) -> &mut Vec<Connection<Self>>;
    }

    macro_rules! tables {
        ($ip:ty, $family:ident) => {
            impl OfFamily<$ip> {
                fn table(&self, table: FlowTable) -> (&super::Table<$ip>, &'static str) {
                    match table {
                        FlowTable::Main => (&self.main, map::$family::FLOWS),
                        FlowTable::Embryos => (&self.embryos, map::$family::EMBRYOS),
                    }
                }
            }

            impl Tables for $ip {
                fn each(
                    tables: &FlowTables,
                    table: FlowTable,
                    mut visit: impl FnMut(&FlowEntry<Self>) -> ControlFlow<()>,
                ) -> Result<ControlFlow<()>> {
                    let (map, name) = tables.$family.table(table);
                    batch::each(map.map().fd().as_fd(), name, |_: &FlowKey<Self>, entry| {
                        visit(entry)
                    })
                }

                fn get(tables: &FlowTables, table: FlowTable, key: &FlowKey<Self>) -> Result<Option<FlowEntry<Self>>> {
                    let (map, name) = tables.$family.table(table);
                    match map.get(key, 0) {
                        Err(MapError::KeyNotFound) => Ok(None),
                        other => bpf(other, || format!("read table {name}")).map(Some),
                    }
                }

                fn list(set: &mut ConnectionSet) -> &mut Vec<Connection<Self>> {
                    &mut set.$family
                }
            }
        };
    }

    tables!(Ip4, ip4);
    tables!(Ip6, ip6);
}
